"""Notes: lines that are only ever added, each with its time; Enter, leaving the line or hanging up adds it."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ui import figures
from ui.i18n import tr
from ui.intake.lines import FieldLine
from ui.theme import Theme
from ui.widgets import marks
from workstation.domain.rows import Note, Sync

AnyIndex = QModelIndex | QPersistentModelIndex
STAMP = 66  # px of the time column at 100 %


class NotesModel(QAbstractListModel):
    """The narrative, oldest first."""

    def __init__(self, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.zone = zone
        self.notes: tuple[Note, ...] = ()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.notes)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.notes):
            return None
        note = self.notes[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return note.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{figures.wall(note.at, self.zone)} {note.text}, {note.desk}, {tr(marks.SYNC_KEY[note.sync])}"
        if role == Qt.ItemDataRole.UserRole:
            return note
        return None

    def show(self, notes: tuple[Note, ...]) -> bool:
        """True when a line came in or changed."""
        if notes == self.notes:
            return False
        self.beginResetModel()
        self.notes = notes
        self.endResetModel()
        return True


class NoteDelegate(QStyledItemDelegate):
    """Time, text, and a mark while the line is not on the server."""

    def __init__(self, theme: Theme, zone: tzinfo, view: QListView) -> None:
        super().__init__(view)
        self.theme, self.zone, self.view = theme, zone, view

    def sizeHint(self, _option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        metrics = QFontMetrics(self.theme.font("body"))
        wide = max(60, self.view.viewport().width() - self.theme.px(STAMP + 22))
        box = metrics.boundingRect(0, 0, wide, 4000, int(Qt.TextFlag.TextWordWrap), index.data() or "")
        return QSize(100, max(self.theme.px(20), box.height() + 3))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, box = self.theme, QRectF(option.rect)
        note: Note = index.data(Qt.ItemDataRole.UserRole)
        stamp = QRectF(box.left(), box.top(), theme.px(STAMP), theme.px(20))
        marks.paint_text(painter, theme, stamp, figures.wall(note.at, self.zone), "body", "text2")
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text"))
        words = box.adjusted(theme.px(STAMP), 1, -theme.px(20), 0)
        painter.drawText(words, int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop), note.text)
        if note.sync is not Sync.SERVER:
            centre = QRectF(box.right() - theme.px(16), box.top(), theme.px(16), theme.px(20)).center()
            marks.paint_sync(painter, theme, centre, note.sync, 13)


class NotesList(QListView):
    """The lines so far; the last one is always in sight."""

    def __init__(self, theme: Theme, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.lines = NotesModel(zone, self)
        self.setModel(self.lines)
        self.setItemDelegate(NoteDelegate(theme, zone, self))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        theme.changed.connect(self.doItemsLayout)
        self.retranslate()

    def show_notes(self, notes: tuple[Note, ...]) -> None:
        if self.lines.show(notes):
            self.scrollToBottom()

    def wanted_height(self) -> int:
        """As high as its lines want to be."""
        return sum(self.sizeHintForRow(n) for n in range(self.lines.rowCount()))

    def retranslate(self) -> None:
        self.setAccessibleName(tr("form.notes"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


class NoteLine(FieldLine):
    """The line being written; it becomes a note as a whole.

    Signals:
        said(str): a line to add.
    """

    said = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "note", "form.notes", "form.hint.notes", parent=parent)

    def enter(self) -> None:
        self.add()

    def add(self) -> None:
        """Hand the text over as a line of its own; does nothing on an empty one."""
        text = self.text().strip()
        if text:
            self.setText("")
            self.unsaved = False
            self.said.emit(text)

    def focusOutEvent(self, event: Any) -> None:
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.add()
        super().focusOutEvent(event)
