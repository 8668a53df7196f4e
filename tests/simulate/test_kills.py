"""Two dozen kills of a real desk and a real hub at moments that are others every time; the seed is printed."""

from __future__ import annotations

import random

import pytest

from tests.simulate import kills

KILLS = 24


@pytest.mark.promise("D2", "D5", "S2")
def test_kills_at_any_moment_lose_nothing_that_was_acknowledged() -> None:
    seed = random.randrange(1 << 32)
    print(f"python -m tests.simulate --kills {KILLS} --from {seed}")
    toll = kills.play(KILLS, seed)
    assert toll.good, toll
    assert toll.desk and toll.hub and toll.acked > KILLS
