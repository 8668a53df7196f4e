"""Playout and concealment by the clock of the test: a list of packets with arrival times, `get` at every block, no
thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.demo.speech import Pcm, correlation, speech
from workstation.phone.engine.media.g711 import ALAW
from workstation.phone.engine.media.packet import Packet
from workstation.phone.engine.media.playout import Playout

RATE, FRAME, BLOCK = 8000, 160, 80
BEGIN = 1000.0
TEXT = (
    "Selamat pagi, ada kebakaran rumah di Batu Merah dekat pasar, tolong cepat, api sudah besar sekali. "
    "Dua orang masih di dalam, dan angin kencang dari laut. Rumah sebelah juga mulai terbakar."
)


@dataclass(frozen=True)
class Came:
    """One packet and when it came."""

    at: float
    packet: Packet


def sent(
    pcm: Pcm, *, ssrc: int = 7, seq: int = 65_400, ts: int = 2**32 - 9000, at: float = BEGIN, ppm: float = 0
) -> list[Came]:
    """`pcm` as packets, each arriving when it was spoken; sequence number and timestamp wrap on the way."""
    coded = ALAW.encode(pcm)
    return [
        Came(
            at + n * 0.020 * (1 + ppm / 1e6),
            Packet(
                8, n == 0, (seq + n) & 0xFFFF, (ts + n * FRAME) & 0xFFFFFFFF, ssrc, coded[n * FRAME : (n + 1) * FRAME]
            ),
        )
        for n in range(len(pcm) // FRAME)
    ]


def through(packets: Iterable[Came], *, loss: float = 0.0, jitter_ms: float = 0.0, seed: int = 1) -> list[Came]:
    """A wire that loses and delays, the same way for the same seed."""
    rng = np.random.default_rng(seed)
    out = [replace(each, at=each.at + abs(rng.normal(0, jitter_ms / 1000))) for each in packets if rng.random() >= loss]
    return sorted(out, key=lambda each: each.at)


@dataclass
class Heard:
    playout: Playout
    pcm: Pcm
    delays_ms: npt.NDArray[np.float64]


def listen(packets: list[Came], seconds: float, *, block: int = BLOCK, ticks: Iterable[float] | None = None) -> Heard:
    """What `get` gives at every block for so long; `ticks` are the moments it is asked, where they are not even."""
    playout, out, delays, waiting = Playout(ALAW.decode, block), [], [], iter(sorted(packets, key=lambda each: each.at))
    coming = next(waiting, None)
    for now in ticks if ticks is not None else BEGIN + np.arange(int(seconds * RATE / block)) * block / RATE:
        while coming is not None and coming.at <= now:
            playout.put(coming.packet, coming.at)
            coming = next(waiting, None)
        pcm = playout.get(float(now), block)
        assert len(pcm) == block
        out.append(pcm)
        delays.append(playout.delay_ms)
    return Heard(playout, np.concatenate(out), np.array(delays))


def words() -> Pcm:
    return np.concatenate([np.zeros(2 * RATE, np.int16), speech(TEXT)])


def line(pcm: Pcm) -> Pcm:
    """What the codec alone leaves of it."""
    return ALAW.decode(ALAW.encode(pcm))


def _same(a: Pcm, b: Pcm) -> int:
    """How many samples from the start are equal."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


