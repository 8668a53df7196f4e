"""The sound devices of a desk: headset for the call, every output for the ring. The only file that knows `sounddevice`.

`open_audio` never raises: without the library, a card or the named device the call goes on with a null device, and
`Audio.device` says so with a sentence and a remedy. Opening and closing devices takes up to a second and may hang in a
driver, so a thread of its own does it (`sound`); the call's media thread and the devices' callbacks meet in ring
buffers only.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from workstation.domain.hlc import Clock, SystemClock
from workstation.domain.sentence import NOTHING, Sentence, one_after_another, say
from workstation.words import english

from .media import tones
from .media.lines import BLOCK, RATE, Ear, Line, Mouth, Opener, Pcm
from .media.unheard import Files, Unheard

log = logging.getLogger("tahuri.phone")
L = TypeVar("L", bound=Line)

_FIRST_LOOK_S = 4.0
_WATCH_S = 0.25
_AGAIN_S = 2.0
_RING_AGAIN_S = 60.0
_LATENCY_S = 0.040


class SoundSettings(Protocol):
    """What of the phone's settings concerns sound; names of devices, "" = the system's own choice."""

    @property
    def input(self) -> str: ...

    @property
    def output(self) -> str: ...

    @property
    def ring_outputs(self) -> tuple[str, ...]: ...

    @property
    def null_audio(self) -> bool: ...


class Device(NamedTuple):
    """What the screen is told. `null`: some side of a call is not heard; then `sentence` says why and what to do."""

    input: str
    output: str
    null: bool
    sentence: Sentence


def open_audio(
    settings: SoundSettings, clock: Clock | None = None, changed: Callable[[Device], None] | None = None
) -> Audio:
    """The desk's sound. Never raises. `changed` is called on the sound thread whenever `Audio.device` becomes
    another.
    """
    audio = Audio(settings, clock or SystemClock(), changed)
    audio.begin()
    return audio


class Audio:
    """A call's microphone and ear (`media.Sound`), and the ring. `device` is what the screen is told."""

    def __init__(self, settings: SoundSettings, clock: Clock, changed: Callable[[Device], None] | None) -> None:
        self._settings, self._clock, self._changed = settings, clock, changed
        self._device = Device("", "", False, NOTHING)
        self._null: Unheard = Unheard(clock)
        self._cards: _Cards | None = None
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._in_call = self._ringing = self._soft = False
        self._mouth: Mouth | None = None
        self._ear: Ear | None = None
        self._rings: dict[str, Ear] = {}
        self._failed_at: dict[str, float] = {}
        self._down: dict[str, Sentence] = {}  # side of a call -> why it is not heard
        self._looked = threading.Event()
        self._thread: threading.Thread | None = None

    # ---- for the engine

    @property
    def device(self) -> Device:
        return self._device

    def begin(self) -> None:
        """Look for the devices; waits a few seconds at most for a sound system that does not answer."""
        if (
            self._settings.null_audio
            or self._settings.input.startswith("file:")
            or self._settings.output.startswith("file:")
        ):
            self._without_card()
            return
        self._thread = threading.Thread(target=self._work, name="sound", daemon=True)
        self._thread.start()
        if not self._looked.wait(_FIRST_LOOK_S):
            self._tell(Device("", "", True, say("sound.hangs")))

    def ring(self, on: bool, soft: bool = False) -> None:
        """Ring at every output, or softly in the headset: always softly while a call is up (promise P7)."""
        self._ringing, self._soft = on, soft
        self._wanted.put("look")

    def close(self) -> None:
        """Stop every sound and give all devices back. Twice is harmless."""
        self._wanted.put("end")
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(3.0)
        self._null.close_call()

    # ---- for the call's media thread (`media.Sound`)

    def open_call(self) -> None:
        self._null.open_call()
        self._in_call = True
        self._wanted.put("look")

    def close_call(self) -> None:
        self._in_call = False
        self._null.close_call()
        self._wanted.put("look")

    def read(self, n: int) -> Pcm:
        mouth = self._mouth
        return mouth.read(n) if mouth is not None else self._null.read(n)

    def room(self) -> int:
        ear = self._ear
        due = self._null.room()  # asked always, so that its time runs on and it can take over at once
        return ear.room() if ear is not None else due

    def write(self, pcm: Pcm) -> None:
        ear = self._ear
        self._null.write(pcm)
        if ear is not None:
            ear.write(pcm)

    # ---- the sound thread

    def _without_card(self) -> None:
        said, heard = _file(self._settings.input, 0), _file(self._settings.output or self._settings.input, -1)
        if self._settings.null_audio:
            self._tell(Device("", "", True, say("sound.chosen_null")))
            return
        try:
            self._null = Files(self._clock, said, heard)
            self._tell(Device(self._settings.input, self._settings.output, True, say("sound.files")))
        except (OSError, ValueError, EOFError) as error:
            self._tell(Device("", "", True, say("sound.bad_file", error=str(error))))
        except Exception as error:  # wave.Error has no base but Exception
            self._tell(Device("", "", True, say("sound.bad_file", error=str(error))))

    def _work(self) -> None:
        try:
            self._cards = _Cards()
            self._find()
        except _NoSound as reason:
            self._tell(Device("", "", True, reason.sentence))
        finally:
            self._looked.set()
        while True:
            busy = self._ear or self._mouth or self._rings or self._in_call or self._ringing
            word = ""
            with contextlib.suppress(queue.Empty):
                word = self._wanted.get(timeout=_WATCH_S if busy else None)
            if word == "end":
                self._silence()
                return
            try:
                self._settle()
            except Exception:
                log.exception("sound: devices could not be settled")

    def _find(self) -> None:
        assert self._cards is not None
        names = {"input": "", "output": ""}
        for side in names:
            try:
                names[side] = self._cards.find(getattr(self._settings, side), side)
            except _NoSound as reason:
                self._down[side] = reason.sentence
        self._device = self._device._replace(input=names["input"], output=names["output"])
        self._judge()

    def _judge(self) -> None:
        """What the screen is told follows from which sides of a call are down."""
        sentence = one_after_another(list(self._down.values()))
        self._tell(self._device._replace(null=bool(self._down), sentence=sentence))

    def _tell(self, device: Device) -> None:
        if device != self._device:
            self._device = device
            if device.null:
                log.info("sound: %s", english(device.sentence))
            if self._changed is not None:
                self._changed(device)

    def _settle(self) -> None:
        """Make the open devices what call and ring ask for, and notice those that died."""
        if self._cards is None:
            return
        self._bury()
        loud = self._ringing and not self._soft and not self._in_call
        softly = self._ringing and not loud
        if not (self._in_call or softly):
            _closed(self._ear)
            _closed(self._mouth)
            self._ear = self._mouth = None
        # The loud ring stops before the call's devices open: one output may be both.
        for name in list(self._rings):
            if not loud:
                _closed(self._rings.pop(name))
        if (self._in_call or softly) and self._ear is None:
            self._ear = self._open(Ear, self._device.output, "output")
        if self._in_call and self._mouth is None:
            self._mouth = self._open(Mouth, self._device.input, "input")
        if self._ear is not None:
            self._ear.accompany(tones.soft_tone() if softly else None)
        if loud:
            self._ring_everywhere()

    def _ring_everywhere(self) -> None:
        assert self._cards is not None
        for name in self._cards.outputs(self._settings.ring_outputs):
            if name not in self._rings:
                ear = self._open(Ear, name, "")
                if ear is not None:
                    ear.accompany(tones.loud_ring())
                    self._rings[name] = ear

    def _open(self, kind: Callable[[str, Opener], L], name: str, side: str) -> L | None:
        """An open line, None when it can't be had; then it is tried again, but not at once."""
        now = self._clock.monotonic_s()
        key = f"{side}:{name}"
        pause = _AGAIN_S if side else _RING_AGAIN_S
        if not name or now - self._failed_at.get(key, -pause) < pause:
            return None
        assert self._cards is not None
        try:
            line = kind(name, self._cards.open)
        except Exception as error:
            # PortAudio's own errors, and whatever a driver throws through it: the call must go on.
            self._failed_at[key] = now
            log.info("sound: %s can't be opened: %s", name, error)
            if side:
                self._down.setdefault(side, say("sound.not_opened", name=name))
                self._judge()
            return None
        if self._down.pop(side, NOTHING):
            self._judge()
        return line

    def _bury(self) -> None:
        now = self._clock.monotonic_s()
        for side, line in (("output", self._ear), ("input", self._mouth)):
            if line is not None and line.dead(now):
                line.close()
                self._down[side] = say("sound.lost", name=line.name)
                if side == "output":
                    self._ear = None
                else:
                    self._mouth = None
                self._judge()
        for name, line in list(self._rings.items()):
            if line.dead(now):
                _closed(self._rings.pop(name))

    def _silence(self) -> None:
        for line in (self._ear, self._mouth, *self._rings.values()):
            _closed(line)
        self._ear = self._mouth = None
        self._rings.clear()


