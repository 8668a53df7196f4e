"""The board: every open incident, one line on the desk page, two lines under headings while nobody is on the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui.board.order import Show, grouped, is_late, narrowed, next_turn
from ui.bridge import Asked, Bridge, Question
from ui.theme import Theme
from ui.widgets import incident_cells
from ui.widgets.basic import Chip, Keycap, Label
from ui.widgets.incident_words import IncidentWords
from ui.widgets.table import Table
from workstation.domain.rows import BoardRow
from workstation.service import views
from workstation.service.desk import Desk


class BoardPanel(QFrame):
    """Open incidents of every desk, repainted row by row as they change.

    `idle=True` is the large board with head and filters; False is the five lines under the form. It asks for its rows
    when `Changes` names an incident or an assignment; with `asks=False` another board's `rows_changed` feeds it, so
    that two boards of one window cost one question.

    Signals:
        opened(bytes): an incident was opened with Enter or a double click.
        chosen(object): another incident became current (bytes or None).
        counted(int, int): open incidents, and how many of them are late.
        rows_changed(object): the tuple of all open BoardRow, for the panels beside the board.
    """

    opened = Signal(bytes)
    chosen = Signal(object)
    counted = Signal(int, int)
    rows_changed = Signal(object)

    def __init__(
        self,
        desk: Desk,
        bridge: Bridge,
        theme: Theme,
        *,
        idle: bool = False,
        asks: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk, self.theme, self._idle = desk, theme, idle
        self._words = IncidentWords(desk)
        self._rows: tuple[BoardRow, ...] = ()
        self._show = Show.ALL
        self._now = desk.clock.now_ms()
        self._turn: int | None = None
        self._question = Question(bridge, self._ask)
        self.setProperty("panel", True)
        self.table = self._make_table()
        self._empty = Label(theme, "board.empty", token="text3", parent=self)
        self._lay_out()
        theme.changed.connect(self._restyle)
        if asks:
            bridge.changed.connect(self._changed)
            self.refresh()

    # -------------------------------------------------- build
    def _make_table(self) -> Table[BoardRow]:
        columns = incident_cells.two_lines(self._words) if self._idle else incident_cells.one_line(self._words)
        row = self.theme.tokens["size"]["row_two_line" if self._idle else "row"]
        table: Table[BoardRow] = Table(self.theme, columns, lambda r: r.uid, row=row, name="board.title", parent=self)
        table.opened.connect(lambda key: self.opened.emit(cast("bytes", key)))
        table.chosen.connect(self.chosen)
        table.rows.now_ms = self._now
        return table

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._count: Label | None = None
        self.chips: dict[Show, Chip] = {}
        if self._idle:
            outer.addWidget(self._make_head())
        outer.addWidget(self.table, 1)
        self._empty.setContentsMargins(12, 0, 12, 0)
        self._empty.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _make_head(self) -> QWidget:
        head = QWidget(self)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 0, 10, 0)
        row.setSpacing(5)
        title = Label(self.theme, "board.title", role="panel", parent=head)
        self._count = Label(self.theme, role="body", token="text3", parent=head)
        row.addWidget(title)
        row.addSpacing(4)
        row.addWidget(self._count)
        row.addStretch(1)
        group = QButtonGroup(head)
        for show in Show:
            chip = Chip(self.theme, f"board.{show}", value=show.value, parent=head)
            chip.setChecked(show is Show.ALL)
            group.addButton(chip)
            row.addWidget(chip)
            self.chips[show] = chip
        group.buttonClicked.connect(lambda chip: self.narrow(Show(chip.value)))
        row.addSpacing(8)
        row.addWidget(Keycap(self.theme, "Alt B", parent=head))
        self._head = head
        head.setFixedHeight(self.theme.size("panel_head"))
        return head

    # -------------------------------------------------- rows
    def refresh(self) -> None:
        """Asks for the open incidents anew; answers arrive later, on the screen's thread."""
        self._question.put()

    def _ask(self) -> Asked:
        now = self._desk.clock.now_ms()
        return self._desk.see(views.board, now), self.show_rows

    def show_rows(self, rows: object) -> None:
        """Takes these BoardRow as the open incidents."""
        self._rows = tuple(cast("Sequence[BoardRow]", rows))
        self._lay_rows()
        self.rows_changed.emit(self._rows)

    @property
    def open_rows(self) -> tuple[BoardRow, ...]:
        return self._rows

    def narrow(self, show: Show) -> None:
        """Shows all, this desk's, or the late ones."""
        self._show = show
        if show in self.chips:
            self.chips[show].setChecked(True)
        self._lay_rows()

    def choose(self, incident: bytes | None) -> None:
        """Marks the incident the form is open on."""
        self.table.choose(incident)

    def tick(self, now_ms: int) -> None:
        """Ten times a second: clocks repaint their column; rows move only when a target turned amber or red."""
        self._now = now_ms
        self.table.tick(now_ms)
        if self._turn is not None and now_ms >= self._turn:
            self._lay_rows()

    # -------------------------------------------------- inside
    def _changed(self, changes: object) -> None:
        if getattr(changes, "incidents", None) or getattr(changes, "assignments", None):
            self.refresh()

    def _lay_rows(self) -> None:
        now = self._now
        shown = narrowed(self._rows, self._show, self._desk.name, now)
        self.table.rows.now_ms = now
        self.table.show_rows(grouped(shown, now) if self._idle else shown)
        self._turn = next_turn(self._rows, now)
        late = sum(is_late(row, now) for row in self._rows)
        if self._count is not None:
            self._count.say("board.open", n=len(self._rows))
            self.chips[Show.LATE].say("board.late", n=late)
        self._empty.say(
            {Show.ALL: "board.empty", Show.MINE: "board.empty_mine", Show.LATE: "board.empty_late"}[self._show]
        )
        self._empty.setVisible(not shown)
        self._place_empty()
        self.counted.emit(len(self._rows), late)

    def _place_empty(self) -> None:
        top = self.table.y() + self.table.horizontalHeader().height() + self.theme.px(10)
        self._empty.setGeometry(self.theme.px(2), top, self.width(), self.theme.px(24))
        self._empty.raise_()

    def resizeEvent(self, event: QEvent) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._place_empty()

    def _restyle(self) -> None:
        self.table.restyle()
        if self._idle:
            self._head.setFixedHeight(self.theme.size("panel_head"))
        self._place_empty()
