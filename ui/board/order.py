"""Which board rows are shown, in which order and under which heading. Pure: rows and a time in, rows out.

The order only changes when a row does or when a target turns amber or red; `next_turn` says when that is, so that the
board looks again then and not ten times a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from ui.widgets.deadline import amber_at
from ui.widgets.table import Group
from workstation.domain.rows import BoardRow, Step

OVER = (Step.DONE, Step.REFUSED, Step.CANCELLED)


class Show(StrEnum):
    """What the board is narrowed to."""

    ALL = "all"
    MINE = "mine"
    LATE = "late"


def is_late(row: BoardRow, now_ms: int) -> bool:
    """A target is past, or an agency has not answered in time."""
    return (row.deadline_at is not None and row.deadline_at <= now_ms) or any(a.late for a in row.assignments)


def is_close(row: BoardRow, now_ms: int) -> bool:
    """The next target has used three quarters of its span, or more."""
    return row.deadline_at is not None and amber_at(row.deadline_from_at, row.deadline_at) <= now_ms


def narrowed(rows: Iterable[BoardRow], show: Show, desk: str, now_ms: int) -> list[BoardRow]:
    """The rows of one filter, by priority and then newest first; rows nobody has given a priority yet come last."""
    kept = [
        row
        for row in rows
        if show is Show.ALL or (show is Show.MINE and row.desk == desk) or (show is Show.LATE and is_late(row, now_ms))
    ]
    return sorted(kept, key=lambda row: (row.priority or 9, -row.opened_at, row.uid))


def heading(row: BoardRow, now_ms: int) -> str:
    """Under which heading of the idle board a row stands."""
    live = [a for a in row.assignments if a.step not in OVER]
    nobody_told = all(a.step is Step.PLANNED for a in row.assignments)
    if is_late(row, now_ms) or is_close(row, now_ms) or row.rivals or (nobody_told and row.priority != 4):
        return "action"
    if row.priority == 4 or not live:
        return "waiting"
    return "handled"


def grouped(rows: Sequence[BoardRow], now_ms: int) -> list[BoardRow | Group]:
    """The rows under their headings; an empty heading is left out."""
    under: dict[str, list[BoardRow]] = {"action": [], "handled": [], "waiting": []}
    for row in rows:
        under[heading(row, now_ms)].append(row)
    items: list[BoardRow | Group] = []
    for key, members in under.items():
        if members:
            items.append(Group(key, f"board.{key}", len(members)))
            items.extend(members)
    return items


def next_turn(rows: Iterable[BoardRow], now_ms: int) -> int | None:
    """When the next target turns amber or red, ms UTC; None when none will."""
    turns = [
        moment
        for row in rows
        if row.deadline_at is not None
        for moment in (amber_at(row.deadline_from_at, row.deadline_at), row.deadline_at)
        if moment > now_ms
    ]
    return min(turns, default=None)
