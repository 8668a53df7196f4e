"""The next deadline of an incident and which assignments are late: stamps against the catalogue's clocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from workstation.domain.rows import Step
from workstation.service.clocks import Clocks


class Deadline(NamedTuple):
    """A clock that runs: due `at`, started at `since` (ms UTC), `target` its catalogue key, `agency` who is awaited."""

    at: int
    since: int
    target: str
    agency: str


class Stamps(Struct, frozen=True):
    """What a deadline looks at of one assignment; ms UTC, None = not yet."""

    agency: str
    step: Step
    planned_at: int | None
    notified_at: int | None
    acknowledged_at: int | None
    departed_at: int | None
    arrived_at: int | None


class Report(Struct, frozen=True):
    """The incident's own part: when its call rang and was answered (else when it was opened), and its type."""

    rang_at: int
    answered_at: int
    type: str


def running(report: Report, stamps: Stamps, clocks: Clocks) -> Iterator[Deadline]:
    """Give the clocks that run for one assignment."""
    if stamps.step is Step.PLANNED:
        since = max(report.answered_at, stamps.planned_at or 0)
        yield _due("notify", since, stamps, clocks)
    elif stamps.step is Step.NOTIFIED and stamps.notified_at is not None:
        yield _due("acknowledge", stamps.notified_at, stamps, clocks)
    elif stamps.step is Step.ACKNOWLEDGED and stamps.acknowledged_at is not None and stamps.agency not in clocks.stays:
        yield _due("depart", stamps.acknowledged_at, stamps, clocks)
    elif stamps.step is Step.ARRIVED and stamps.arrived_at is not None:
        yield _due("result", stamps.arrived_at, stamps, clocks)
    if stamps.step in (Step.NOTIFIED, Step.ACKNOWLEDGED, Step.DEPARTED) and stamps.agency not in clocks.stays:
        # The caller waits from the ring on, whoever is slow in between.
        at = report.rang_at + clocks.target_ms("arrive", report.type)
        yield Deadline(at, report.rang_at, "arrive", stamps.agency)


def following(report: Report, assignments: Sequence[Stamps], clocks: Clocks) -> Deadline | None:
    """Give the incident's next deadline, the earliest; without any assignment the first agency is to be notified."""
    if not assignments:
        at = report.answered_at + clocks.target_ms("notify")
        return Deadline(at, report.answered_at, "notify", "")
    return min((due for stamps in assignments for due in running(report, stamps, clocks)), default=None)


def late(dues: Iterable[Deadline], now: int) -> bool:
    """Say whether a clock is past its target."""
    return any(due.at < now for due in dues)


def _due(target: str, since: int, stamps: Stamps, clocks: Clocks) -> Deadline:
    return Deadline(since + clocks.target_ms(target), since, target, stamps.agency)
