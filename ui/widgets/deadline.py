"""A running target as the screen shows it: plain, amber from 75 % of its span, red and counting up once past.

One reading for the board, the queue and the lists, so that the same target never looks different on two pages.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ui import figures

AMBER_FROM = 0.75


class Pace(StrEnum):
    """How a running clock stands against its target."""

    PLAIN = "plain"
    AMBER = "amber"
    BREACH = "breach"


class Reading(Struct, frozen=True):
    """What a clock cell says: its text and its pace."""

    text: str
    pace: Pace


def left(now_ms: int, from_ms: int | None, target_ms: int | None) -> Reading | None:
    """The next target as a clock; None where no target runs.

    Without a start the amber edge can't be known, so the clock stays plain until the breach.
    """
    if target_ms is None:
        return None
    rest = target_ms - now_ms
    if rest <= 0:
        return Reading(figures.past(-rest / 1000), Pace.BREACH)
    text = figures.clock((rest + 999) // 1000)  # 0:01 until it is really over, never 0:00 for a whole second
    return Reading(text, Pace.AMBER if now_ms >= amber_at(from_ms, target_ms) else Pace.PLAIN)


def amber_at(from_ms: int | None, target_ms: int) -> int:
    """When the clock turns amber, ms UTC; without a start, at the breach."""
    if from_ms is None or from_ms >= target_ms:
        return target_ms
    return int(from_ms + (target_ms - from_ms) * AMBER_FROM)


def age(now_ms: int, at_ms: int) -> str:
    """How long ago, coarse; a time ahead of this clock (skew) reads as now, never as a negative age."""
    return figures.age(max(0, now_ms - at_ms) / 1000)
