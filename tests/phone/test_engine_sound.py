"""Speech goes through the engine both ways, by real callers; a call on hold neither hears nor is heard."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.peers.caller import sipp
from tests.peers.registrar import Pbx
from tests.peers.rtp import Pcm, Voice
from tests.phone.desk import Told, desk, settings_for
from tests.phone.raw import SDP, Dialog, Raw, field
from tests.waiting import wait_until
from workstation.demo.play import AGAIN, ALIKE
from workstation.demo.process import free_port
from workstation.demo.speech import correlation, speech
from workstation.phone import wire

CALLER = "Tolong, ada kebakaran di Batu Merah, rumah di belakang masjid."
OPERATOR = "Seratus dua belas Kota Ambon, di mana lokasinya? Tetap di telepon."


def write_wav(path: Path, pcm: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.tobytes())


def read_wav(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def a_talk(folder: Path, pbx: Pbx) -> tuple[Told, float, float]:
    """A call in which both speak: what was told, and how much of the other each has heard."""
    folder.mkdir()
    said, spoken = speech(OPERATOR), speech(CALLER)
    write_wav(folder / "mic.wav", said)
    files = f"file:{folder / 'mic.wav'},{folder / 'ear.wav'}"
    with desk(settings_for(folder / "d", pbx, null_audio=False, input=files)) as told:
        told.registered()
        with sipp(pbx, folder, speech=spoken) as caller:
            ring = told.wait(wire.Ringing)
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()
            level = told.wait(wire.Levels)
            assert 0 <= level.rx <= 1
            caller.wait_spoken()
            wait_until(lambda: len(caller.heard()) > len(said) + 4000, 30, what="the operator has spoken")
            told.line.hang_up()
            caller.wait_over()
            heard = caller.heard()
        told.wait(wire.Ended)
        wait_until(lambda: not told.line.calls, 20)
    return told, correlation(said, heard), correlation(spoken, read_wav(folder / "ear.wav"))


@pytest.mark.promise("P3")
def test_each_side_hears_what_the_other_said(tmp_path: Path, pbx: Pbx) -> None:
    """In one call of three: a machine that stands still for a moment cuts a sound, and people say it again."""
    alike = []
    for n in range(AGAIN):
        told, at_caller, at_desk = a_talk(tmp_path / str(n), pbx)
        alike.append((at_caller, at_desk))
        if min(alike[-1]) >= ALIKE:
            break
    assert min(alike[-1]) >= ALIKE, alike
    assert any(e.rx > 0.2 for e in told.all(wire.Levels)) and any(e.tx > 0.2 for e in told.all(wire.Levels))


TONE = (8000 * np.sin(np.arange(8000 * 60) * 2 * np.pi * 440 / 8000)).astype(np.int16)


def loud(voice: Voice, after: int) -> bool:
    """Whether the last tenth of a second of what came after sample `after` is loud."""
    heard = voice.heard()[after:].astype(float)
    return len(heard) > 1600 and float(np.sqrt(np.mean(heard[-800:] ** 2))) > 1000


def silent(voice: Voice) -> None:
    """Wait until half a second on end is silent, of what comes from now on."""
    mark = len(voice.heard())

    def quiet() -> bool:
        came = voice.heard()[mark:].astype(int)
        return len(came) > 4000 and not np.any(np.abs(came[-4000:]) > 100)

    wait_until(quiet, 10, what="silence is sent, not nothing")


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[[], tuple[Told, Dialog, Voice, bytes]]]:
    """Calls that are up, with the operator humming."""
    write_wav(tmp_path / "mic.wav", TONE)
    port = free_port()
    files = f"file:{tmp_path / 'mic.wav'},{tmp_path / 'ear.wav'}"
    with contextlib.ExitStack() as stack:
        settings = settings_for(tmp_path / "d", port=port, peers=("127.0.0.1",), null_audio=False, input=files)
        told = stack.enter_context(desk(settings))

        def begin() -> tuple[Told, Dialog, Voice, bytes]:
            raw = stack.enter_context(Raw(port))
            voice = Voice(np.zeros(0, np.int16))
            stack.callback(voice.stop)
            call = raw.dialog()
            raw.send(call.invite(body=SDP.replace(b"40000", str(voice.port).encode())))
            call.learn(raw.until("SIP/2.0 180"))
            offer = bytes.fromhex(told.wait(wire.Ringing, sip_call_id=call.call_id).offer)
            told.line.answer(offer)
            raw.until("SIP/2.0 200")
            raw.send(call.request("ACK"))
            told.wait(wire.Answered, offer=offer.hex())
            return told, call, voice, offer

        yield begin


def changed(call: Dialog, voice: Voice, way: bytes = b"") -> None:
    """Take the desk's re-INVITE."""
    ask = call.raw.until("INVITE")
    call.answer(ask, SDP.replace(b"40000", str(voice.port).encode()) + way)
    call.raw.until("ACK", cseq=field(ask, "CSeq").replace("INVITE", "ACK"))


def test_mute_is_silence_for_the_caller(talk: Callable[[], tuple[Told, Dialog, Voice, bytes]]) -> None:
    told, _, voice, _ = talk()
    wait_until(lambda: loud(voice, 0), 10, what="the operator is heard")
    told.line.mute(True)
    told.wait(wire.Muted, on=True)
    silent(voice)
    told.line.mute(False)
    mark = len(voice.heard())
    wait_until(lambda: loud(voice, mark), 10, what="heard again after the mute")


@pytest.mark.promise("P7")
def test_of_two_callers_only_the_one_that_is_up_hears_the_operator(
    talk: Callable[[], tuple[Told, Dialog, Voice, bytes]],
) -> None:
    told, first, one, offer = talk()
    wait_until(lambda: loud(one, 0), 10, what="the operator is heard")
    told.line.hold()
    changed(first, one, b"a=recvonly\r\n")
    told.wait(wire.Held, offer=offer.hex())
    silent(one)
    _, second, two, other = talk()
    wait_until(lambda: loud(two, 0), 10, what="the second caller hears the operator")
    silent(one)
    # The first caller gives up while on hold: the second goes on hearing the operator.
    first.raw.send(first.next("BYE"))
    first.raw.until("SIP/2.0 200", cseq=f"{first.cseq} BYE")
    told.wait(wire.Ended, offer=offer.hex())
    mark = len(two.heard())
    wait_until(lambda: loud(two, mark), 10, what="the second caller still hears the operator")
    told.line.hold()
    changed(second, two, b"a=recvonly\r\n")
    silent(two)
    told.line.resume()
    changed(second, two)
    mark = len(two.heard())
    wait_until(lambda: loud(two, mark), 10, what="heard again after the hold")
    assert told.line.state.talking == other
