"""Headset and ring through a real sound server; and everything that can be missing."""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.media.conftest import look_again
from tests.peers.baresip import write_wav
from tests.peers.rtp import Voice, voice
from tests.waiting import wait_until
from workstation.demo.play import AGAIN, ALIKE
from workstation.demo.sound import PulseServer, Tap, level
from workstation.demo.speech import RATE, Pcm, correlation, speech
from workstation.domain.hlc import SystemClock
from workstation.domain.sentence import NOTHING
from workstation.phone.engine.audio import Audio, Device, open_audio
from workstation.phone.engine.media import MediaSession
from workstation.words import said

CALLER = "Ada kebakaran rumah di dekat pasar, tolong."
DESK = "Satu satu dua, di mana lokasi kejadian?"
CLOCK = SystemClock()
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Chosen:
    input: str = "microphone"
    output: str = "headset"
    ring_outputs: tuple[str, ...] = ()
    null_audio: bool = False


@contextmanager
def audio(chosen: Chosen = Chosen()) -> Iterator[Audio]:
    opened = open_audio(chosen, CLOCK)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def call(sound: Audio, port: int) -> Iterator[MediaSession]:
    session = MediaSession(HOST, CLOCK)
    try:
        session.start(HOST, port, 8, sound)
        yield session
    finally:
        session.stop()


def test_speech_goes_both_ways_through_real_devices(cards: PulseServer) -> None:
    tried: list[tuple[float, float]] = []
    while len(tried) < AGAIN and (not tried or min(tried[-1]) < ALIKE):
        tried.append(_both_ways(cards))
    assert min(tried[-1]) >= ALIKE, tried


