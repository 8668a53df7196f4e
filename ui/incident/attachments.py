"""Attachments of the incident at hand: what there is, where each file is, one key to open it and one to add another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import (
    QAbstractListModel,
    QDir,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    QTimer,
    QUrl,
    Signal,
)
from PySide6.QtGui import QDesktopServices, QKeyEvent, QPainter
from PySide6.QtWidgets import QFileDialog, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ui import figures
from ui.actions import caps
from ui.bridge import Asked, Bridge, Question
from ui.i18n import said, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Button, Label, Panel, paint_box
from workstation.domain.rows import AttachmentRow, IncidentView, Sync, Uid
from workstation.domain.sentence import NOTHING, Sentence
from workstation.service import attachments
from workstation.service.desk import Desk, Refused

AnyIndex = QModelIndex | QPersistentModelIndex
LOOK_MS = 500
"""How often it is asked anew how far files are, while some are on their way."""
ROWS_MOST = 3
FACE = {"waiting": Sync.QUEUED, "sent": Sync.SERVER, "coming": Sync.QUEUED}
"""The mark of where a file is; one that is not here has none."""


def place_words(row: AttachmentRow) -> str:
    """Where a file is, and how far it has come."""
    percent = f" {row.percent} %" if row.percent and row.place in ("waiting", "coming") else ""
    return tr(f"attached.{row.place}") + percent


def size_words(size: int) -> str:
    return f"{figures.number(size / 1_000_000, 1)} MB" if size >= 100_000 else f"{figures.number(-(-size // 1000))} kB"


class AttachmentModel(QAbstractListModel):
    """The rows of the panel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[AttachmentRow] = []

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return figures.plain(row.name, 60)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{figures.plain(row.name, 60)}, {size_words(row.size)}, {place_words(row)}"
        return row if role == Qt.ItemDataRole.UserRole else None

    def show(self, rows: list[AttachmentRow]) -> None:
        if rows == self.rows:
            return
        same = [row.uid for row in rows] == [row.uid for row in self.rows]
        if not same:
            self.beginResetModel()
        self.rows = rows
        if same:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, 0))
        else:
            self.endResetModel()


