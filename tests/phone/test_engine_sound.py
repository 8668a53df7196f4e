"""Speech goes through the engine both ways, by real callers; a call on hold neither hears nor is heard."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from tests.peers.caller import sipp
from tests.peers.registrar import Pbx
from tests.peers.rtp import Pcm
from tests.peers.speech import correlation, speech
from tests.phone.desk import desk, settings_for
from tests.waiting import wait_until
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


@pytest.mark.promise("P3")
def test_each_side_hears_what_the_other_said(tmp_path: Path, pbx: Pbx) -> None:
    said, spoken = speech(OPERATOR), speech(CALLER)
    write_wav(tmp_path / "mic.wav", said)
    files = f"file:{tmp_path / 'mic.wav'},{tmp_path / 'ear.wav'}"
    settings = settings_for(tmp_path / "d", pbx, null_audio=False, input=files)
    with desk(settings) as told:
        told.registered()
        with sipp(pbx, tmp_path, speech=spoken) as caller:
            ring = told.wait(wire.Ringing)
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()
            loud = told.wait(wire.Levels, deadline_s=5)
            assert 0 <= loud.rx <= 1
            caller.wait_spoken()
            wait_until(lambda: len(caller.heard()) > len(said) + 4000, 30, what="the operator has spoken")
            told.line.hang_up()
            caller.wait_over()
            heard = caller.heard()
        told.wait(wire.Ended)
        wait_until(lambda: not told.line.calls, 5)
    assert correlation(said, heard) >= 0.9
    assert correlation(spoken, read_wav(tmp_path / "ear.wav")) >= 0.9
    assert any(e.rx > 0.2 for e in told.all(wire.Levels)) and any(e.tx > 0.2 for e in told.all(wire.Levels))


def test_hold_and_mute_are_silence_for_the_caller_and_the_stream_goes_on_after(tmp_path: Path, pbx: Pbx) -> None:
    tone = (8000 * np.sin(np.arange(8000 * 60) * 2 * np.pi * 440 / 8000)).astype(np.int16)
    write_wav(tmp_path / "mic.wav", tone)
    files = f"file:{tmp_path / 'mic.wav'},{tmp_path / 'ear.wav'}"
    with desk(settings_for(tmp_path / "d", pbx, null_audio=False, input=files)) as told:
        told.registered()
        with sipp(pbx, tmp_path) as caller:
            ring = told.wait(wire.Ringing)
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()

            def loud(after: int) -> bool:
                heard = caller.heard()[after:].astype(float)
                return len(heard) > 1600 and float(np.sqrt(np.mean(heard[-800:] ** 2))) > 1000

            wait_until(lambda: loud(0), 10, what="the operator is heard")
            told.line.mute(True)
            told.wait(wire.Muted, on=True)
            mark = len(caller.heard())
            wait_until(lambda: len(caller.heard()) > mark + 4000, 5, what="silence is sent, not nothing")
            assert not loud(mark + 1600)
            told.line.mute(False)
            wait_until(lambda: loud(mark), 5, what="heard again after the mute")
            told.line.hang_up()
            caller.wait_over()
