"""Stamps: always growing, pulled ahead by peers no further than the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.hlc import LEAD_MS, HandClock, Hlc, ms_of, skewed, stamp


@given(st.lists(st.integers(-LEAD_MS, 5000)))
def test_stamps_grow_whatever_the_wall_does_within_the_bound(steps: list[int]) -> None:
    clock = HandClock()
    hlc = Hlc(clock)
    start = clock.now_ms()
    last = hlc.tick()
    for step in steps:
        clock.set_wall(max(start, clock.now_ms() + step))
        if skewed(last, clock.now_ms()):
            continue
        now = hlc.tick()
        assert now > last
        last = now


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    clock = HandClock()
    hlc = Hlc(clock, floor=stamp(clock.now_ms(), 0xFFFF))
    assert hlc.tick() == stamp(clock.now_ms() + 1, 0)


@pytest.mark.promise("M9")
def test_a_peer_pulls_no_further_than_the_bound() -> None:
    clock = HandClock()
    hlc = Hlc(clock)
    assert not hlc.merge(stamp(clock.now_ms() + LEAD_MS))
    assert hlc.merge(stamp(clock.now_ms() + 3_600_000))
    assert ms_of(hlc.last) <= clock.now_ms() + LEAD_MS
    assert ms_of(hlc.tick()) <= clock.now_ms() + LEAD_MS
    assert hlc.merge((1 << 63) - 1)
    assert ms_of(hlc.tick()) <= clock.now_ms() + LEAD_MS


@pytest.mark.promise("M9")
def test_a_clock_put_right_stops_stamping_the_future() -> None:
    clock = HandClock()
    hlc = Hlc(clock)
    right = clock.now_ms()
    clock.set_wall(right + 86_400_000)
    hlc.tick()
    clock.set_wall(right)
    assert ms_of(hlc.tick()) == right
    restarted = Hlc(clock, floor=stamp(right + 86_400_000))
    assert ms_of(restarted.tick()) <= right + LEAD_MS


def test_a_received_stamp_is_behind_the_next_own_one() -> None:
    clock = HandClock()
    hlc = Hlc(clock)
    remote = stamp(clock.now_ms() + 500, 7)
    hlc.merge(remote)
    assert hlc.tick() == remote + 1
