"""What of this desk is not on the server: each item with its state in words and mark, and what the marks mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Asked, Bridge, Question
from ui.dialogs.paths import PathPanel
from ui.i18n import known, language, tr
from ui.theme import Theme
from ui.widgets.basic import Label, Panel
from ui.widgets.deadline import age
from ui.widgets.incident_words import sync_word
from ui.widgets.pencil import RIGHT, Pencil
from ui.widgets.table import Column, Repaint, Table
from workstation.domain.rows import LinkStatus, Sync, UnsentRow
from workstation.service import views
from workstation.service.desk import Desk

LEGEND = (
    (Sync.LOCAL, "unsent.only_here"),
    (Sync.QUEUED, "unsent.waiting"),
    (Sync.BESIDE, "unsent.elsewhere"),
    (Sync.SERVER, "unsent.answered"),
    (Sync.CONFLICT, "unsent.choose"),
    (Sync.REFUSED, "unsent.read_why"),
)


def item_words(row: UnsentRow) -> str:
    """What an unsent row holds, in words: Catatan, AMB-3-0034."""
    entity, _, did = row.kind.partition(".")
    if entity == "assignment" and known(f"step.{did}"):
        word = f"{tr('unsent.kind.assignment')}: {tr(f'step.{did}').lower()}"
    else:
        own, general = f"unsent.kind.{did}", f"unsent.kind.{entity}"
        word = tr(own) if known(own) else tr(general) if known(general) else figures.plain(row.kind)
    number = figures.phone(row.number) if entity in ("offer", "call") else figures.plain(row.number)
    return f"{word}, {number}" if number else word


class UnsentPanel(Panel):
    """ "Belum di server": the list itself, on the link-down page and on its own.

    Signals:
        opened(str): the incident number of a row that was opened, "" if it has none.
    """

    opened = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "unsent.title", "Alt 8", parent=parent)
        self._desk = desk
        self._question = Question(bridge, self._ask)
        self._oldest = Label(theme, role="number", token="amber", parent=self)
        self.head.addWidget(self._oldest)
        self.table: Table[UnsentRow] = Table(theme, _columns(desk), _key, row=30, name="unsent.title")
        self.table.opened.connect(self._open)
        self._empty = Label(theme, "unsent.empty", token="text3")
        self._empty.setContentsMargins(12, 8, 12, 8)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addWidget(self._empty)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(_Legend(theme, self))
        self._rows: tuple[UnsentRow, ...] = ()
        bridge.changed.connect(self.refresh)
        bridge.link.connect(self._heard)
        self._stand: tuple[int, int, str] | None = None

    def refresh(self, _changes: object = None) -> None:
        """Asks for the unsent rows anew, one question at a time; nothing while nobody looks."""
        self._question.put()

    def _ask(self) -> Asked | None:
        asking = self.isVisible() and self._desk.person is not None
        return (self._desk.see(views.unsent), self.show_rows) if asking else None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def show_rows(self, rows: object) -> None:
        """Takes the unsent rows, whatever their order."""
        newest_first = sorted(cast("Sequence[UnsentRow]", rows), key=lambda row: -row.at)
        self._rows = tuple(newest_first)
        now = self._desk.clock.now_ms()
        self.table.rows.now_ms = now
        self.table.show_rows(self._rows)
        total = sum(row.count for row in self._rows)
        if self.count is not None:
            self.count.show_text(str(total) if total else "")
        self._empty.setVisible(not self._rows)
        oldest = min((row.at for row in self._rows), default=None)
        self._oldest.setVisible(oldest is not None)
        if oldest is not None:
            self._oldest.say("unsent.oldest", age=age(now, oldest))

    def tick(self, now_ms: int) -> None:
        self.table.tick(now_ms)

    def _heard(self, status: object) -> None:
        # An acknowledgement changes no entity; what is counted tells that rows have gone or are elsewhere now.
        link = cast("LinkStatus", status)
        stand = (link.unsent, link.elsewhere, link.state)
        if stand != self._stand:
            self._stand = stand
            self.refresh()

    def _open(self, key: object) -> None:
        row = next((r for r in self._rows if _key(r) == key), None)
        if row is not None:
            self.opened.emit(row.number)


class UnsentPage(QWidget):
    """Alt 8: the ways the data can take over what waits to take them."""

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path = PathPanel(desk, bridge, theme, self)
        self.courier = self.path.courier
        self.unsent = UnsentPanel(desk, bridge, theme, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.path)
        column.addWidget(self.unsent, 1)

    def tick(self, now_ms: int) -> None:
        self.unsent.tick(now_ms)


class _Legend(QWidget):
    """What the marks mean, in one line under the list."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.px(32))
        self.setAccessibleName(tr("unsent.legend"))
        self.setAccessibleDescription(", ".join(f"{sync_word(state)}: {tr(key)}" for state, key in LEGEND))
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._measure()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        x, middle = pencil.px(12), self.height() / 2
        pencil.fill(QRectF(x, 0, self.width() - 2 * x, 1), "line")
        for state, key in LEGEND:
            pencil.sync(QPointF(x + pencil.px(7), middle), state, 14)
            wide = pencil.text(QRectF(x + pencil.px(20), 0, self.width() - x, self.height()), tr(key), "small", "text3")
            x += pencil.px(20) + wide + pencil.px(16)
        painter.end()