class AttachmentDelegate(QStyledItemDelegate):
    """Mark, name, size; at the right where the file is."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self.theme, self.view = theme, view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: AnyIndex) -> QSize:
        return QSize(100, self.theme.px(24))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, box = self.theme, QRectF(option.rect)
        row: AttachmentRow = index.data(Qt.ItemDataRole.UserRole)
        right = box.right()
        if self.view.hasFocus() and index.row() == self.view.currentIndex().row():
            paint_box(painter, theme, box, "tint", "")
            right -= marks.keycap_width(theme, "↵") + theme.px(4)
            marks.paint_keycap(painter, theme, right + theme.px(2), box.center().y(), "↵", "text")
        if row.place in FACE:
            centre = QPointF(box.left() + theme.px(9), box.center().y())
            marks.paint_sync(painter, theme, centre, FACE[row.place], theme.px(14))
        token = "amber" if row.trouble or row.place == "waiting" else "text2"
        left = box.left() + theme.px(24)
        room = QRectF(left, box.top(), right - theme.px(4) - left, box.height())
        used = marks.paint_text(painter, theme, room, place_words(row), "small", token, marks.RIGHT)
        room.setRight(room.right() - used - theme.px(8))
        name, size = figures.plain(row.name, 60), size_words(row.size)
        far = marks.paint_text(painter, theme, room, name, "body", "text") + theme.px(8)
        if far + marks.text_width(theme, size, "small") < room.width():
            marks.paint_text(painter, theme, room.adjusted(far, 0, 0, 0), size, "small", "text2")


class AttachmentList(QListView):
    """The list; Enter opens a file, Insert or + adds one.

    Signals:
        wanted(int): a row is to be opened.
        added(): another file is to be chosen.
    """

    wanted = Signal(int)
    added = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.wanted.emit(self.currentIndex().row())
        elif event.key() in (Qt.Key.Key_Insert, Qt.Key.Key_Plus):
            self.added.emit()
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


class AttachmentsPanel(Panel):
    """Hidden while nothing is attached; its key then chooses a file at once.

    Signals:
        trouble(BaseException): something went wrong that no person at the desk can put right.
    """

    trouble = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "attached.title", caps("attachments"), parent=parent)
        self.desk, self.bridge = desk, bridge
        self.view: IncidentView | None = None
        self.dialog: QFileDialog | None = None
        self._place = QDir.homePath()
        self._said = self._trouble = NOTHING
        self._opening = 0
        self.model = AttachmentModel(self)
        self.list = AttachmentList(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(AttachmentDelegate(theme, self.list))
        self.list.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self.list.setCurrentIndex)
        self.list.doubleClicked.connect(lambda index: self.open(index.row()))
        self.list.wanted.connect(self.open)
        self.list.added.connect(self.choose)
        self.add = Button(theme, "attached.add", "+", kind="quiet", height=24, parent=self)
        self.add.clicked.connect(self.choose)
        self.word = Label(theme, role="small", token="amber", wrap=True, parent=self)
        self.word.hide()
        self.head.addWidget(self.add)
        self.body.setContentsMargins(12, 0, 12, 8)
        self.body.addWidget(self.list)
        self.body.addWidget(self.word)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.refresh)
        self._question = Question(bridge, self._ask)
        theme.changed.connect(self._words)
        self._words()

    # ---------------------------------------------------------------- showing
    def show_view(self, view: IncidentView | None) -> None:
        """The incident at hand, or none."""
        if view is None or self.view is None or view.row.uid != self.view.row.uid:
            self._said = self._trouble = NOTHING
            self.model.show([])
        self.view = view
        self._words()
        self.refresh()

    def refresh(self) -> None:
        """Ask anew what is attached and where it is."""
        self._question.put()

    @property
    def wanted(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.model.rows) or bool(self._said)

    def _ask(self) -> Asked | None:
        view = self.view
        if view is None:
            return None
        return attachments.shown(self.desk, view.row.uid), lambda rows: self._show(view.row.uid, rows)

    def _show(self, about: Uid, rows: list[AttachmentRow]) -> None:
        if self.view is None or self.view.row.uid != about:
            return
        self.model.show(rows)
        moving = self._opening > 0 or any(row.place in ("waiting", "coming") for row in rows)
        if moving != self._timer.isActive():
            self._timer.start() if moving else self._timer.stop()
        self._trouble = next((row.trouble for row in rows if row.trouble), NOTHING)
        self._words()

    def _words(self) -> None:
        rows = len(self.model.rows)
        most = ROWS_MOST if self.theme.scale < 1.5 else 1  # large text: the agencies' key needs the room
        self.list.setFixedHeight(self.theme.px(24) * min(rows, most) + 1)
        self.list.setVisible(rows > 0)
        self.list.setAccessibleName(tr("attached.title"))
        if self.count is not None:
            self.count.show_text(str(rows) if rows > 1 else "")
        sentence = self._said or self._trouble
        self.word.show_text(figures.plain(said(sentence), 300) if sentence else "")
        self.word.setVisible(bool(sentence))
        self.setVisible(self.wanted)

    def _tell(self, sentence: Sentence) -> None:
        """Say what came of the last key; NOTHING = nothing that is to be said."""
        self._said = sentence
        self._words()

    # ---------------------------------------------------------------- doing
    def take_focus(self) -> None:
        """Alt+F: to the list; where it is empty, choose a file."""
        if self.model.rows:
            self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.choose()

    def choose(self) -> None:
        """A window beside this one, never before it: a call that comes is answered while it stands there."""
        if self.view is None:
            return
        if self.dialog is not None:
            self.dialog.close()
        dialog = self.dialog = QFileDialog(self.window(), tr("attached.choose"), self._place)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.setModal(False)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"{tr('attached.files')} ({' '.join(f'*.{kind}' for kind in attachments.FILES)})")
        about = self.view.row.uid
        dialog.fileSelected.connect(lambda file: self.attach(about, file))
        dialog.finished.connect(self._chosen)
        dialog.show()

    def _chosen(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
            self.window().activateWindow()

    def attach(self, about: Uid, file: str) -> None:
        """Attach a file to the incident it was chosen for."""
        self._place = str(Path(file).parent)
        self._tell(NOTHING)
        self.bridge.ask(attachments.attach(self.desk, about, Path(file)), lambda _uid: self.refresh(), self._failed)

    def open(self, n: int) -> None:
        """Have a file here and shown by the system's own viewer."""
        if n < len(self.model.rows):
            self._tell(NOTHING)
            future = attachments.open_file(self.desk, self.model.rows[n].uid)
            self._opening += 1
            self.bridge.ask(future, self._opened, self._not_opened)
            self._timer.start()

    def _opened(self, path: object) -> None:
        self._opening -= 1
        self.refresh()
        if not self.open_outside(cast("Path", path)):
            self._tell(attachments.NO_VIEWER)

    def open_outside(self, path: Path) -> bool:
        """Hand a file to the system; whether it knew what to do with it."""
        return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def _not_opened(self, error: BaseException) -> None:
        self._opening -= 1
        self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.refresh()
        if isinstance(error, Refused):
            self._tell(error.sentence)
        else:
            self.trouble.emit(error)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "word"):
            self._words()
