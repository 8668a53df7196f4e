"""Alt 2: the calls page. Abandoned numbers above, every call below, one number's history at the right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Asked, Bridge, Question
from ui.calls.tables import CALL_BACK_MS, abandoned_columns, call_columns, tries_of
from ui.calls.words import LIVE, about, call_word, number_words, ring_ms
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Chip, Label, Panel
from ui.widgets.deadline import left
from ui.widgets.pencil import Pencil
from ui.widgets.scroll import Scrolling
from ui.widgets.table import Column, Repaint, Table
from workstation.domain.rows import AbandonedRow, CallRow
from workstation.service import views
from workstation.service.desk import Desk

FILTERS = ("all", "emergency", "information", "prank", "silent", "untyped")
RIGHT_WIDTH = 372
ABANDONED_ROWS = 6
LARGE = 1.5  # text from here on: one column
QWIDGET_MOST = 16_777_215


def fits(row: CallRow, show: str) -> bool:
    """Whether a call belongs under a filter; untyped are the ended ones nobody typed, abandoned ones need no type."""
    if show == "all":
        return True
    if show == "untyped":
        return not row.type and row.status not in (*LIVE, "abandoned")
    return row.type == show


class CallsPage(QWidget):
    """The page.

    Signals:
        opened(bytes): the incident a call led to was opened.
        call_back(str): a number to call back was opened.
    """

    opened = Signal(bytes)
    call_back = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self._bridge, self.theme = desk, bridge, theme
        self._calls: tuple[CallRow, ...] = ()
        self._abandoned: tuple[AbandonedRow, ...] = ()
        self._show = "all"
        self._question = Question(bridge, self._ask)
        self._number: str | None = None
        self._build()
        bridge.changed.connect(self._changed)
        theme.changed.connect(self._measure)
        self._measure()

    # -------------------------------------------------- build
    def _build(self) -> None:
        theme = self.theme
        self.left_behind = Panel(theme, "calls.abandoned", "Alt T")
        self._merged = Label(theme, token="text3", role="small")
        self.left_behind.head.addWidget(self._merged)
        self.abandoned: Table[AbandonedRow] = Table(
            theme, abandoned_columns(), lambda r: r.number, row=36, name="calls.abandoned"
        )
        self.abandoned.chosen.connect(self._choose_number)
        self.abandoned.opened.connect(lambda key: self.call_back.emit(cast("str", key)) if key else None)
        self._fill(self.left_behind, self.abandoned)
        self._unknown = Label(theme, "calls.queue_unknown", role="small", token="text3")
        self._unknown.setContentsMargins(12, 0, 12, 6)
        self.left_behind.body.addWidget(self._unknown)

        self.every = Panel(theme, "calls.all", "Alt S")
        self.chips = self._make_chips(self.every)
        self.calls: Table[CallRow] = Table(theme, call_columns(self._desk), lambda r: r.uid, row=28, name="calls.all")
        self.calls.opened.connect(self._open_call)
        self.calls.chosen.connect(self._choose_call)
        self._fill(self.every, self.calls)

        self.backs = Panel(theme, "calls.back", "Alt A")
        self._latest = Label(theme, "calls.latest", role="small", token="text3")
        self.backs.head.addWidget(self._latest)
        back: Column[AbandonedRow] = Column("back", "", 0, _paint_back, _say_back, repaint=Repaint.TENTH)
        self.waiting: Table[AbandonedRow] = Table(
            theme, (back,), lambda r: r.number, row=58, header=False, name="calls.back"
        )
        self.waiting.chosen.connect(self._choose_number)
        self.waiting.opened.connect(lambda key: self.call_back.emit(cast("str", key)))
        self._nobody = Label(theme, "calls.none_back", token="text3")
        self._nobody.setContentsMargins(12, 0, 12, 0)
        self.backs.body.addWidget(self._nobody)
        self._fill(self.backs, self.waiting)
        phone = Label(theme, "calls.by_phone", role="small", token="text3", wrap=True)
        phone.setContentsMargins(12, 4, 12, 8)
        self.backs.body.addWidget(phone)

        self.history = Panel(theme, "calls.history")
        line: Column[CallRow] = Column("line", "", 0, self._paint_line, self._say_line)
        self.lines: Table[CallRow] = Table(theme, (line,), lambda r: r.uid, row=28, header=False, name="calls.history")
        self._pick = Label(theme, "calls.pick", token="text3", wrap=True)
        self._pick.setContentsMargins(12, 0, 12, 0)
        self.history.body.addWidget(self._pick)
        self._fill(self.history, self.lines)

        self._right = QWidget(self)
        right = QVBoxLayout(self._right)
        left_side = QVBoxLayout()
        for layout, parts in ((left_side, (self.left_behind, self.every)), (right, (self.backs, self.history))):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(8)
            layout.addWidget(parts[0], 0 if layout is left_side else 7)
            layout.addWidget(parts[1], 1 if layout is left_side else 6)
        content = QWidget(self)
        self._sides = QHBoxLayout(content)
        self._sides.setContentsMargins(0, 0, 0, 0)
        self._sides.setSpacing(8)
        self._sides.addLayout(left_side, 1)
        self._sides.addWidget(self._right)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Scrolling(content))

    @staticmethod
    def _fill(panel: Panel, table: QWidget) -> None:
        panel.body.setContentsMargins(0, 0, 0, 0)
        panel.body.setSpacing(0)
        panel.body.addWidget(table, 1)

    def _make_chips(self, panel: Panel) -> dict[str, Chip]:
        group, chips = QButtonGroup(panel), {}
        for show in FILTERS:
            chip = Chip(self.theme, f"calls.chip_{show}", value=show)
            chip.say(f"calls.chip_{show}", n=0)
            chip.setChecked(show == "all")
            group.addButton(chip)
            panel.head.addWidget(chip)
            chips[show] = chip
        group.buttonClicked.connect(lambda chip: self.narrow(chip.value))
        return chips

    def _measure(self) -> None:
        theme = self.theme
        head = theme.size("panel_head") + theme.px(26)
        self.left_behind.setFixedHeight(head + ABANDONED_ROWS * theme.px(36) + theme.px(24))
        large = theme.scale >= LARGE
        # Large text: one column that scrolls; at ordinary sizes everything is in sight at once.
        direction = QBoxLayout.Direction.TopToBottom if large else QBoxLayout.Direction.LeftToRight
        self._sides.setDirection(direction)
        self._right.setMinimumWidth(0 if large else theme.px(RIGHT_WIDTH))
        self._right.setMaximumWidth(QWIDGET_MOST if large else theme.px(RIGHT_WIDTH))
        self._right.setMinimumHeight(theme.px(460) if large else 0)
        self.every.setMinimumHeight(theme.px(260) if large else 0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    # -------------------------------------------------- rows
    def refresh(self) -> None:
        """Asks for the calls and the abandoned ones anew, one question at a time; nothing while nobody looks."""
        self._question.put()

    def _ask(self) -> Asked | None:
        if not self.isVisible() or self._desk.person is None:
            return None
        now = self._desk.clock.now_ms()
        asked = self._desk.see(views.calls_and_abandoned, now)
        return asked, lambda rows: self.show_rows(*rows)

    def show_rows(self, calls: Sequence[CallRow], abandoned: Sequence[AbandonedRow]) -> None:
        self._calls, self._abandoned = tuple(calls), tuple(abandoned)
        self._lay()

    def narrow(self, show: str) -> None:
        """Shows all calls or those of one filter."""
        self._show = show
        self.chips[show].setChecked(True)
        self._lay()

    def tick(self, now_ms: int) -> None:
        for table in (self.abandoned, self.calls, self.waiting):
            table.tick(now_ms)

    def _changed(self, changes: object) -> None:
        if any(getattr(changes, name, None) for name in ("calls", "offers", "incidents")):
            self.refresh()

    def _lay(self) -> None:
        now = self._desk.clock.now_ms()
        for table in (self.abandoned, self.calls, self.waiting):
            table.rows.now_ms = now
        self.abandoned.show_rows(self._abandoned)
        self.calls.show_rows(row for row in self._calls if fits(row, self._show))
        due = [row for row in self._abandoned if row.number and row.call_back_due_at is not None]
        due.sort(key=lambda row: row.call_back_due_at or 0)
        self.waiting.show_rows(due)
        self._nobody.setVisible(not due)
        counts = Counter(show for row in self._calls for show in FILTERS if fits(row, show))
        for show, chip in self.chips.items():
            chip.say(f"calls.chip_{show}", n=counts[show])
        for panel, number in ((self.left_behind, len(self._abandoned)), (self.backs, len(due))):
            if panel.count is not None:
                panel.count.show_text(str(number))
        total = sum(row.calls for row in self._abandoned)
        self._merged.setVisible(total > 0)
        self._merged.say("calls.merged", n=total, rows=len(self._abandoned))

    # -------------------------------------------------- one number
    def _choose_number(self, number: object) -> None:
        if isinstance(number, str) and number:
            self._ask_history(number)

    def _choose_call(self, key: object) -> None:
        row = next((r for r in self._calls if r.uid == key), None)
        if row is not None and row.number:
            self._ask_history(row.number)

    def _ask_history(self, number: str) -> None:
        if number == self._number:
            return
        self._number = number
        now = self._desk.clock.now_ms()
        asked = self._desk.see(views.earlier_calls, number, now)
        self._bridge.ask(asked, lambda rows: self._take_history(number, rows))

    def _take_history(self, number: str, rows: Sequence[CallRow]) -> None:
        if number != self._number:
            return
        self._pick.hide()
        if self.history.title is not None:
            self.history.title.show_text(number_words(number))
        self.lines.rows.now_ms = self._desk.clock.now_ms()
        self.lines.show_rows(rows)

    def _open_call(self, key: object) -> None:
        row = next((r for r in self._calls if r.uid == key), None)
        if row is not None and row.incidents:
            self.opened.emit(row.incidents[0])

    def _paint_line(self, pencil: Pencil, rect: QRectF, row: CallRow, now: int) -> None:
        inner = rect.adjusted(pencil.px(12), 0, -pencil.px(8), 0)
        middle = rect.center().y()
        pencil.fill(QRectF(inner.left() + pencil.px(5), rect.top(), 1, rect.height()), "line")
        token = "amber" if row.status == "abandoned" else "edge"
        dot = pencil.px(9)
        pencil.box(
            QRectF(inner.left() + pencil.px(5) - dot / 2, middle - dot / 2, dot, dot), "bg1", token, dot / 2, 1.6
        )
        pencil.text(inner.adjusted(pencil.px(22), 0, 0, 0), _when(row.rang_at, now), "body", "text2")
        pencil.text(inner.adjusted(pencil.px(90), 0, 0, 0), self._line_words(row, now), "body", "text")

    def _line_words(self, row: CallRow, now: int) -> str:
        if row.status == "abandoned":
            return tr("calls.missed_at", ring=figures.age(ring_ms(row, now) / 1000))
        led_to = about(self._desk, row)
        word = call_word(self._desk, row)[0]
        return f"{word}: {led_to}" if led_to else word

    def _say_line(self, row: CallRow, now: int) -> str:
        return f"{_when(row.rang_at, now)}, {self._line_words(row, now)}"


def _when(at: int, now: int) -> str:
    """The time today, the date before."""
    return figures.wall(at) if now - at < 20 * 3_600_000 else figures.day(at)


def _paint_back(pencil: Pencil, rect: QRectF, row: AbandonedRow, now: int) -> None:
    inner = rect.adjusted(pencil.px(12), 0, -pencil.px(12), 0)
    upper = QRectF(inner.left(), rect.top() + pencil.px(5), inner.width(), pencil.px(22))
    lower = QRectF(inner.left(), rect.top() + pencil.px(28), inner.width(), pencil.px(22))
    pencil.text(upper, number_words(row.number), "board_type", "text", weight=600)
    detail = tr("calls.dropped_times", n=row.calls, at=figures.wall(row.last_at))
    pencil.text(lower.adjusted(0, 0, -pencil.px(70), 0), detail, "small", "text2")
    due = row.call_back_due_at
    reading = left(now, None if due is None else due - CALL_BACK_MS, due)
    if reading is not None:
        pencil.clock(upper, reading)
    pencil.tries(inner.right() - pencil.px(64), lower.center().y(), tries_of(row))


def _say_back(row: AbandonedRow, now: int) -> str:
    due = row.call_back_due_at
    reading = left(now, None if due is None else due - CALL_BACK_MS, due)
    clock = f"{reading.text}, {tr(f'pace.{reading.pace}')}" if reading else ""
    return (
        f"{number_words(row.number)}, {tr('calls.dropped_times', n=row.calls, at=figures.wall(row.last_at))}, {clock}"
    )