def _key(row: UnsentRow) -> object:
    return (row.at, row.kind, row.number, row.detail)


def _columns(desk: Desk) -> tuple[Column[UnsentRow], ...]:
    def time(pencil: Pencil, rect: QRectF, row: UnsentRow, _now: int) -> None:
        pencil.text(rect.adjusted(pencil.px(12), 0, 0, 0), figures.wall(row.at), "body", "text2")

    def what(pencil: Pencil, rect: QRectF, row: UnsentRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), item_words(row), "number", "text")

    def detail(pencil: Pencil, rect: QRectF, row: UnsentRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), _detail(desk, row), "body", "text2")

    def state(pencil: Pencil, rect: QRectF, row: UnsentRow, _now: int) -> None:
        pencil.sync(QPointF(rect.left() + pencil.px(15), rect.center().y()), row.sync, 16)
        token = {Sync.REFUSED: "red", Sync.CONFLICT: "amber", Sync.QUEUED: "amber"}.get(row.sync, "text")
        pencil.text(rect.adjusted(pencil.px(32), 0, 0, 0), sync_word(row.sync), "number", token)

    def old(pencil: Pencil, rect: QRectF, row: UnsentRow, now: int) -> None:
        pencil.text(rect.adjusted(0, 0, -pencil.px(12), 0), age(now, row.at), "body", "text2", RIGHT)

    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    return (
        Column("time", "unsent.time", 88, time, lambda r, _n: figures.wall(r.at), inset=12),
        Column("what", "unsent.what", 250, what, lambda r, _n: item_words(r)),
        Column("detail", "unsent.detail", 0, detail, lambda r, _n: _detail(desk, r), least=120, yields=1),
        Column("state", "unsent.state", 150, state, lambda r, _n: sync_word(r.sync)),
        Column("age", "unsent.age", 80, old, lambda r, n: age(n, r.at), right, repaint=Repaint.MINUTE, yields=2),
    )


def _detail(desk: Desk, row: UnsentRow) -> str:
    """The type, agency or kind of caller in words, and how many entries the row stands for."""
    kind, agency = desk.catalogue.types.get(row.detail), desk.catalogue.agencies.get(row.detail)
    call_type = desk.catalogue.call_types.get(row.detail)
    if kind is not None:
        words = kind.label(language())
    elif agency is not None:
        words = agency.short
    elif call_type is not None:
        words = call_type.label(language())
    else:
        keys = (f"unsent.caller.{row.detail}", f"signin.role_{row.detail}")
        words = next((tr(key) for key in keys if known(key)), figures.plain(row.detail))
    if row.sync is Sync.REFUSED:
        key = f"unsent.why.{row.why}"
        return tr(key if known(key) else "unsent.why.frame")
    many = tr("unsent.items", n=row.count) if row.count > 1 else ""
    return " · ".join(part for part in (words, many) if part)


def _in(pencil: Pencil, rect: QRectF) -> QRectF:
    return rect.adjusted(pencil.px(6), 0, -pencil.px(6), 0)
