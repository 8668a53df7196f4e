"""Two ends of a call over real sockets on loopback, with files for headsets and with a foreign end."""

from __future__ import annotations

import socket
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.peers.baresip import write_wav
from tests.peers.rtp import Voice, voice
from tests.waiting import wait_until
from workstation.demo.play import AGAIN
from workstation.demo.speech import Pcm, correlation, speech
from workstation.domain.hlc import SystemClock
from workstation.phone.engine.media import MediaSession
from workstation.phone.engine.media.session import Stats
from workstation.phone.engine.media.unheard import Files, Unheard

CALLER = "Ada kebakaran di pasar, tolong."
DESK = "Satu satu dua, di mana?"
CLOCK = SystemClock()
HOST = "127.0.0.1"


@contextmanager
def media(**choices: object) -> Iterator[MediaSession]:
    session = MediaSession(HOST, CLOCK, **choices)  # type: ignore[arg-type]
    try:
        yield session
    finally:
        session.stop()


def _wav(path: Path) -> Pcm:
    with closing(wave.open(str(path), "rb")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


PACE_MS = 30.0
"""Between two sent packets, at the 99th percentile: beyond it the machine stood still and says nothing of our delay."""


@pytest.mark.parametrize("payload_type", [8, 0], ids=["A", "mu"])
def test_two_sessions_hear_each_other(tmp_path: Path, payload_type: int) -> None:
    alike: list[float] = []
    while len(alike) < AGAIN and max(alike, default=0.0) <= 0.95:
        folder = tmp_path / str(len(alike))
        folder.mkdir()
        heard, stats = both_speak(folder, payload_type)
        alike.append(heard)
        for each in stats:
            assert (each.ignored, each.duplicate) == (0, 0)
        if all(each.send_gap_p99_ms < PACE_MS for each in stats):
            assert [each.loss for each in stats] == [0.0, 0.0]
            assert max(each.delay_ms for each in stats) < 60
    assert alike[-1] > 0.95, alike


def both_speak(tmp_path: Path, payload_type: int) -> tuple[float, tuple[Stats, Stats]]:
    """Two ends talk to each other: how much of the other the worse one heard, and what their streams were like."""
    said = {name: speech(text) for name, text in (("a", CALLER), ("b", DESK))}
    sound = {
        name: Files(CLOCK, str(write_wav(tmp_path / f"{name}-said.wav", pcm)), str(tmp_path / f"{name}-heard.wav"))
        for name, pcm in said.items()
    }
    with media() as a, media() as b:
        a.start(HOST, b.port, payload_type, sound["a"])
        b.start(HOST, a.port, payload_type, sound["b"])
        wait_until(lambda: min(a.levels()[0], b.levels()[0]) > 0.3, 20.0, what="both meters move")
        enough = max(len(pcm) for pcm in said.values()) / 160 + 20
        wait_until(
            lambda: min(a.stats().received, b.stats().received) > enough, 20.0, every_s=0.1, what="both have spoken"
        )
        stats = a.stats(), b.stats()
    heard = [correlation(said[name], _wav(tmp_path / f"{other}-heard.wav")) for name, other in ("ab", "ba")]
    return min(heard), stats


@pytest.mark.promise("P3")
def test_packets_keep_up_with_the_clock() -> None:
    """A frame that was late is not the reason for all later ones to be late. `tests.bench phone` has the gaps."""
    with voice() as far, media() as session:
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        begin = CLOCK.monotonic_s()
        behind = lambda: (CLOCK.monotonic_s() - begin) / 0.020 - session.stats().sent  # noqa: E731
        for count in (50, 100, 200):
            wait_until(lambda n=count: session.stats().sent >= n, 20.0, what=f"{count} packets")
            wait_until(lambda: -2.0 < behind() < 1.0, 5.0, every_s=0.003, what="as many packets as 20 ms have passed")


def test_port_is_even_and_rtcp_is_the_next() -> None:
    with media() as session:
        assert session.port % 2 == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, pytest.raises(OSError):
            taken.bind((HOST, session.port + 1))


def test_ports_stay_within_the_range_of_the_firewall_and_run_out_with_a_sentence() -> None:
    with media() as free:
        low = free.port
        free.stop()
        with media(ports=range(low, low + 2)) as session:
            assert session.port == low
            with pytest.raises(OSError, match=f"no free pair of UDP ports for RTP on {HOST} ports {low}-{low + 1}"):
                MediaSession(HOST, CLOCK, ports=range(low, low + 2))


def test_numbers_of_the_stream_are_drawn_not_counted() -> None:
    drawn = []

    def draw(bits: int) -> int:
        drawn.append(bits)
        return (1 << bits) - 2  # wraps on the way

    with voice() as far, media(draw=draw) as session:
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        wait_until(lambda: len(far.heard()) >= 10 * 160, 5.0, what="ten frames across the wrap")
    assert drawn == [32, 16, 32]


def test_muted_and_idle_send_silence_and_never_nothing(tmp_path: Path) -> None:
    sound = Files(CLOCK, str(write_wav(tmp_path / "said.wav", speech(DESK))), "")
    with voice() as far, media() as session:
        session.mute(True)
        session.start(HOST, far.port, 8, sound)
        wait_until(lambda: len(far.heard()) > 60 * 160, 5.0, what="sixty frames")
        assert np.abs(far.heard()).max() == 8, "A-law's silence octet, nothing else"
        assert session.levels()[1] == 0.0
        session.mute(False)
        wait_until(lambda: np.abs(far.heard().astype(int)).max() > 2000, 5.0, what="the operator is heard again")


def _frames_until_quiet(far: Voice) -> int:
    """How many frames had come when no further one came for 200 ms."""
    seen = [-1]

    def still() -> bool:
        count, seen[0] = seen[0], len(far.arrivals)
        return count == seen[0]

    wait_until(still, 5.0, every_s=0.2, what="the stream has stopped")
    return seen[0]


def test_hold_stops_the_stream_and_its_end_takes_it_up_with_a_marker(tmp_path: Path) -> None:
    with voice(speech(CALLER)) as far, media() as session:
        heard = tmp_path / "heard.wav"
        session.start(HOST, far.port, 8, Files(CLOCK, "", str(heard)))
        far.call(HOST, session.port)
        wait_until(lambda: len(far.arrivals) > 10 and session.levels()[0] > 0.3, 5.0, what="both ways")
        session.set_direction(send=False, recv=False)
        wait_until(lambda: session.levels() == (0.0, 0.0), 5.0, what="hold is silent both ways")
        held = _frames_until_quiet(far)
        session.set_direction(send=True, recv=True)
        wait_until(lambda: len(far.arrivals) > held + 10, 5.0, what="the stream goes on")
        # The timestamp ran on through the hold, as the peer's playout expects.
        assert len(far.heard()) > (len(far.arrivals) + 5) * 160


def test_keys_of_the_caller_are_noted_once_each() -> None:
    with voice() as far, media() as session:
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        far.call(HOST, session.port)
        for count, key in enumerate("112#", start=1):
            far.press(key)
            wait_until(lambda n=count: len(session.stats().digits) >= n, 5.0, what=f"key {key}")
            before = len(far.arrivals)
            wait_until(lambda n=before: len(far.arrivals) > n + 1, 5.0, what="a later timestamp")
        assert "".join(key for key, _ in session.stats().digits) == "112#"


def test_answers_go_where_the_callers_sound_comes_from() -> None:
    """Behind an address translation the port of the SDP is wrong; the host must be right."""
    with voice(speech(CALLER)) as far, voice() as named, media() as session:
        session.start(HOST, named.port, 8, Unheard(CLOCK))
        far.call(HOST, session.port)
        wait_until(lambda: len(far.arrivals) > 10, 5.0, what="the session sends to where it hears from")
        assert session.stats().remote == (HOST, far.port)
        with voice() as intruder:
            received = session.stats().received
            intruder.call(HOST, session.port)
            wait_until(lambda: session.stats().ignored > 10, 5.0, what="a second source is not heard")
            assert session.stats().remote == (HOST, far.port)
            wait_until(lambda: session.stats().received > received, 5.0, what="the first goes on")


def test_a_stranger_with_another_address_is_not_heard() -> None:
    with voice() as far, media() as session:
        stranger = Voice(None, host="127.0.0.2")
        try:
            session.start(HOST, far.port, 8, Unheard(CLOCK))
            stranger.call(HOST, session.port)
            wait_until(lambda: session.stats().ignored > 10, 5.0, what="ignored")
            assert session.stats().received == 0
            assert session.stats().remote == (HOST, far.port)
        finally:
            stranger.stop()


def test_rubbish_on_the_port_is_counted_and_nothing_more() -> None:
    rng = np.random.default_rng(5)
    with voice(speech(CALLER)) as far, media() as session:
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        far.call(HOST, session.port)
        wait_until(lambda: session.stats().received > 5, 5.0)
        # From the caller's own port, so that only the packet's form decides; ten at a time, for a socket holds few.
        for n in range(300):
            far._sock.sendto(
                rng.integers(0, 256, int(rng.integers(1, 1800)), dtype=np.uint8).tobytes(), (HOST, session.port)
            )
            far._sock.sendto(b"\x80\x08" + bytes(n % 12), (HOST, session.port + 1))
            if n % 10 == 9:
                wait_until(lambda n=n: session.stats().ignored > n - 5, 5.0, what="rubbish is ignored")
        received = session.stats().received
        wait_until(lambda: session.stats().received > received + 20, 5.0, what="the call goes on")


def test_start_again_moves_the_stream_and_may_change_the_codec() -> None:
    with voice() as first, voice() as second, media() as session:
        session.start(HOST, first.port, 8, Unheard(CLOCK))
        wait_until(lambda: len(first.arrivals) > 5, 5.0)
        session.start(HOST, second.port, 0, Unheard(CLOCK))
        wait_until(lambda: 0 in second.payload_types, 5.0, what="mu-law at the new place")
        with pytest.raises(ValueError, match="payload type 9"):
            session.start(HOST, second.port, 9, Unheard(CLOCK))


def test_a_held_sdp_of_old_form_sends_nothing() -> None:
    with voice() as far, media() as session:
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        wait_until(lambda: len(far.arrivals) > 5, 5.0)
        session.start("0.0.0.0", far.port, 8, Unheard(CLOCK))
        _frames_until_quiet(far)


def test_stop_is_quick_final_and_harmless_twice() -> None:
    session = MediaSession(HOST, CLOCK)
    session.start(HOST, 9, 8, Unheard(CLOCK))
    before = CLOCK.monotonic_s()
    session.stop()
    session.stop()
    assert CLOCK.monotonic_s() - before < 0.5
    with pytest.raises(OSError, match="stopped"):
        session.start(HOST, 9, 8, Unheard(CLOCK))


def test_rtcp_tells_the_peer_what_was_sent_and_lost() -> None:
    with voice() as far, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, media() as session:
        control.bind((HOST, far.port + 1))
        control.settimeout(8.0)
        session.start(HOST, far.port, 8, Unheard(CLOCK))
        report = control.recv(500)
    assert report[:2] == b"\x80\xc8", "a sender report"
    sdes = report[(int.from_bytes(report[2:4], "big") + 1) * 4 :]
    assert sdes[1] == 202 and len(sdes) == (int.from_bytes(sdes[2:4], "big") + 1) * 4
