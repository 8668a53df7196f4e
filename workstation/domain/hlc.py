"""Clocks: the wall, the monotonic one, and the hybrid logical clock that stamps every op (promise M9).

The only module, with `ids`, that may ask the machine for the time; everyone else is handed a `Clock`.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

COUNTER_BITS: Final = 16
LEAD_MS: Final = 60_000
"""How far ahead of its own wall clock a receiver lets a peer pull it, milliseconds (promise M9)."""
HLC_LIMIT: Final = 1 << 63
"""Stamps lie below this: SQLite's integers are signed 64 bit, and 47 bits of milliseconds reach the year 6429."""


class Clock(Protocol):
    """What time it is, for whoever was handed it."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since 1970 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never step back, for durations within one boot."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class HandClock:
    """A clock moved by hand: it stands still until told, so a test or a replay decides the time."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._wall_ms = now_ms
        self._monotonic_s = 0.0

    def now_ms(self) -> int:
        return self._wall_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass on both clocks."""
        self._wall_ms += ms
        self._monotonic_s += ms / 1000

    def set_wall(self, now_ms: int) -> None:
        """Step the wall clock alone, as a time server or a dead battery does."""
        self._wall_ms = now_ms


def stamp(ms: int, counter: int = 0) -> int:
    """Pack milliseconds and a counter into one stamp: 47 bits of ms, then 16 of counter."""
    return (ms << COUNTER_BITS) | counter


def ms_of(hlc: int) -> int:
    """The milliseconds part of a stamp."""
    return hlc >> COUNTER_BITS


def skewed(hlc: int, now_ms: int) -> bool:
    """Whether a stamp lies further ahead of this machine's wall clock than any honest peer's would."""
    return ms_of(hlc) > now_ms + LEAD_MS


class Hlc:
    """Stamps that grow with every op written here and never lag behind an honest peer's.

    Source: Kulkarni et al., "Logical Physical Clocks", 2014, figure 5; the bound of `LEAD_MS` is ours. A full counter
    carries into the milliseconds, which keeps the order and costs one millisecond of lead per 65,536 ops.
    """

    def __init__(self, clock: Clock, floor: int = 0) -> None:
        self._clock = clock
        self.last = 0
        self.merge(floor)

    def tick(self) -> int:
        """The stamp for a new op: after everything seen, unless the wall was stepped back by more than the bound.

        A clock that stood in the future and was put right would otherwise go on stamping the future until it gets
        there.
        """
        now = stamp(self._clock.now_ms())
        if skewed(self.last, self._clock.now_ms()):
            self.last = now
        self.last = max(self.last + 1, now)
        return self.last

    def merge(self, remote: int) -> bool:
        """Take note of a peer's stamp, at most `LEAD_MS` past the own wall clock; true when it was beyond that."""
        now_ms = self._clock.now_ms()
        self.last = max(self.last, min(remote, stamp(now_ms + LEAD_MS)))
        return skewed(remote, now_ms)
