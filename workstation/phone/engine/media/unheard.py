"""Sound without a sound card: the call goes on at its real pace, and nobody hears it; or a WAV file takes the place
of the ear.

Both pace themselves by the clock, so that playout, RTP and levels do what they do with a card. The screen is told
that the device is a null one either way.
"""

from __future__ import annotations

import contextlib
import logging
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workstation.domain.hlc import Clock

Pcm = npt.NDArray[np.int16]
log = logging.getLogger("tahuri.phone")
RATE = 8000
_BEHIND_MOST = RATE // 5


class Unheard:
    """A null device for one call: silence in, nothing out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._played = 0

    def open_call(self) -> None:
        self._since, self._played = self._clock.monotonic_s(), 0

    def close_call(self) -> None:
        self._since = None

    def read(self, n: int) -> Pcm:
        return np.zeros(n, np.int16)

    def room(self) -> int:
        if self._since is None:
            return 0
        due = int((self._clock.monotonic_s() - self._since) * RATE) - self._played
        if due > _BEHIND_MOST:  # the machine slept: a device would not play it after the fact either
            self._played += due - _BEHIND_MOST
            due = _BEHIND_MOST
        return due

    def write(self, pcm: Pcm) -> None:
        self._played += len(pcm)


class Files(Unheard):
    """WAV files as headset: `said` is what the operator says from the start of each call, `heard` gets what would be
    heard.

    `said` must be 16 bit PCM, one channel, 8 kHz; raises ValueError otherwise, OSError where a file can't be read or
    made. An empty name leaves that side out. Ringing is not recorded.
    """

    def __init__(self, clock: Clock, said: str, heard: str) -> None:
        super().__init__(clock)
        self._voice = _read(Path(said)) if said else np.zeros(0, np.int16)
        self._at = 0
        self._path = heard
        self._file: wave.Wave_write | None = None
        if heard:
            with Path(heard).open("ab"):
                pass

    def open_call(self) -> None:
        super().open_call()
        self._at = 0
        if self._path and self._file is None:
            file = wave.open(self._path, "wb")  # noqa: SIM115 - it stays open as long as the call does
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            self._file = file

    def close_call(self) -> None:
        super().close_call()
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def read(self, n: int) -> Pcm:
        out = np.zeros(n, np.int16)
        piece = self._voice[self._at : self._at + n]
        out[: len(piece)] = piece
        self._at += n
        return out

    def write(self, pcm: Pcm) -> None:
        super().write(pcm)
        if self._file is not None:
            try:
                # Each piece puts the header right too, so that the file can be read while the call goes on.
                self._file.writeframes(pcm.tobytes())
            except OSError as error:
                log.error("the sound file can't be written: %s", error)
                self._file = None


def _read(path: Path) -> Pcm:
    with contextlib.closing(wave.open(str(path), "rb")) as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise ValueError(f"{path.name}: 16 bit, one channel, {RATE} Hz is expected")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)
