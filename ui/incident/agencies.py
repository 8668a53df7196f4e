"""Agencies: the package of the type, one key that makes them *to notify*, and one key each that stamps what was done.

Nothing here is ever assumed: an agency is notified only by the operator's read-out mark (or a call, a receipt).
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from msgspec import Struct
from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ui import figures, icons
from ui.bridge import Bridge
from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Button, Label, Panel, paint_box
from workstation.domain.rows import AssignmentRow, IncidentView, Step, Uid
from workstation.service import dispatch
from workstation.service.catalogue import Catalogue
from workstation.service.desk import Desk

AnyIndex = QModelIndex | QPersistentModelIndex
CHANNEL_ICON = {
    "radio": "radio",
    "phone": "phone",
    "whatsapp": "chat",
    "sms": "chat",
    "app": "lan",
    "in_person": "person",
}
NEXT = {
    Step.PLANNED: "notified",
    Step.NOTIFIED: "acknowledged",
    Step.ACKNOWLEDGED: "departed",
    Step.DEPARTED: "arrived",
    Step.ARRIVED: "done",
}


class AgencyRow(Struct, frozen=True):
    """One agency: proposed by the type (`assignment` None, `wanted` = will be told) or at work."""

    agency: str
    name: str
    detail: str
    channel: str
    wanted: bool
    assignment: AssignmentRow | None

    @property
    def step(self) -> Step:
        return self.assignment.step if self.assignment else Step.PLANNED

    @property
    def next(self) -> str:
        """The stamp this row's key sets next, "" = none."""
        return NEXT.get(self.step, "") if self.assignment else ""


def row_height(theme: Theme) -> int:
    """Two lines a row; one line where large text makes two columns of the page."""
    return theme.px(27) if 1.5 <= theme.scale < 1.75 else theme.px(39)


class AgencyModel(QAbstractListModel):
    """The rows of the panel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[AgencyRow, ...] = ()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            state = (
                tr(marks.STEP_KEY[row.step])
                if row.assignment
                else tr("agency.proposed" if row.wanted else "agency.left_out")
            )
            after = f", {tr('agency.key_sets', n=index.row() + 1, step=tr(f'step.{row.next}'))}" if row.next else ""
            return f"{row.name}, {row.detail}, {state}, {tr(f'channel.{row.channel}')}{after}"
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None

    def show(self, rows: tuple[AgencyRow, ...]) -> None:
        if rows == self.rows:
            return
        if len(rows) == len(self.rows):
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, 0))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class AgencyDelegate(QStyledItemDelegate):
    """Disc, name over task, channel at the right; the key and its stamp while the panel has the focus."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self.theme, self.view = theme, view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: AnyIndex) -> QSize:
        return QSize(100, row_height(self.theme))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, box = self.theme, QRectF(option.rect)
        row: AgencyRow = index.data(Qt.ItemDataRole.UserRole)
        focus = self.view.hasFocus()
        if index.row():
            painter.fillRect(QRectF(box.left(), box.top(), box.width(), 1), theme.color("line"))
        if focus and index.row() == self.view.currentIndex().row():
            paint_box(painter, theme, box.adjusted(0, 1, 0, 0), "tint", "")
        late = bool(row.assignment and row.assignment.late)
        left = box.left() + theme.px(2)
        if focus:
            left += marks.paint_keycap(painter, theme, left, box.center().y(), str(index.row() + 1), "text") + theme.px(
                6
            )
        if row.wanted or row.assignment:
            marks.paint_step(painter, theme, QPointF(left + theme.px(7), box.center().y()), row.step, late, 6.5)
        else:
            icons.paint_icon(painter, theme, "cross", QRectF(left, box.center().y() - 7, 14, 14), "text3")
        left += theme.px(24)
        right = self._paint_right(painter, box, row, late)
        if row_height(theme) < theme.px(39):
            room = QRectF(left, box.top(), right - left - theme.px(8), box.height())
            marks.paint_text(
                painter, theme, room, row.name, "agency", "text" if row.wanted or row.assignment else "text3"
            )
            return
        room = QRectF(left, box.top() + theme.px(2), right - left - theme.px(8), theme.px(20))
        token = "text" if row.wanted or row.assignment else "text3"
        marks.paint_text(painter, theme, room, row.name, "agency", token)
        room.translate(0, theme.px(17))
        marks.paint_text(painter, theme, room, row.detail, "small", "text2")

    def _paint_right(self, painter: QPainter, box: QRectF, row: AgencyRow, late: bool) -> float:
        """The channel, or where the assignment stands; returns where it begins."""
        theme = self.theme
        if row.assignment is not None and row.step is not Step.PLANNED:
            words = tr("step.late") if late else tr(marks.STEP_KEY[row.step])
            used = marks.paint_text(
                painter, theme, box, words, "small_strong", marks.step_token(row.step, late), marks.RIGHT
            )
            return box.right() - used
        words = tr(f"channel.{row.channel}")
        if row.assignment is not None:
            words = tr("agency.read_out")
        used = marks.paint_text(
            painter, theme, box, words, "small", "amber" if row.assignment else "text2", marks.RIGHT
        )
        side = theme.px(16)
        spot = QRectF(box.right() - used - side - theme.px(6), box.center().y() - side / 2, side, side)
        icons.paint_icon(
            painter, theme, CHANNEL_ICON.get(row.channel, "phone"), spot, "amber" if row.assignment else "text2"
        )
        return spot.left()


