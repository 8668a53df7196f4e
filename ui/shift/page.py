"""Alt 6: the shift lead's page. Others see one sentence; the figures and decisions are for the role lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Asked, Bridge, Question
from ui.shift.charts import Ecdf, HourBars, TypeMix
from ui.shift.desks import DesksRow
from ui.shift.figures import FigureStrip
from ui.shift.settle import SettlePanel
from ui.theme import Theme
from ui.widgets import incident_cells
from ui.widgets.basic import Chip, Keycap, Label, Panel
from ui.widgets.incident_words import IncidentWords
from ui.widgets.scroll import Scrolling
from ui.widgets.table import Table
from workstation.domain.rows import BoardRow, ConflictRow, DeskRow, LinkStatus, QueueFigures
from workstation.service import views
from workstation.service.desk import Desk

SETTLE_WIDTH = 436
CHARTS_HEIGHT = 178
LARGE = 1.5  # text from here on: one column
TWO_CHARTS = 1.75  # from here on the call types are told by the calls page's filters alone
QWIDGET_MOST = 16_777_215
CHARTS_LEAST = 140  # while a banner takes its share of the page
FILTERS = ("all", "late_n", "drafts")
HOURS = 8


class ShiftPage(QWidget):
    """The page.

    Signals:
        opened(bytes): an incident was opened.
        said(str): one sentence for the status line.
    """

    opened = Signal(bytes)
    said = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self.theme = desk, theme
        self._rows: tuple[BoardRow, ...] = ()
        self._show = "all"
        self._question = Question(bridge, self._ask)
        self._lead = False
        self._now = desk.clock.now_ms()
        self._link: LinkStatus | None = None
        self._build(bridge)
        bridge.changed.connect(self._changed)
        bridge.link.connect(self._heard)
        theme.changed.connect(self._measure)
        self._measure()
        self.person_changed()

    # -------------------------------------------------- build
    def _build(self, bridge: Bridge) -> None:
        theme = self.theme
        self.figures = FigureStrip(theme)
        self.bars, self.ecdf, self.mix = HourBars(theme), Ecdf(theme), TypeMix(self._desk, theme)
        self._notes = [Label(theme, role="small", token="text3") for _ in range(3)]
        self._offline = Label(theme, role="small", token="amber")
        self.queue = self._make_queue()
        self.settle = SettlePanel(self._desk, bridge, theme)
        self.settle.said.connect(self.said)
        self.desks = DesksRow(theme)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.figures)
        column.addWidget(self._make_charts())
        self._middle = QHBoxLayout()
        self._middle.setSpacing(8)
        self._middle.addWidget(self._queue_panel, 1)
        self._middle.addWidget(self.settle)
        column.addLayout(self._middle, 1)
        column.addWidget(self.desks)
        refusal = Panel(theme, "lead.title")
        sentence = Label(theme, "lead.sentence", token="text2", wrap=True)
        sentence.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        refusal.body.addWidget(sentence)
        refusal.body.addStretch(1)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(refusal)
        self._stack.addWidget(Scrolling(page))

    def _make_charts(self) -> QWidget:
        self._charts = QWidget()
        self._panels: list[Panel] = []
        row = QHBoxLayout(self._charts)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        names = ("lead.chart_answered", "lead.chart_agency", "lead.chart_types")
        for name, chart, note in zip(names, (self.bars, self.ecdf, self.mix), self._notes, strict=True):
            panel = Panel(self.theme, name)
            if chart is self.bars:
                panel.head.addWidget(self._offline)
            panel.head.addWidget(note)
            panel.body.addWidget(chart)
            panel.body.setContentsMargins(12, 0, 12, 6)
            row.addWidget(panel, 1)
            self._panels.append(panel)
        return self._charts

    def _make_queue(self) -> Table[BoardRow]:
        theme = self.theme
        words = IncidentWords(self._desk)
        queue: Table[BoardRow] = Table(theme, incident_cells.queue(words), lambda r: r.uid, row=28, name="queue.title")
        queue.opened.connect(lambda key: self.opened.emit(cast("bytes", key)))
        self._queue_panel = Panel(theme, "queue.title")
        group = QButtonGroup(self._queue_panel)
        self.chips: dict[str, Chip] = {}
        for show in FILTERS:
            chip = Chip(theme, f"queue.{show}", value=show)
            chip.say(f"queue.{show}", n=0)
            chip.setChecked(show == "all")
            group.addButton(chip)
            self._queue_panel.head.addWidget(chip)
            self.chips[show] = chip
        group.buttonClicked.connect(lambda chip: self.narrow(chip.value))
        self._queue_panel.head.addWidget(Keycap(theme, "Alt B"))
        self._queue_panel.body.setContentsMargins(0, 0, 0, 0)
        self._queue_panel.body.addWidget(queue, 1)
        return queue

    def _measure(self) -> None:
        theme, large = self.theme, self.theme.scale >= LARGE
        roomy = self.height() >= theme.px(650)
        self._charts.setFixedHeight(theme.px(CHARTS_HEIGHT if roomy or large else CHARTS_LEAST))
        # Large text: what is to be decided stands under the queue, and the page scrolls.
        direction = QBoxLayout.Direction.TopToBottom if large else QBoxLayout.Direction.LeftToRight
        self._middle.setDirection(direction)
        self.settle.setMinimumWidth(0 if large else theme.px(SETTLE_WIDTH))
        self.settle.setMaximumWidth(QWIDGET_MOST if large else theme.px(SETTLE_WIDTH))
        self._panels[-1].setVisible(theme.scale < TWO_CHARTS)
        self._queue_panel.setMinimumHeight(theme.px(250) if large else 0)
        self.settle.setMinimumHeight(theme.px(340) if large else 0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    # -------------------------------------------------- who may
    def person_changed(self) -> None:
        """Somebody signed in or out: the page is the lead's, others read why it is not theirs."""
        person = self._desk.person
        self._lead = person is not None and person.role == "lead"
        self._stack.setCurrentIndex(1 if self._lead else 0)
        if self._lead:
            self.refresh()

    @property
    def is_open(self) -> bool:
        """Whether the lead's own content shows."""
        return self._lead

    # -------------------------------------------------- rows
    def refresh(self) -> None:
        """Asks for everything on the page in one read, one question at a time; nothing while no lead looks at it."""
        self._question.put()

    def _ask(self) -> Asked | None:
        if not self._lead or not self.isVisible():
            return None
        now = self._desk.clock.now_ms()

        return self._desk.see(views.shift, now), lambda rows: self.show_rows(*rows)

    def show_rows(
        self,
        told: QueueFigures,
        rows: Sequence[BoardRow],
        conflicts: Sequence[ConflictRow],
        desks: Sequence[DeskRow],
    ) -> None:
        now = self._desk.clock.now_ms()
        self._now = now
        self._rows = tuple(rows)
        self.figures.show_figures(told, now)
        self.bars.show_hours(told.by_hour, told.offline)
        self.ecdf.show_seconds(told.call_to_agency_s)
        self.mix.show_types(told.by_type)
        self._tell_n(told)
        self.settle.show_rows(conflicts)
        self.desks.show_rows(desks, now)
        self._lay_queue()

    def narrow(self, show: str) -> None:
        self._show = show
        self.chips[show].setChecked(True)
        self._lay_queue()

    def tick(self, now_ms: int) -> None:
        self._now = now_ms
        self.queue.tick(now_ms)
        self.desks.tick(now_ms)

    @property
    def can_undo(self) -> bool:
        """Whether a decision made here can be taken back."""
        return self._lead and self.settle.can_undo

    def undo(self) -> bool:
        """Ctrl+Z on this page; False when there is nothing to take back."""
        return self._lead and self.settle.undo()

    def _tell_n(self, told: QueueFigures) -> None:
        bars, agency, mix = self._notes
        bars.say("lead.chart_answered_n", n=told.answered)
        seconds = sorted(told.call_to_agency_s)
        if seconds:
            middle = seconds[(len(seconds) - 1) // 2]
            agency.say("lead.chart_agency_n", p50=figures.number(middle), n=len(seconds))
        else:
            agency.say("lead.chart_agency_empty")
        mix.say("lead.chart_n", n=sum(count for _, count in told.by_type))
        # A figure never leaves out the time this desk heard nothing without saying so.
        self._offline.setVisible(told.offline_s > 0)
        self._offline.say("lead.offline", age=figures.age(told.offline_s))

    def _lay_queue(self) -> None:
        drafts = [row for row in self._rows if row.status == "draft"]
        late = [row for row in self._rows if _late(row, self._now)]
        for show, number in (("all", len(self._rows)), ("late_n", len(late)), ("drafts", len(drafts))):
            self.chips[show].say(f"queue.{show}", n=number)
        shown = {"all": list(self._rows), "late_n": late, "drafts": drafts}[self._show]
        shown.sort(key=lambda row: (row.priority or 9, not _late(row, self._now), row.opened_at, row.uid))
        self.queue.rows.now_ms = self._now
        self.queue.show_rows(shown)
        if self._queue_panel.count is not None:
            self._queue_panel.count.show_text(str(len(self._rows)))

    def _changed(self, _changes: object) -> None:
        self.refresh()

    def _heard(self, status: object) -> None:
        fresh = cast("LinkStatus", status)
        other = self._link is None or (fresh.unsent, fresh.state) != (self._link.unsent, self._link.state)
        self._link = fresh
        if other:
            self.refresh()


def _late(row: BoardRow, now_ms: int) -> bool:
    return (row.deadline_at is not None and row.deadline_at <= now_ms) or any(a.late for a in row.assignments)