class _NoSound(Exception):
    """There is no device to use; `sentence` is for the screen."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


class _Cards:
    """What PortAudio knows of the machine. Raises _NoSound where there is no library."""

    #: ALSA's names for "some other device": ringing on them too would ring one loudspeaker several times.
    _ALIASES = frozenset(
        [
            "default",
            "sysdefault",
            "pulse",
            "pipewire",
            "jack",
            "oss",
            "dmix",
            "null",
            "lavrate",
            "samplerate",
            "speexrate",
            "speex",
            "upmix",
            "vdownmix",
        ]
    )

    def __init__(self) -> None:
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            log.info("sound: no library: %s", error)
            raise _NoSound(say("sound.no_library")) from None
        self.library: Any = sounddevice
        self._devices = self._list()

    def _list(self) -> list[dict[str, Any]]:
        try:
            devices = [dict(device) for device in self.library.query_devices()]
        except Exception as error:
            log.info("sound: devices can't be listed: %s", error)
            return []
        if sys.platform == "win32":
            # Each device stands once for each of four interfaces; WASAPI is the one with the short way.
            names = [api["name"] for api in self.library.query_hostapis()]
            if "Windows WASAPI" in names:
                devices = [device for device in devices if names[device["hostapi"]] == "Windows WASAPI"]
        return devices

    def _of(self, side: str) -> list[str]:
        return [device["name"] for device in self._devices if device[f"max_{side}_channels"] > 0]

    def find(self, wanted: str, side: str) -> str:
        """The device's whole name: exactly as wanted, else one that begins so; "" asks for the system's own choice."""
        there = self._of(side)
        if not there:
            raise _NoSound(say("sound.no_card"))
        if not wanted:
            with contextlib.suppress(Exception):
                return str(self.library.query_devices(kind=side)["name"])
            return there[0]
        for name in there:
            if name == wanted:
                return name
        for name in there:
            if name.casefold().startswith(wanted.casefold()):
                return name
        raise _NoSound(_not_found(wanted, there, side))

    def outputs(self, only: Sequence[str]) -> list[str]:
        """Where to ring: the outputs named, else every one that is a device of its own."""
        there = self._of("output")
        if only:
            return [name for name in there if any(name.casefold().startswith(each.casefold()) for each in only)]
        own = [name for name in there if name.split(":")[0].split(",")[0] not in self._ALIASES]
        return own or there

    def number(self, name: str, side: str) -> int:
        """PortAudio's number of a device: names may repeat across its interfaces."""
        for device in self._devices:
            if device["name"] == name and device[f"max_{side}_channels"] > 0:
                return int(device["index"])
        raise _NoSound(_not_found(name, self._of(side), side))

    def open(self, name: str, side: str, callback: Callable[..., None]) -> Any:
        """A started stream of one channel at 48 kHz; raises whatever PortAudio raises."""
        windows = sys.platform == "win32"
        kind = self.library.OutputStream if side == "output" else self.library.InputStream
        stream = kind(
            device=self.number(name, side),
            samplerate=RATE,
            channels=1,
            dtype="int16",
            blocksize=BLOCK,
            latency="low" if windows else _LATENCY_S,
            callback=callback,
            # The system converts where a device can't do this rate.
            extra_settings=self.library.WasapiSettings(auto_convert=True) if windows else None,
        )
        try:
            stream.start()
        except Exception:
            stream.close()
            raise
        return stream


def _not_found(name: str, there: Sequence[str], side: str) -> Sentence:
    return say("sound.not_found", name=name, there=", ".join(there), side=side)


def _closed(line: Line | None) -> None:
    if line is not None:
        line.close()


def _file(setting: str, part: int) -> str:
    """The path in `file:in.wav,out.wav` (part 0 or -1) or in `file:one.wav`."""
    return setting.removeprefix("file:").split(",")[part].strip() if setting.startswith("file:") else ""
