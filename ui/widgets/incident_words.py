"""What a board row is called on the screen: type, place, next target, agencies, age; the same on board and queue.

Names come from the desk's catalogue and gazetteer, the sentence around them from the language in force; a key the
catalogue does not know (a newer desk's type) is shown as it came, never hidden.
"""

from __future__ import annotations

from collections.abc import Callable

from ui import figures
from ui.i18n import known, language, tr
from ui.widgets.deadline import age, left
from workstation.domain.rows import AssignmentRow, BoardRow, Step, Sync
from workstation.service.desk import Desk

_WAITING_FOR: dict[str, Callable[[AssignmentRow], bool]] = {
    "notify": lambda a: a.step is Step.PLANNED,
    "acknowledge": lambda a: a.step is Step.NOTIFIED,
    "depart": lambda a: a.step is Step.ACKNOWLEDGED,
    "arrive": lambda a: a.step in (Step.NOTIFIED, Step.ACKNOWLEDGED, Step.DEPARTED),
    "result": lambda a: a.step is Step.ARRIVED,
}


class IncidentWords:
    """Says one desk's incidents in words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def type(self, row: BoardRow) -> str:
        return self.type_name(row.type) if row.type else tr("board.no_type")

    def type_name(self, key: str) -> str:
        known_type = self._desk.catalogue.types.get(key)
        return known_type.label(language()) if known_type else figures.plain(key)

    def agency(self, key: str) -> str:
        known_agency = self._desk.catalogue.agencies.get(key)
        return known_agency.short if known_agency else figures.plain(key)

    def village(self, row: BoardRow) -> str:
        if not row.village:
            return figures.plain(row.place or row.landmark) or tr("board.no_place")
        return self._desk.gazetteer.label(row.village, short=True)

    def district(self, row: BoardRow) -> str:
        place = self._desk.gazetteer.get(row.village) if row.village else None
        return place.district if place and place.district != place.name else ""

    def place(self, row: BoardRow) -> str:
        """Waihoka · Sirimau"""
        district = self.district(row)
        return f"{self.village(row)} · {district}" if district else self.village(row)

    def number(self, row: BoardRow) -> str:
        return row.number or tr("board.draft")

    def target(self, row: BoardRow) -> str:
        """The next target in words, with the agency it waits for: PLN jawab, BPBD tiba."""
        if not row.deadline:
            return "–"
        key = f"deadline.{row.deadline}"
        waits = _WAITING_FOR.get(row.deadline)
        agency = next((self.agency(a.agency) for a in row.assignments if waits and waits(a)), "")
        if not known(key):
            return row.deadline
        words = tr(key, agency=agency or tr("deadline.agency")).strip()
        return words[:1].upper() + words[1:]

    def clock(self, row: BoardRow, now_ms: int) -> str:
        reading = left(now_ms, row.deadline_from_at, row.deadline_at)
        return "" if reading is None else f"{self.target(row)} {reading.text}, {tr(f'pace.{reading.pace}')}"

    def assignments(self, row: BoardRow) -> str:
        return ", ".join(
            f"{self.agency(a.agency)} {tr('step.late') if a.late else tr(f'step.{a.step}')}" for a in row.assignments
        )

    def desk(self, row: BoardRow) -> str:
        """The desk's short name: what stands after "Meja"."""
        return row.desk.removeprefix("Meja ").strip() or "–"

    def age(self, row: BoardRow, now_ms: int) -> str:
        return age(now_ms, row.opened_at)

    def state(self, row: BoardRow, now_ms: int) -> tuple[str, str]:
        """The queue's state word and its colour: the worst thing first."""
        refused = sum(a.step is Step.REFUSED for a in row.assignments)
        if row.deadline_at is not None and row.deadline_at <= now_ms:
            return tr("queue.late"), "red"
        if refused:
            return tr("queue.refused", n=refused), "red"
        if row.status == "draft":
            return tr("queue.draft"), "amber"
        live = [a for a in row.assignments if a.step not in (Step.REFUSED, Step.CANCELLED)]
        if any(a.step is Step.ARRIVED for a in live):
            return tr("queue.on_scene"), "text2"
        if live and all(a.step is Step.DONE for a in live):
            return tr("queue.done"), "text2"
        if any(a.step is not Step.PLANNED for a in live):
            return tr("queue.sent"), "text2"
        return tr("queue.open"), "amber" if not live else "text2"


def sync_word(state: Sync) -> str:
    return tr(f"sync.{state}")


def priority_word(level: int) -> str:
    return tr(f"priority.{level}") if level in (1, 2, 3, 4) else tr("priority.none")