@pytest.mark.parametrize("pause_s", [2, 0], ids=["pause first", "speech at once"])
def test_a_clean_stream_is_bit_exact_outside_one_start_up_cut(pause_s: int) -> None:
    pcm = words()[(2 - pause_s) * RATE :]
    heard = listen(sent(pcm), len(pcm) / RATE + 0.2)
    assert heard.playout.counts.adjusted <= 1
    assert heard.delays_ms[300:].max() <= 41
    reference = line(pcm)[: len(pcm) // FRAME * FRAME]
    # It starts at the target (40 ms at first), and until the cut it is what came from the codec, bit by bit.
    before = max(_same(heard.pcm[at:], reference) for at in range(6 * BLOCK))
    # From the cut to the end it is so too, a little earlier.
    backwards = reference[::-1]
    after = max(_same(heard.pcm[: len(reference) + at][::-1], backwards) for at in range(0, 4 * BLOCK))
    assert before > RATE
    assert before + after >= len(reference) - 3 * BLOCK


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("loss", "jitter_ms", "least", "delay_ms"),
    [(0, 0, 0.999, 42), (0, 20, 0.99, 75), (0.05, 20, 0.97, 90), (0.10, 20, 0.94, 92), (0.20, 20, 0.86, 92)],
)
def test_speech_survives_loss_and_jitter(loss: float, jitter_ms: float, least: float, delay_ms: float) -> None:
    pcm = words()
    scores, delays = [], []
    for seed in range(1, 4):
        heard = listen(through(sent(pcm), loss=loss, jitter_ms=jitter_ms, seed=seed), len(pcm) / RATE + 0.3)
        scores.append(correlation(line(pcm), heard.pcm))
        delays.append(heard.delays_ms[200:].mean())
    assert np.median(scores) >= least, scores
    assert np.mean(delays) <= delay_ms


def test_concealment_leaves_a_good_deal_less_wrong_than_silence() -> None:
    pcm = words()
    packets = through(sent(pcm), loss=0.10)
    heard = listen(packets, len(pcm) / RATE + 0.3).pcm
    silent = line(pcm).copy()
    kept = {each.packet.timestamp for each in packets}
    for each in sent(pcm):
        if each.packet.timestamp not in kept:
            n = (each.packet.seq - 65_400) & 0xFFFF
            silent[n * FRAME : (n + 1) * FRAME] = 0
    assert 1 - correlation(line(pcm), heard) < 0.75 * (1 - correlation(line(pcm), silent))


@pytest.mark.parametrize("loss", [0.1, 0.2])
@pytest.mark.parametrize("jitter_ms", [0, 20])
def test_a_tone_has_no_clicks_and_is_never_louder_than_it_was(loss: float, jitter_ms: float) -> None:
    """233 Hz does not divide the frame: a hole filled by copying a frame would step by several thousand."""
    tone = (8000 * np.sin(2 * np.pi * 233 * np.arange(6 * RATE) / RATE)).astype(np.int16)
    clean = int(np.abs(np.diff(line(tone).astype(int))).max())
    heard = listen(through(sent(tone), loss=loss, jitter_ms=jitter_ms), 5.8).pcm.astype(int)
    inside = heard[int(0.3 * RATE) :]
    assert np.abs(np.diff(inside)).max() <= clean * 1.25
    assert np.abs(heard).max() <= np.abs(line(tone).astype(int)).max()


def test_reordered_packets_are_played_in_their_order() -> None:
    pcm = words()
    packets = [replace(each, at=each.at + (0.025 if n % 10 == 5 else 0.0)) for n, each in enumerate(sent(pcm))]
    heard = listen(packets, len(pcm) / RATE + 0.3)
    assert heard.playout.counts.late == 0
    assert correlation(line(pcm), heard.pcm) > 0.99
    assert heard.playout.loss == 0.0


def test_every_packet_twice_changes_nothing() -> None:
    pcm = words()
    twice = sent(pcm) + [replace(each, at=each.at + 0.08) for each in sent(pcm)]
    once, again = listen(sent(pcm), 8.0), listen(twice, 8.0)
    assert again.playout.counts.duplicate > 300
    assert np.array_equal(once.pcm, again.pcm)


def test_a_new_source_takes_over_and_a_rival_one_does_not() -> None:
    pcm = words()
    half = len(pcm) // 2 // FRAME * FRAME
    changed = sent(pcm[:half]) + sent(pcm[half:], ssrc=9, seq=4, ts=77, at=BEGIN + half / RATE)
    heard = listen(changed, len(pcm) / RATE + 0.3)
    assert heard.playout.counts.resets == 1
    assert correlation(line(pcm), heard.pcm) > 0.97
    other = np.roll(pcm, RATE)
    both = listen(sent(pcm) + sent(other, ssrc=9, ts=500, at=BEGIN + 0.007), 8.0)
    assert both.playout.counts.resets == 0
    assert np.array_equal(both.pcm, listen(sent(pcm), 8.0).pcm)