class AgencyList(QListView):
    """The list; digits act on a row, Space leaves a proposed agency out or takes it in again.

    Signals:
        pressed_row(int): a row's key was pressed.
        toggled_row(int): Space on a row.
    """

    pressed_row = Signal(int)
    toggled_row = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.key() - Qt.Key.Key_1 if Qt.Key.Key_1 <= event.key() <= Qt.Key.Key_9 else -1
        if 0 <= number < self.model().rowCount() and not event.modifiers():
            self.pressed_row.emit(number)
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.toggled_row.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: Any) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))
        self.viewport().update()

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)
        self.viewport().update()


class AgenciesPanel(Panel):
    """Who is told, and how far each has come.

    Signals:
        trouble(BaseException): a stamp or plan could not be written.
    """

    trouble = Signal(object)

    def __init__(
        self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo = figures.WIT, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "agency.title", "Alt I", parent=parent)
        self.desk, self.bridge, self.zone = desk, bridge, zone
        self.view: IncidentView | None = None
        self.preview = ""
        self.left_out: set[str] = set()
        self.wants_button = False
        self.about = Label(theme, role="small", token="text2", elide=True).beside()
        self.head.addWidget(self.about)
        self.model = AgencyModel(self)
        self.list = AgencyList(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(AgencyDelegate(theme, self.list))
        self.list.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.pressed_row.connect(self.press)
        self.list.toggled_row.connect(self.toggle)
        self.list.clicked.connect(lambda index: self.list.setCurrentIndex(index))
        self.list.doubleClicked.connect(lambda index: self.press(index.row()))
        self.button = Button(theme, "agency.notify", "Ctrl ↵", kind="go", height=38, role="go")
        self.button.clicked.connect(self.next_step)
        self.body.setContentsMargins(12, 0, 12, 10)
        self.body.addWidget(self.list)
        self.body.addSpacing(2)
        self.body.addWidget(self.button)
        theme.changed.connect(self._words)
        self._words()

    # ---------------------------------------------------------------- showing
    def show_view(self, view: IncidentView | None) -> None:
        if view is None or self.view is None or view.row.uid != self.view.row.uid:
            self.left_out.clear()
        self.view = view
        self._words()

    def show_preview(self, type_id: str) -> None:
        """The package of a type highlighted in the list, while it is not taken yet."""
        if type_id != self.preview:
            self.preview = type_id
            self._words()

    @property
    def type(self) -> str:
        return self.preview or (self.view.row.type if self.view else "")

    def rows(self) -> tuple[AgencyRow, ...]:
        """Assignments first in their order, then what the type proposes besides."""
        catalogue: Catalogue = self.desk.catalogue
        tasks = {task.agency: task.task(language()) for task in catalogue.package(self.type)}
        made = []
        at_work = self.view.assignments if self.view and not self.preview else ()
        for item in at_work:
            known = catalogue.agencies.get(item.agency)
            name = known.label(language()) if known else figures.plain(item.agency, 60)
            made.append(AgencyRow(item.agency, name, self._detail(item, tasks), item.channel, True, item))
        taken = {item.agency for item in at_work}
        for agency, task in tasks.items():
            if agency not in taken and (not taken or self._any_open()):
                known = catalogue.agencies[agency]
                wanted = agency not in self.left_out
                made.append(AgencyRow(agency, known.label(language()), task, known.channel, wanted, None))
        return tuple(made)

    def _any_open(self) -> bool:
        return not self.view or self.view.row.status not in ("resolved", "closed")

    def _detail(self, item: AssignmentRow, tasks: dict[str, str]) -> str:
        stamps = (item.done_at, item.arrived_at, item.departed_at, item.acknowledged_at, item.notified_at)
        last = next((stamp for stamp in stamps if stamp is not None), None)
        parts = [figures.plain(item.reason, 60) if item.step is Step.REFUSED else "", figures.plain(item.unit, 40)]
        if last is not None:
            parts.append(f"{tr(marks.STEP_KEY[item.step]).lower()} {figures.wall(last, self.zone)}")
        elif item.step is Step.PLANNED:
            parts.append(tr("agency.to_notify"))
        shown = " · ".join(part for part in parts if part)
        return shown or tasks.get(item.agency, "")

    def _words(self) -> None:
        rows = self.rows()
        self.model.show(rows)
        pitch = row_height(self.theme)
        self.list.setFixedHeight(pitch * min(len(rows), 5) + 1)
        self.list.setVisible(bool(rows))
        self.list.setAccessibleName(tr("agency.title"))
        kind = self.desk.catalogue.types.get(self.type)
        if kind is None:
            self.about.show_text("")
        else:
            key = "agency.if" if self.preview else "agency.package"
            self.about.show_text(
                tr(key, type=kind.label(language()).lower() if not self.preview else kind.label(language()))
            )
        self._button(rows)

    def _button(self, rows: tuple[AgencyRow, ...]) -> None:
        """The one filled button: tell them, then mark each as read out."""
        plan = [row for row in rows if row.assignment is None and row.wanted]
        unread = [row for row in rows if row.assignment is not None and row.step is Step.PLANNED]
        if unread and not self.preview:
            self.button.say("agency.mark_read", name=self._short(unread[0]))
        else:
            self.button.say("agency.notify", n=len(plan))
        possible = bool((plan or unread) and self.view is not None and not self.preview)
        self.button.setEnabled(possible)
        self.wants_button = bool(plan or unread)
        self.button.setVisible(self.wants_button)

    def _short(self, row: AgencyRow) -> str:
        known = self.desk.catalogue.agencies.get(row.agency)
        return known.short if known else row.name

    # ---------------------------------------------------------------- doing
    def can_go(self) -> bool:
        return self.button.isEnabled() and self.wants_button

    def next_step(self) -> None:
        """Ctrl+Enter: mark the first agency not yet read to, else make all wanted ones *to notify* (promise U8)."""
        rows = self.rows()
        unread = next((row.assignment for row in rows if row.assignment and row.step is Step.PLANNED), None)
        if unread is not None:
            self._stamp(unread.uid, "notified")
            return
        plans = [dispatch.Plan(row.agency, row.channel) for row in rows if row.assignment is None and row.wanted]
        if plans and self.view is not None and not self.preview:
            self.button.setEnabled(False)
            self.bridge.ask(dispatch.plan(self.desk, self.view.row.uid, plans), None, self._failed)

    def press(self, n: int) -> None:
        """A row's digit: the next stamp of its assignment; a proposed agency is left out or taken in."""
        rows = self.rows()
        if n >= len(rows):
            return
        row = rows[n]
        self.list.setCurrentIndex(self.model.index(n, 0))
        if row.assignment is None:
            self.toggle(n)
        elif row.next:
            self._stamp(row.assignment.uid, row.next)

    def toggle(self, n: int) -> None:
        row = self.rows()[n]
        if row.assignment is None:
            self.left_out ^= {row.agency}
            self._words()

    def _stamp(self, assignment: Uid, step: str) -> None:
        if step == "notified":
            future = dispatch.notified(self.desk, assignment, "read_out")
        else:
            future = getattr(dispatch, step)(self.desk, assignment)
        self.bridge.ask(future, None, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._words()
        self.trouble.emit(error)

    def take_focus(self) -> None:
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "button"):
            self._words()
