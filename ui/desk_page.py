"""The desk's page: form, agencies and card, map and look-alikes, board; idle, the large board with what is next.

Here the features meet; none of them knows another. The page only places them on the grid and carries what one tells to
those that need it.
"""

from __future__ import annotations

from datetime import tzinfo

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtWidgets import QFrame, QTabBar, QVBoxLayout, QWidget

from ui.board.panel import BoardPanel
from ui.board.similar import SimilarPanel
from ui.board.turn import TurnPanel
from ui.bridge import Bridge
from ui.grid import GAP, Zones
from ui.i18n import tr
from ui.incident.agencies import AgenciesPanel
from ui.incident.attachments import AttachmentsPanel
from ui.incident.card import CardPanel
from ui.incident.history import HistoryPanel
from ui.incident.letters import LettersPanel
from ui.intake.form import IntakeForm
from ui.map.panel import MapPanel
from ui.theme import Theme
from workstation.domain.rows import IncidentView
from workstation.service.desk import Desk

SIDE = 404  # px of the idle right column at 1366


class DeskPage(QWidget):
    """Where a call-taker works.

    Signals:
        incident_wanted(bytes): an incident was opened on board, map or among the look-alikes.
        call_back(str): a number to call back was opened.
        trouble(BaseException): something could not be written.
    """

    incident_wanted = Signal(bytes)
    call_back = Signal(str)
    trouble = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk, self.theme = desk, theme
        self.busy = False
        self.may_look = True
        self.zones: Zones | None = None
        self.form = IntakeForm(desk, bridge, theme, zone, self)
        self.agencies = AgenciesPanel(desk, bridge, theme, zone)
        self.card = CardPanel(desk, theme)
        self.attachments = AttachmentsPanel(desk, bridge, theme)
        self.letters = LettersPanel(desk.catalogue, theme)
        self.history = HistoryPanel(desk, theme, zone)
        self.map = MapPanel(desk, bridge, theme, self)
        self.similar = SimilarPanel(desk, bridge, theme, self)
        self.turn = TurnPanel(desk, bridge, theme, self)
        self.board = BoardPanel(desk, bridge, theme, idle=False, asks=False, parent=self)
        self.idle_board = BoardPanel(desk, bridge, theme, idle=True, parent=self)
        self.column_b = QFrame(self)
        column = QVBoxLayout(self.column_b)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.letters)
        column.addWidget(self.history, 1)
        column.addWidget(self.agencies)
        column.addWidget(self.card, 1)
        column.addWidget(self.attachments)
        self.tabs = QTabBar(self)
        self.tabs.setExpanding(True)
        self.tabs.setDrawBase(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tabs.currentChanged.connect(lambda _n: self.place())
        self._connect()
        self.retranslate()
        self._show_b()

    def _connect(self) -> None:
        # The rows under the form hold still while somebody types; only who walks them scrolls them.
        self.board.table.setAutoScroll(False)
        self.board.table.installEventFilter(self)
        self.idle_board.rows_changed.connect(self.board.show_rows)
        self.idle_board.rows_changed.connect(self.map.show_board)
        self.idle_board.rows_changed.connect(self.similar.show_board)
        self.idle_board.rows_changed.connect(self.turn.show_board)
        for part in (self.idle_board, self.board, self.similar, self.turn, self.map):
            part.opened.connect(self.incident_wanted)
        self.turn.call_back.connect(self.call_back)
        self.form.view_changed.connect(self._view)
        self.form.previewed.connect(self._preview)
        self.form.trouble.connect(self.trouble)
        self.agencies.trouble.connect(self.trouble)
        self.attachments.trouble.connect(self.trouble)
        self.card.answered.connect(self.form.draft.note)

    # ---------------------------------------------------------------- what the form holds
    def _view(self, view: IncidentView | None) -> None:
        self.agencies.show_view(view)
        self.card.show_view(view)
        self.attachments.show_view(view)
        row = view.row if view else None
        self.board.choose(row.uid if row else None)
        if row is None:
            self.similar.about("", "", self.desk.clock.now_ms(), b"")
            self.map.clear_place()
        else:
            self.similar.about(row.village, row.type, row.opened_at, row.uid)
            radius = view.fields["radius_m"].face if view and "radius_m" in view.fields else 0
            self.map.show_place(
                row.village, row.lat, row.lon, float(radius) if isinstance(radius, int | float) else 0.0
            )
        self._show_b()

    def _preview(self, kind: str) -> None:
        self.agencies.show_preview(kind)
        self.card.show_preview(kind)
        self._show_b()

    def _show_b(self) -> None:
        """Letters and history until a type stands, then agencies and card."""
        view = self.form.view
        known = bool(self.agencies.preview or (view and (view.row.type or view.assignments)))
        for part in (self.letters, self.history):
            part.setVisible(not known)
        self.agencies.setVisible(known)
        if self.zones is None or self.zones.columns == 3:
            self.card.setVisible(known)

    # ---------------------------------------------------------------- places
    def let_look(self, may: bool) -> None:
        """With nobody signed in the form of a call is there, and nothing of other people's incidents."""
        if may != self.may_look:
            self.may_look = may
            self.turn.refresh()
            self.place()

    def set_busy(self, busy: bool) -> None:
        """With a call or an incident at hand the form shows; without, the large board."""
        if busy != self.busy:
            self.busy = busy
            board, idle = self.board.table, self.idle_board.table
            moved = (idle if busy else self.form).isAncestorOf(self.focusWidget() or self) or idle.hasFocus()
            self.place()
            if moved or self.focusWidget() is None:
                # A hidden widget would hand the focus to whatever comes next in the chain.
                (board if busy else idle).setFocus()

    def lay(self, zones: Zones) -> None:
        """Take the grid of the window; with text from 150 % the columns become tabs."""
        columns = self.zones.columns if self.zones else 0
        self.zones = zones
        if zones.columns != columns:
            self._restack(zones.columns)
        self.place()

    def _restack(self, columns: int) -> None:
        """The card leaves column B for a tab, the button that notifies leaves its panel for the foot of the page."""
        column = self.column_b.layout()
        if isinstance(column, QVBoxLayout):
            column.removeWidget(self.card)
            if columns == 3:
                column.insertWidget(column.indexOf(self.attachments), self.card, 1)
            else:
                self.card.setParent(self)
        button = self.agencies.button
        self.agencies.body.removeWidget(button)
        if columns == 1:
            button.setParent(self)
        else:
            self.agencies.body.addWidget(button)
        names = {1: ("form", "agencies", "card", "similar", "map"), 2: ("card", "similar", "map"), 3: ()}[columns]
        self.tabs.blockSignals(True)
        while self.tabs.count():
            self.tabs.removeTab(0)
        for name in names:
            self.tabs.setTabData(self.tabs.addTab(tr(f"tabs.{name}")), name)
        self.tabs.blockSignals(False)

    def show_tab(self, name: str) -> None:
        """Bring a panel to the front where it is a tab."""
        for n in range(self.tabs.count()):
            if self.tabs.tabData(n) == name:
                self.tabs.setCurrentIndex(n)

    def place(self) -> None:
        """Give every part its rectangle; what has none is hidden."""
        zones = self.zones
        if zones is None:
            return
        if not self.busy:
            boxes = self._idle_boxes(zones)
        elif zones.columns == 3:
            boxes = self._three_boxes(zones)
        else:
            boxes = self._tab_boxes(zones)
        if not self.may_look:
            others = (self.map, self.similar, self.turn, self.board, self.idle_board)
            boxes = {part: box for part, box in boxes.items() if part not in others}
        origin = self.geometry().topLeft()
        parts: list[QWidget] = [
            self.form, self.column_b, self.map, self.similar, self.turn, self.board, self.idle_board, self.tabs,
        ]  # fmt: skip
        if zones.columns < 3:
            parts.append(self.card)
        if zones.columns == 1:
            parts.append(self.agencies.button)
        for part in parts:
            box = boxes.get(part)
            if box is not None:
                part.setGeometry(box.translated(-origin))
            part.setVisible(box is not None)
        self._show_b()
        if self.busy and zones.columns == 1:
            self.agencies.button.setVisible(self.agencies.wants_button)

    def _idle_boxes(self, zones: Zones) -> dict[QWidget, QRect]:
        free = zones.free
        if zones.columns == 1:
            return {self.idle_board: free}
        side = SIDE if free.width() < 1500 else 640
        low = min(self.theme.px(176), free.height() // 2)
        left = free.right() + 1 - side
        return {
            self.idle_board: QRect(free.left(), free.top(), free.width() - side - GAP, free.height()),
            self.map: QRect(left, free.top(), side, free.height() - low - GAP),
            self.turn: QRect(left, free.bottom() + 1 - low, side, low),
        }

    def _three_boxes(self, zones: Zones) -> dict[QWidget, QRect]:
        c = zones.c
        low = min(self.theme.px(119), c.height() // 3)
        return {
            self.form: zones.a,
            self.column_b: zones.b,
            self.map: QRect(c.left(), c.top(), c.width(), c.height() - low - GAP),
            self.similar: QRect(c.left(), c.bottom() + 1 - low, c.width(), low),
            self.board: zones.board,
        }

    def _tab_boxes(self, zones: Zones) -> dict[QWidget, QRect]:
        high = self.theme.px(33)
        shown = self.tabs.tabData(max(0, self.tabs.currentIndex()))
        panels: dict[str, QWidget] = {
            "form": self.form, "agencies": self.column_b, "card": self.card, "similar": self.similar, "map": self.map,
        }  # fmt: skip
        if zones.columns == 1:
            work = zones.work
            foot = self.theme.px(38) + GAP
            under = QRect(work.left(), work.top() + high + GAP, work.width(), work.height() - high - GAP - foot)
            wide = self.agencies.button.sizeHint().width() + 20
            button = QRect(work.right() + 1 - wide, work.bottom() + 1 - self.theme.px(38), wide, self.theme.px(38))
            bar = QRect(work.left(), work.top(), work.width(), high)
            return {self.tabs: bar, panels[shown]: under, self.agencies.button: button}
        b = zones.b
        bottom = zones.board.bottom()
        upper = min(self.column_b.sizeHint().height(), (bottom - b.top()) * 13 // 20)
        top = b.top() + upper + GAP
        return {
            self.form: zones.a,
            self.column_b: QRect(b.left(), b.top(), b.width(), upper),
            self.tabs: QRect(b.left(), top, b.width(), high),
            panels[shown]: QRect(b.left(), top + high, b.width(), bottom + 1 - top - high),
        }

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.board.table.setAutoScroll(event.type() == QEvent.Type.FocusIn)
        return super().eventFilter(watched, event)

    def retranslate(self) -> None:
        self.setAccessibleName(tr("page.desk"))
        self.tabs.setAccessibleName(tr("page.desk"))
        for n in range(self.tabs.count()):
            self.tabs.setTabText(n, tr(f"tabs.{self.tabs.tabData(n)}"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