def test_a_jump_of_the_timestamps_is_a_new_start() -> None:
    pcm = words()
    half = len(pcm) // 2 // FRAME * FRAME
    jumped = sent(pcm[:half]) + sent(pcm[half:], seq=65_400 + half // FRAME, ts=123_456_789, at=BEGIN + half / RATE)
    heard = listen(jumped, len(pcm) / RATE + 0.3)
    assert heard.playout.counts.resets == 1
    assert correlation(line(pcm), heard.pcm) > 0.97


def test_a_stall_of_the_wire_is_caught_up_within_two_seconds() -> None:
    pcm = np.concatenate([words(), words()])
    packets = [
        replace(each, at=max(each.at, BEGIN + 4.2) if 4.0 <= each.at - BEGIN < 4.2 else each.at) for each in sent(pcm)
    ]
    heard = listen(packets, len(pcm) / RATE + 0.3)
    at = int(4.2 * RATE / BLOCK)
    assert heard.playout.counts.late == 0, "what came late was played late, not thrown away"
    assert heard.delays_ms[at:].max() < 260
    assert heard.delays_ms[at + int(3.0 * RATE / BLOCK)] < 80


def test_silence_suppression_leaves_the_delay_as_it_was() -> None:
    pcm = words()
    gap = [each for each in sent(pcm) if not 5.0 <= each.at - BEGIN < 7.0]
    heard = listen(gap, len(pcm) / RATE + 0.3)
    assert heard.delays_ms[200:].max() < 60
    quiet = heard.pcm[int(5.5 * RATE) : int(6.9 * RATE)].astype(int)
    assert np.abs(quiet).max() < 300, "a long hole falls silent"


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_senders_clock_that_drifts_is_followed(ppm: float) -> None:
    pcm = np.concatenate([words()] * 4)
    heard = listen(sent(pcm, ppm=ppm), len(pcm) / RATE)
    assert 20 < heard.delays_ms[-1] < 50
    assert heard.playout.counts.concealed < 0.08 * RATE


def test_a_device_that_stood_still_is_not_played_after_the_fact() -> None:
    pcm = words()
    ticks = [BEGIN + n * BLOCK / RATE for n in range(int(12 * RATE / BLOCK)) if not 5.0 <= n * BLOCK / RATE < 7.0]
    heard = listen(sent(pcm), 12, ticks=ticks)
    assert heard.delays_ms[-1] < 60


@pytest.mark.parametrize("block", [1, 37, 80, 160, 441])
def test_any_block_length_is_served(block: int) -> None:
    pcm = words()[: 5 * RATE]
    heard = listen(through(sent(pcm), loss=0.1, jitter_ms=10), 1.0 if block == 1 else 5.0, block=block)
    assert len(heard.pcm) >= RATE - block


def test_nothing_came_and_nothing_more_comes_is_silence() -> None:
    assert not listen([], 1.0).pcm.any()
    ended = listen(sent(words()[2 * RATE : 3 * RATE]), 4.0).pcm
    assert np.abs(ended[3 * RATE :].astype(int)).max() < 300


came = st.builds(
    Came,
    at=st.floats(BEGIN - 1, BEGIN + 3),
    packet=st.builds(
        Packet,
        payload_type=st.just(8),
        marker=st.booleans(),
        seq=st.integers(0, 65535),
        timestamp=st.one_of(st.integers(0, 24_000), st.integers(0, 2**32 - 1)),
        ssrc=st.sampled_from([1, 2]),
        payload=st.binary(min_size=1, max_size=400),
    ),
)


@given(st.lists(came, max_size=60))
def test_no_sequence_of_packets_breaks_it(packets: list[Came]) -> None:
    heard = listen(packets, 1.5)
    assert len(heard.pcm) == 1.5 * RATE
