"""Rival values of one field, inside the form: who, when, where; a digit takes one, all stay in the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ui import figures
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label, paint_box
from workstation.domain.rows import Dot, Field, Value

MOST = 9  # values, one for each digit


class RivalRow(QToolButton):
    """One value to choose: digit, value, desk and time."""

    def __init__(self, theme: Theme, number: int, words: str, detail: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.number, self.words, self.detail = theme, number, words, detail
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(theme.px(42))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{number}: {words}. {detail}")

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = "bg3" if self.underMouse() else ""
        paint_box(painter, theme, QRectF(self.rect()), fill, "", self.hasFocus())
        marks.paint_keycap(painter, theme, theme.px(9), self.height() / 2, str(self.number), "text")
        left, wide = theme.px(43), self.width() - theme.px(52)
        marks.paint_text(painter, theme, QRectF(left, theme.px(2), wide, theme.px(20)), self.words, "strong")
        marks.paint_text(painter, theme, QRectF(left, theme.px(21), wide, theme.px(18)), self.detail, "small", "text2")


class RivalFrame(QFrame):
    """The values of one field side by side, under its line.

    Signals:
        taken(str, object): the field and the value that is to stand alone.
        closed(): Escape; they stay as they are.
    """

    taken = Signal(str, object)
    closed = Signal()

    def __init__(
        self, theme: Theme, zone: tzinfo, words: Callable[[str, object], str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme, self.zone, self._words = theme, zone, words
        self.field: Field | None = None
        self.rows: list[RivalRow] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2, 4, 2, 4)
        self.column.setSpacing(2)
        self.foot = Label(theme, "rivals.both_kept", role="small", token="text3")
        self.foot.setContentsMargins(8, 0, 8, 0)
        self.column.addWidget(self.foot)
        self.hide()

    def show_rivals(self, field: Field) -> None:
        """Open with the field's values, the face first."""
        self.field = field
        for row in self.rows:
            row.setParent(None)
            row.deleteLater()
        self.rows = []
        for number, value in enumerate(field.values[:MOST], 1):
            row = RivalRow(self.theme, number, self._words(field.name, value.value), self._who(value), self)
            row.clicked.connect(lambda _on=False, value=value: self._take(value))
            self.column.insertWidget(number - 1, row)
            self.rows.append(row)
        self.setAccessibleName(tr("rivals.title", n=len(field.values)))
        self.show()
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def seen(self) -> tuple[Dot, ...]:
        """The dots of the values that are side by side here."""
        return self.field.seen[:MOST] if self.field else ()

    def _who(self, value: Value) -> str:
        parts = [value.desk or tr("rivals.unknown_desk"), figures.wall(value.at, self.zone)]
        parts.append(tr("rivals.here") if value.local else tr("rivals.from_elsewhere"))
        return ", ".join(parts)

    def _take(self, value: Value) -> None:
        if self.field is not None:
            self.taken.emit(self.field.name, value.value)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.key() - Qt.Key.Key_0 if Qt.Key.Key_1 <= event.key() <= Qt.Key.Key_9 else 0
        if self.field is not None and 1 <= number <= len(self.rows):
            self._take(self.field.values[number - 1])
        elif event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange and self.field is not None and self.isVisible():
            self.show_rivals(self.field)
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_box(painter, self.theme, QRectF(self.rect()), "bg2", "amber", self.hasFocus())
