"""The peers themselves, proved against each other before the product is proved against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.peers.baresip import baresip
from tests.peers.caller import sipp
from tests.peers.fixtures import USERS
from tests.peers.registrar import Pbx, kamailio
from tests.waiting import wait_until
from workstation.demo import process
from workstation.demo.play import AGAIN
from workstation.demo.process import PeerFailed, PeerMissing
from workstation.demo.sound import PulseServer, level, wait_heard
from workstation.demo.speech import RATE, Pcm, correlation, speech

CALLER = "Ada kebakaran di pasar, tolong, apinya besar."
DESK = "Satu satu dua, apa yang terjadi di sana?"


def test_a_caller_and_a_foreign_desk_hear_each_other(pbx: Pbx, tmp_path: Path) -> None:
    desk_says = np.concatenate([speech("Satu satu dua, di mana lokasi kejadian?"), np.zeros(RATE, np.int16)])
    alike: list[float] = []
    while len(alike) < AGAIN and max(alike, default=0.0) <= 0.95:
        folder = tmp_path / str(len(alike))
        folder.mkdir()
        with (
            baresip(pbx, folder, "desk1", USERS["desk1"], desk_says),
            sipp(pbx, folder, speech=speech(CALLER)) as caller,
        ):
            caller.answered()
            wait_until(lambda c=caller: len(c.heard()) > len(desk_says) + RATE // 2, 15.0, what="the desk has spoken")
            alike.append(correlation(desk_says, caller.heard()))
            assert correlation(caller.speech, caller.heard()) < 0.3
    assert alike[-1] > 0.95, alike


def test_sipp_plays_by_itself_and_hangs_up(pbx: Pbx, tmp_path: Path) -> None:
    with (
        baresip(pbx, tmp_path, "desk1", USERS["desk1"], speech(DESK)) as desk,
        sipp(pbx, tmp_path, speech=speech(CALLER), listen=False, talk_ms=1500) as caller,
    ):
        caller.wait_over(15.0)
        heard = next((tmp_path / "baresip-desk1").glob("dump-*-dec.wav"))
        wait_until(
            lambda: heard.stat().st_size > 1.0 * RATE * 2, 5.0, what=f"baresip kept the caller's voice: {desk.said()}"
        )


def test_a_call_to_nobody_is_refused_and_said_so(pbx: Pbx, tmp_path: Path) -> None:
    with sipp(pbx, tmp_path) as caller:
        caller.wait_over(10.0)
        assert "480 No desk is signed on" in caller.messages()
        with pytest.raises(AssertionError, match="before is answered"):
            caller.answered()


def test_a_wrong_password_is_not_let_in(pbx: Pbx, tmp_path: Path) -> None:
    with (
        pytest.raises(PeerFailed, match="is registered"),
        baresip(pbx, tmp_path, "desk1", "wrong", speech(DESK), deadline_s=10.0),
    ):
        pass
    assert "401" in (tmp_path / "baresip-desk1" / "baresip.log").read_text()


def test_what_is_played_into_a_sink_is_recorded_from_its_monitor(sound: PulseServer) -> None:
    words = speech(CALLER)
    alike: list[float] = []
    while len(alike) < AGAIN and max(alike, default=0.0) <= 0.97:
        with sound.record("microphone") as tap, sound.record("headset.monitor") as other, sound.play(words, "mic"):
            alike.append(correlation(words, wait_heard(tap, len(words) / RATE + 0.7)))
            assert level(other.pcm()) == 0.0
    assert alike[-1] > 0.97, alike


def _echo(words: Pcm, *, steps: bool) -> Pcm:
    """What a playout may do to speech: half a second later, quieter, and 10 ms cut out in two places."""
    out = words
    if steps:
        third = len(words) // 3
        out = np.concatenate([words[:third], words[third + 80 : 2 * third], words[2 * third + 80 :]])
    return np.concatenate([np.zeros(4321, np.int16), (out * 0.3).astype(np.int16), np.zeros(900, np.int16)])


def test_correlation_sees_the_same_speech_through_delay_loudness_and_cuts() -> None:
    words = speech(CALLER)
    assert correlation(words, words) > 0.999
    assert correlation(words, _echo(words, steps=False)) > 0.999
    assert correlation(words, _echo(words, steps=True)) > 0.9


@pytest.mark.parametrize("text", [DESK, "Nomor telepon saya nol delapan satu satu empat tujuh nol."])
def test_correlation_does_not_take_other_speech_for_the_same(text: str) -> None:
    words = speech(CALLER)
    assert correlation(words, speech(text)) < 0.4
    assert correlation(words, speech(text, words_a_minute=190)) < 0.4


def test_correlation_does_not_take_noise_silence_or_a_part_for_the_whole() -> None:
    words = speech(CALLER)
    noise = np.random.default_rng(1).normal(0, 3000, len(words)).astype(np.int16)
    assert correlation(words, noise) < 0.2
    assert correlation(words, np.zeros(len(words), np.int16)) == 0.0
    assert correlation(words, np.zeros(0, np.int16)) == 0.0
    assert correlation(words, words[: len(words) // 2]) < 0.7


def test_a_program_that_is_not_installed_is_a_failure_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process.shutil, "which", lambda *_, **__: None)
    with pytest.raises(PeerMissing, match="apt-get install kamailio"), kamailio(tmp_path, {}):
        pass
