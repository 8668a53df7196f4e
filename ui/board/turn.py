"""What waits for the person at this desk: people to call back, drafts left open, values that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from PySide6.QtCore import QRectF, Signal
from PySide6.QtWidgets import QWidget

from ui import figures
from ui.bridge import Bridge
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Label, Panel
from ui.widgets.deadline import age, left
from ui.widgets.incident_words import IncidentWords
from ui.widgets.pencil import RIGHT, Pencil
from ui.widgets.table import Column, Repaint, Table
from workstation.domain.rows import AbandonedRow, BoardRow
from workstation.service import views
from workstation.service.desk import Desk

SHOWN_MOST = 3
CALL_BACK_SPAN_MS = 60_000


class Turn(Struct, frozen=True):
    """One thing to do. `number` = whom to call, else `incident` is what to open; `due_at` runs, `since_at` ages."""

    key: str
    icon: str
    title: str
    detail: str
    number: str = ""
    incident: bytes = b""
    due_at: int | None = None
    since_at: int = 0


def turns(words: IncidentWords, abandoned: Sequence[AbandonedRow], rows: Sequence[BoardRow], desk: str) -> list[Turn]:
    """The list, most pressing first: call-backs by how late they are, then this desk's rivals, then drafts by age."""
    backs = [
        Turn(
            f"call:{row.number}",
            "return",
            figures.phone(row.number),
            tr("turn.abandoned", n=row.calls),
            number=row.number,
            due_at=row.call_back_due_at,
            since_at=row.last_at,
        )
        for row in sorted(abandoned, key=lambda a: a.call_back_due_at or 0)
        if row.number and row.call_back_due_at is not None
    ]
    rivals = [
        Turn(
            f"rival:{row.uid.hex()}",
            "conflict",
            tr("turn.rival", field=words.type(row), number=words.number(row)),
            tr("turn.rival_detail"),
            incident=row.uid,
            since_at=row.opened_at,
        )
        for row in rows
        if row.rivals and row.desk == desk
    ]
    drafts = [
        Turn(
            f"draft:{row.uid.hex()}",
            "pen",
            tr("turn.draft", what=words.type(row).lower()),
            tr("turn.draft_left", desk=row.desk, at=figures.wall(row.opened_at, seconds=False)),
            incident=row.uid,
            since_at=row.opened_at,
        )
        for row in sorted(rows, key=lambda r: r.opened_at)
        if row.status == "draft"
    ]
    return [*backs, *rivals, *drafts]


class TurnPanel(Panel):
    """ "Giliran Anda", beside the idle board.

    Signals:
        call_back(str): a number to call was opened.
        opened(bytes): an incident was opened.
    """

    call_back = Signal(str)
    opened = Signal(bytes)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "turn.title", "Alt A", parent=parent)
        self._desk, self._bridge = desk, bridge
        self._words = IncidentWords(desk)
        self._abandoned: tuple[AbandonedRow, ...] = ()
        self._rows: tuple[BoardRow, ...] = ()
        self._turns: list[Turn] = []
        column: Column[Turn] = Column("turn", "", 0, _paint_turn, _say_turn, repaint=Repaint.TENTH)
        self.table: Table[Turn] = Table(theme, (column,), lambda t: t.key, row=46, header=False, name="turn.title")
        self.table.opened.connect(self._open)
        self._empty = Label(theme, "turn.empty", token="text3")
        self.body.addWidget(self._empty)
        self.body.addWidget(self.table)
        self.body.addStretch(1)
        self.body.setContentsMargins(0, 0, 0, 6)
        self._empty.setContentsMargins(12, 0, 12, 6)
        bridge.changed.connect(self._changed)
        theme.changed.connect(self._measure_rows)
        self.refresh()
        self._lay()

    def refresh(self) -> None:
        if not self._desk.may_see(views.abandoned):
            self.show_abandoned(())
            return
        now = self._desk.clock.now_ms()
        self._bridge.ask(self._desk.see(views.abandoned, now), self.show_abandoned)

    def show_abandoned(self, rows: object) -> None:
        self._abandoned = tuple(cast("Sequence[AbandonedRow]", rows))
        self._lay()

    def show_board(self, rows: object) -> None:
        """Takes the open incidents the board already has (its signal `rows_changed`)."""
        self._rows = tuple(cast("Sequence[BoardRow]", rows))
        self._lay()

    def tick(self, now_ms: int) -> None:
        self.table.tick(now_ms)

    def _changed(self, changes: object) -> None:
        if getattr(changes, "calls", None) or getattr(changes, "offers", None):
            self.refresh()

    def _lay(self) -> None:
        self._turns = turns(self._words, self._abandoned, self._rows, self._desk.name)
        self.table.rows.now_ms = self._desk.clock.now_ms()
        self.table.show_rows(self._turns)
        if self.count is not None:
            self.count.show_text(str(len(self._turns)) if self._turns else "")
        self._empty.setVisible(not self._turns)
        self.table.setVisible(bool(self._turns))
        self._measure_rows()

    def _measure_rows(self) -> None:
        # Three rows always have their room, so that an arriving call-back does not push the map about.
        self.table.setFixedHeight(self.theme.px(46) * SHOWN_MOST)
        self.setFixedHeight(self.theme.size("panel_head") + self.theme.px(46) * SHOWN_MOST + 6)

    def _open(self, key: object) -> None:
        turn = next((t for t in self._turns if t.key == key), None)
        if turn is None:
            return
        if turn.number:
            self.call_back.emit(turn.number)
        else:
            self.opened.emit(turn.incident)


def _paint_turn(pencil: Pencil, rect: QRectF, turn: Turn, now: int) -> None:
    inner = rect.adjusted(pencil.px(12), 0, -pencil.px(12), 0)
    pencil.icon(inner.left() + pencil.px(2), inner.center().y() - pencil.px(9), turn.icon, "text2", 18)
    taken = 0.0
    reading = left(now, turn.due_at - CALL_BACK_SPAN_MS, turn.due_at) if turn.due_at is not None else None
    if reading is not None:
        taken = pencil.clock(inner, reading)
    else:
        taken = pencil.text(inner, age(now, turn.since_at), "body", "text2", RIGHT)
    x, wide = inner.left() + pencil.px(32), inner.width() - pencil.px(32) - taken - pencil.px(10)
    pencil.text(QRectF(x, rect.top() + pencil.px(4), wide, pencil.px(20)), turn.title, "board_type", "text")
    pencil.text(QRectF(x, rect.top() + pencil.px(23), wide, pencil.px(17)), turn.detail, "small", "text2")


def _say_turn(turn: Turn, now: int) -> str:
    reading = left(now, turn.due_at - CALL_BACK_SPAN_MS, turn.due_at) if turn.due_at is not None else None
    clock = f"{reading.text}, {tr(f'pace.{reading.pace}')}" if reading else age(now, turn.since_at)
    return f"{turn.title}, {turn.detail}, {clock}"
