"""Incidents that may be the one on the form: shown beside it, never in its way, never merged by themselves.

The rule is a thin one that can be said in a sentence: the same village and the same type within 60 minutes; the share
shown is how much of that hour is left, so an older look-alike steps back. Text and distance come with the map packs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from PySide6.QtCore import QRectF, Signal
from PySide6.QtWidgets import QWidget

from ui.bridge import Bridge
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Label, Panel
from ui.widgets.deadline import age
from ui.widgets.incident_words import IncidentWords
from ui.widgets.pencil import Pencil
from ui.widgets.table import Column, Repaint, Table
from workstation.domain.rows import BoardRow
from workstation.service.desk import Desk

WITHIN_MS = 60 * 60_000


class Twin(Struct, frozen=True):
    """One look-alike; `near` is 0..1, 1 = opened at the same moment."""

    row: BoardRow
    near: float


def similar(rows: Sequence[BoardRow], village: str, type_: str, opened_at: int, not_this: bytes) -> list[Twin]:
    """The open incidents of the same village and type within the hour, nearest first; none while either is missing."""
    if not village or not type_:
        return []
    twins = [
        Twin(row, 1 - abs(row.opened_at - opened_at) / WITHIN_MS)
        for row in rows
        if row.uid != not_this
        and row.village == village
        and row.type == type_
        and abs(row.opened_at - opened_at) < WITHIN_MS
    ]
    return sorted(twins, key=lambda twin: (-twin.near, twin.row.uid))


class SimilarPanel(Panel):
    """ "Mungkin sama", under the map while a form is open.

    Signals:
        opened(bytes): a look-alike was opened to be read.
        counted(int): how many look-alikes there are.
    """

    opened = Signal(bytes)
    counted = Signal(int)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "similar.title", "Alt D", parent=parent)
        self._desk = desk
        self._words = IncidentWords(desk)
        self._rows: tuple[BoardRow, ...] = ()
        self._about: tuple[str, str, int, bytes] = ("", "", 0, b"")
        column: Column[Twin] = Column("twin", "", 0, self._paint, self._say, repaint=Repaint.MINUTE)
        self.table: Table[Twin] = Table(
            theme, (column,), lambda t: t.row.uid, row=44, header=False, name="similar.title"
        )
        self.table.opened.connect(lambda key: self.opened.emit(cast("bytes", key)))
        self._empty = Label(theme, "similar.empty", token="text3")
        self._empty.setContentsMargins(12, 0, 12, 0)
        self.body.setContentsMargins(0, 0, 0, 6)
        self.body.addWidget(self._empty)
        self.body.addWidget(self.table, 1)
        self.body.addStretch(0)
        theme.changed.connect(self._measure)
        self._lay()

    def show_board(self, rows: object) -> None:
        """Takes the open incidents the board already has (its signal `rows_changed`)."""
        self._rows = tuple(cast("Sequence[BoardRow]", rows))
        self._lay()

    def about(self, village: str, type_: str, opened_at: int, incident: bytes) -> None:
        """Says what the form holds now: look-alikes of that are shown."""
        self._about = (village, type_, opened_at, incident)
        self._lay()

    def tick(self, now_ms: int) -> None:
        self.table.tick(now_ms)

    def _lay(self) -> None:
        twins = similar(self._rows, *self._about)
        self.table.rows.now_ms = self._desk.clock.now_ms()
        self.table.show_rows(twins)
        self._empty.setVisible(not twins)
        self.table.setVisible(bool(twins))
        if self.count is not None:
            self.count.show_text(str(len(twins)) if twins else "")
        self.counted.emit(len(twins))

    def _paint(self, pencil: Pencil, rect: QRectF, twin: Twin, now: int) -> None:
        inner = rect.adjusted(pencil.px(12), 0, -pencil.px(12), 0)
        strong = twin.near >= 0.75
        token = "amber" if strong else "text3"
        pencil.text(
            QRectF(inner.left(), rect.top() + pencil.px(4), pencil.px(42), pencil.px(20)),
            f"{twin.near * 100:.0f}%",
            "strong",
            token,
        )
        bar = QRectF(inner.left(), rect.top() + pencil.px(26), pencil.px(32), pencil.px(3))
        pencil.fill(bar, "bg3")
        pencil.fill(QRectF(bar.left(), bar.top(), bar.width() * twin.near, bar.height()), token)
        x, wide = inner.left() + pencil.px(46), inner.width() - pencil.px(46)
        row = twin.row
        title = f"{self._words.type(row)}, {self._words.village(row)}"
        pencil.text(
            QRectF(x, rect.top() + pencil.px(4), wide, pencil.px(19)), title, "strong", "text" if strong else "text2"
        )
        pencil.text(
            QRectF(x, rect.top() + pencil.px(22), wide, pencil.px(17)), self._detail(row, now), "small", "text2"
        )

    def _detail(self, row: BoardRow, now: int) -> str:
        return tr("similar.detail", number=self._words.number(row), age=age(now, row.opened_at), desk=row.desk)

    def _say(self, twin: Twin, now: int) -> str:
        row = twin.row
        return f"{twin.near * 100:.0f}%, {self._words.type(row)}, {self._words.village(row)}, {self._detail(row, now)}"