def _both_ways(cards: PulseServer) -> tuple[float, float]:
    """How much of the caller the operator hears, and of the operator the caller. A machine that stands still for
    100 ms cuts a card's stream: then it is said again, as people do.
    """
    caller_says, desk_says = speech(CALLER), speech(DESK)
    with audio() as sound, voice(caller_says) as far, cards.record("headset.monitor") as ear:
        assert sound.device == Device("microphone", "headset", False, NOTHING)
        with call(sound, far.port) as session:
            wait_until(lambda: len(far.arrivals) > 20, 5.0, what="the desk sends")
            with cards.play(desk_says, "mic") as operator:
                far.call(HOST, session.port)
                far.spoken.wait(20.0)
                wait_until(lambda: operator.ended() is not None, 20.0, what="the operator has spoken")
                said = len(far.heard())
                wait_until(lambda: len(far.heard()) > said + RATE // 2, 5.0, what="it arrived")
            stats = session.stats()
        assert correlation(desk_says, ear.pcm()) < 0.4, "the ear hears the caller, not the operator"
        assert stats.loss == 0.0
        return correlation(caller_says, ear.pcm()), correlation(desk_says, far.heard())


def test_a_second_call_finds_the_devices_again(cards: PulseServer) -> None:
    with audio() as sound:
        for text in (CALLER, DESK):
            words = speech(text)
            with voice(words) as far, cards.record("headset.monitor") as ear, call(sound, far.port) as session:
                far.call(HOST, session.port)
                _heard_all(ear, far, words)


def _heard_all(ear: Tap, far: Voice, words: Pcm) -> None:
    alike: list[float] = []
    while len(alike) < AGAIN and max(alike, default=0.0) < ALIKE:
        if alike:
            far.again()
        far.spoken.wait(20.0)
        have = len(ear.pcm())
        wait_until(lambda have=have: len(ear.pcm()) > have + ear.rate // 2, 5.0, what="the end of the speech")
        alike.append(correlation(words, ear.pcm()))
    assert alike[-1] >= ALIKE, alike


def _quiet(tap: Tap) -> None:
    wait_until(lambda: level(tap.pcm()[-tap.rate // 4 :]) < 1e-4, 5.0, every_s=0.05, what="silence")


@pytest.mark.promise("P7")
def test_the_ring_is_heard_at_every_output_while_idle(cards: PulseServer) -> None:
    with audio() as sound, cards.record("headset.monitor") as one, cards.record("loudspeaker.monitor") as other:
        sound.ring(True)
        for tap in (one, other):
            wait_until(lambda tap=tap: level(tap.pcm()[-tap.rate // 4 :]) > 0.15, 5.0, what="it rings")
        sound.ring(False)
        _quiet(one)
        _quiet(other)


@pytest.mark.promise("P7")
def test_only_the_outputs_named_ring_when_some_are_named(cards: PulseServer) -> None:
    with (
        audio(Chosen(ring_outputs=("loudspeaker",))) as sound,
        cards.record("headset.monitor") as one,
        cards.record("loudspeaker.monitor") as other,
    ):
        sound.ring(True)
        wait_until(lambda: level(other.pcm()[-other.rate // 4 :]) > 0.15, 5.0, what="it rings")
        assert level(one.pcm()) == 0.0


@pytest.mark.promise("P7")
@pytest.mark.parametrize("soft", [True, False], ids=["asked softly", "asked loudly"])
def test_a_ring_while_talking_is_soft_and_only_in_the_headset(cards: PulseServer, soft: bool) -> None:
    with audio() as sound, voice() as far, cards.record("loudspeaker.monitor") as other:
        sound.ring(True)
        wait_until(lambda: level(other.pcm()[-other.rate // 4 :]) > 0.15, 5.0, what="the first call rings")
        with call(sound, far.port), cards.record("headset.monitor") as ear:
            sound.ring(False)
            _quiet(other)
            before = len(other.pcm())
            quiet_from = len(ear.pcm())
            sound.ring(True, soft)
            wait_until(lambda: level(ear.pcm()[quiet_from:][-ear.rate // 10 :]) > 0.002, 6.0, what="the soft tone")
            wait_until(lambda: len(ear.pcm()) > quiet_from + ear.rate, 5.0, what="a second of it")
            loudest = np.abs(ear.pcm()[quiet_from + ear.rate // 4 :].astype(int)).max() / 32768
            assert loudest < 0.05, "ten times and more below the ring"
            assert level(other.pcm()[before:]) < 1e-4, "nothing at the loudspeaker"


@pytest.mark.promise("P7")
def test_who_still_rings_when_the_call_ends_is_heard_everywhere(cards: PulseServer) -> None:
    with audio() as sound, voice() as far, cards.record("loudspeaker.monitor") as other:
        with call(sound, far.port):
            sound.ring(True)
            wait_until(lambda: len(far.arrivals) > 20, 5.0)
            assert level(other.pcm()) == 0.0
        wait_until(lambda: level(other.pcm()[-other.rate // 4 :]) > 0.15, 5.0, what="it rings everywhere now")


def test_devices_that_go_away_are_told_and_the_call_stays_up(cards: PulseServer) -> None:
    with audio() as sound, voice(speech(CALLER)) as far, call(sound, far.port) as session:
        far.call(HOST, session.port)
        wait_until(lambda: sound._ear is not None and len(far.arrivals) > 20, 5.0, what="the call is up")
        cards.process.stop()
        wait_until(lambda: sound.device.null, 10.0, what="the loss is told")
        assert said(sound.device.sentence, "id").startswith("Perangkat suara '")
        assert "Sambungkan kembali" in said(sound.device.sentence, "id")
        sent, received = session.stats().sent, session.stats().received
        wait_until(lambda: session.stats().sent > sent + 25 and session.stats().received > received + 25, 5.0)
        wait_until(lambda: session.stats().delay_ms < 200, 5.0, what="playout runs on, unheard")


def test_a_device_that_is_not_there_is_named_with_those_that_are(cards: PulseServer) -> None:
    with audio(Chosen(output="Jabra")) as sound:
        assert sound.device.null
        assert sound.device.output == ""
        assert sound.device.input == "microphone"
        assert "'Jabra' tidak ditemukan (yang ada: headset, loudspeaker" in said(sound.device.sentence, "id")
        with voice(speech(CALLER)) as far, call(sound, far.port) as session:
            far.call(HOST, session.port)
            wait_until(
                lambda: session.stats().received > 20 and session.levels()[0] > 0.3, 5.0, what="the call goes on"
            )


def test_the_systems_own_choice_is_taken_when_none_is_named(cards: PulseServer) -> None:
    with audio(Chosen(input="", output="")) as sound:
        assert sound.device == Device("default", "default", False, NOTHING)


def test_no_card_at_all_is_a_sentence(sound: PulseServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "none").write_text('pcm.gone { type pulse server "unix:/nonexistent" }\n')
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none"))
    look_again()
    with audio(Chosen(input="", output="")) as nothing:
        assert nothing.device.null
        assert said(nothing.device.sentence, "id").startswith("Tidak ada perangkat suara. Sambungkan headset")
        nothing.ring(True)
        with voice() as far, call(nothing, far.port):
            wait_until(lambda: len(far.arrivals) > 20, 5.0, what="the call goes on")


def test_no_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with audio() as nothing:
        assert nothing.device.null
        assert "libportaudio2" in said(nothing.device.sentence, "id")


def test_null_audio_is_a_choice_and_said_so() -> None:
    with audio(Chosen(null_audio=True)) as nothing:
        assert nothing.device.null
        assert "phone.null_audio" in said(nothing.device.sentence, "id")


def test_a_pair_of_files_takes_the_place_of_the_headset(tmp_path: Path) -> None:
    spoken, heard = tmp_path / "spoken.wav", tmp_path / "heard.wav"
    write_wav(spoken, speech(DESK))
    caller_says = speech(CALLER)
    with audio(Chosen(input=f"file:{spoken},{heard}", output="")) as files, voice(caller_says) as far:
        assert files.device.null
        assert "WAV" in said(files.device.sentence, "id")
        with call(files, far.port) as session:
            far.call(HOST, session.port)
            far.spoken.wait(20.0)
            done = len(far.heard())
            wait_until(lambda: len(far.heard()) > done + RATE // 2, 5.0)
        with closing(wave.open(str(heard), "rb")) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert correlation(caller_says, pcm) > 0.95
    assert correlation(speech(DESK), far.heard()) > 0.95


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVEfmt ", None])
def test_a_file_that_is_no_wav_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "said.wav"
    if content is not None:
        path.write_bytes(content)
    with audio(Chosen(input=f"file:{path}", output="")) as nothing:
        assert nothing.device.null
        assert said(nothing.device.sentence, "id").startswith("Berkas suara tidak dapat dipakai")
