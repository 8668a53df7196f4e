"""The type by two letters, with its list: letters choose, arrows highlight, Enter takes what is highlighted."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from ui.i18n import language, tr
from ui.intake.lines import FieldLine
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import paint_box
from workstation.domain.rows import Field
from workstation.service.catalogue import Catalogue, Category, IncidentType

LETTER = range(ord("A"), ord("Z") + 1)


class TypeList(QFrame):
    """The list under the type line: letters choose, arrows highlight, a click takes; covers, never takes the focus.

    Signals:
        chosen(str): the letter of a row that was clicked.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, catalogue: Catalogue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.catalogue = theme, catalogue
        self.category: Category | None = None
        self.current = -1
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    @property
    def rows(self) -> Sequence[Category | IncidentType]:
        return self.category.types if self.category else self.catalogue.categories

    def letter(self, row: Category | IncidentType) -> str:
        return row.keys[1] if isinstance(row, IncidentType) else row.key

    def show_under(self, line: QWidget, category: Category | None) -> None:
        if category is not self.category:
            self.current = -1
        self.category = category
        host = self.parentWidget()
        lines = (len(self.rows) + 1) // 2 if category else len(self.rows)
        wide = line.width() if category is None else min(self.theme.px(452), line.width() + self.theme.px(92))
        at = line.mapTo(host, QPoint(line.width() - wide, line.height() + 3)) if host else QPoint(0, 0)
        high = self.theme.px(36 + 33) + lines * self.theme.px(29) + self.theme.px(6)
        self.setGeometry(max(4, at.x()), at.y(), wide, high)
        self.say()
        self.show()
        self.raise_()
        self.update()

    def say(self) -> None:
        rows = "; ".join(f"{self.letter(row)} {row.label(language())}" for row in self.rows)
        self.setAccessibleName(tr("type.list"))
        self.setAccessibleDescription(rows)

    def step(self, by: int) -> None:
        self.current = (self.current + by) % len(self.rows) if self.current >= 0 or by > 0 else len(self.rows) - 1
        self.update()

    def row_box(self, n: int) -> QRectF:
        theme = self.theme
        top, high = theme.px(36), theme.px(29)
        if self.category is None:
            return QRectF(1, top + n * high, self.width() - 2, high)
        half = (len(self.rows) + 1) // 2
        wide = self.width() / 2
        return QRectF(1 + (wide if n >= half else 0), top + n % half * high, wide - 2, high)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for n, row in enumerate(self.rows):
            if self.row_box(n).contains(event.position()):
                self.chosen.emit(self.letter(row))
                return

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_box(painter, theme, QRectF(self.rect()), "bg1", "edge", radius=4)
        head = QRectF(theme.px(12), 0, self.width() - theme.px(24), theme.px(34))
        x = head.left()
        if self.category is not None:
            x += marks.paint_keycap(painter, theme, x, head.center().y(), self.category.key, "accent", "accent") + 8
        title = self.category.label(language()) if self.category else tr("type.first_letter")
        x += marks.paint_text(painter, theme, QRectF(x, 0, 300, head.height()), title, "strong") + theme.px(10)
        if self.category is not None:
            marks.paint_text(painter, theme, QRectF(x, 0, 300, head.height()), tr("type.second"), "small", "text2")
            marks.paint_text(painter, theme, head, tr("type.mark_is_priority"), "small", "text2", marks.RIGHT)
        painter.fillRect(QRectF(1, head.bottom(), self.width() - 2, 1), theme.color("line"))
        for n, row in enumerate(self.rows):
            self._paint_row(painter, self.row_box(n), row, n == self.current)
        self._paint_foot(painter)

    def _paint_row(self, painter: QPainter, box: QRectF, row: Category | IncidentType, current: bool) -> None:
        theme = self.theme
        if current:
            painter.fillRect(box, theme.color("tint"))
            painter.fillRect(QRectF(box.left(), box.top(), 3, box.height()), theme.color("accent"))
        left = box.left() + theme.px(11)
        token = "accent" if current else "text2"
        left += marks.paint_keycap(painter, theme, left, box.center().y(), self.letter(row), token) + theme.px(8)
        right = theme.px(31) if isinstance(row, IncidentType) else theme.px(10)
        words = QRectF(left, box.top(), box.right() - left - right, box.height())
        role = "strong" if current else "body"
        if marks.text_width(theme, row.label(language()), role) > words.width():
            role = "small_strong" if current else "small"
        used = marks.paint_text(painter, theme, words, row.label(language()), role)
        if isinstance(row, IncidentType):
            centre = QPointF(box.right() - theme.px(17), box.center().y())
            marks.paint_priority(painter, theme, centre, row.priority, 7.5)
        else:
            some = ", ".join(kind.label(language()).lower() for kind in row.types[:3])
            words.setLeft(words.left() + used + theme.px(10))
            marks.paint_text(painter, theme, words, some, "small", "text2")

    def _paint_foot(self, painter: QPainter) -> None:
        theme = self.theme
        top = self.height() - theme.px(33)
        painter.fillRect(QRectF(1, top, self.width() - 2, 1), theme.color("line"))
        x, middle = float(theme.px(12)), top + theme.px(16)
        for keys, word in (
            ("↓ ↑", "type.highlight"),
            ("Enter", "type.take"),
            ("⌫", "type.back"),
            ("Esc", "type.close"),
        ):
            if self.category is None and keys == "⌫":
                continue
            x += marks.paint_keycap(painter, theme, x, middle, keys) + theme.px(6)
            box = QRectF(x, top, 200, theme.px(32))
            x += marks.paint_text(painter, theme, box, tr(word), "small", "text2") + theme.px(16)


class TypeLine(FieldLine):
    """The type: two letters choose it. Shows both caps and the word; Backspace goes back a letter.

    Signals:
        chosen(str): a type's id.
        previewed(str): the type highlighted in the list, "" when none is.
    """

    chosen = Signal(str)
    previewed = Signal(str)

    def __init__(self, theme: Theme, catalogue: Catalogue, parent: QWidget | None = None) -> None:
        self.catalogue = catalogue
        self.type: IncidentType | None = None
        self.first: Category | None = None
        self.list: TypeList | None = None
        self._moved_on = False
        super().__init__(theme, "type", "form.type", "form.hint.type", "key_value", parent=parent)
        self.setReadOnly(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def offer_in(self, host: QWidget) -> None:
        self.list = TypeList(self.theme, self.catalogue, host)
        self.list.chosen.connect(self.press)

    # ---------------------------------------------------------------- value
    def face(self, value: object) -> str:
        self.type = self.catalogue.types.get(str(value)) if value else None
        return ""

    def value(self) -> str:
        return self.type.id if self.type else ""

    def show_field(self, field: Field | None) -> None:
        super().show_field(field)
        if not self.unsaved:
            self._words()

    def _words(self) -> None:
        category = next((c for c in self.catalogue.categories if self.type and c.id == self.type.category), None)
        self.tag(category.label(language()).lower() if category and not self.first else "")
        label = self.type.label(language()) if self.type else ""
        self.setAccessibleName(f"{tr('form.type')}: {label}" if label else tr("form.type"))
        rival = self.rival and not self.unsaved
        if self.first or (self.type and not rival):
            self.setPlaceholderText("")
        else:
            self.setPlaceholderText(tr("rivals.line", n=self.rivals) if rival else self._hint_text())
        self.update()

    def retranslate(self) -> None:
        super().retranslate()
        self._words()

    def forget(self) -> None:
        self.type = self.first = None
        self._close()
        super().forget()
        self._words()

    # ---------------------------------------------------------------- keys
    def press(self, letter: str) -> None:
        """One letter: the category, then the type in it."""
        if self.first is None:
            category = next((c for c in self.catalogue.categories if c.key == letter), None)
            if category is not None:
                self.first = category
                self._open()
            return
        kind = self.catalogue.by_keys(self.first.key + letter)
        if kind is not None:
            self._take(kind)

    def _take(self, kind: IncidentType) -> None:
        self.type, self.first, self.rival = kind, None, False
        self.unsaved = True
        self._close()
        self._mark_rival()
        self._words()
        self.changed.emit(self.name, kind.id)
        self.chosen.emit(kind.id)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, plain = event.key(), not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        shown = self.list is not None and self.list.isVisible()
        if plain and key in LETTER:
            self.press(chr(key))
        elif key == Qt.Key.Key_Backspace and self.first is not None:
            self.first = None
            self._open()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and plain and self.list is not None:
            if not shown:
                self._open()
            self.list.step(1 if key == Qt.Key.Key_Down else -1)
            row = self.list.rows[self.list.current]
            self.previewed.emit(row.id if isinstance(row, IncidentType) else "")
        elif key == Qt.Key.Key_Escape and shown:
            self.first = None
            self._close()
            self._words()
        else:
            super().keyPressEvent(event)

    def enter(self) -> None:
        """Enter takes the highlighted row; without a highlight it goes on only when a type stands."""
        if self.list is not None and self.list.isVisible() and self.list.current >= 0:
            self.press(self.list.letter(self.list.rows[self.list.current]))
            return
        if self.type is not None and self.first is None:
            super().enter()

    def _open(self) -> None:
        if self.list is not None:
            self.list.show_under(self, self.first)
        self.previewed.emit("")
        self._words()

    def _close(self) -> None:
        if self.list is not None:
            self.list.hide()
            self.list.current = -1
        self.previewed.emit("")

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.type is None and event.reason() != Qt.FocusReason.ActiveWindowFocusReason:
            self._open()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.first = None
        self._close()
        self._words()
        super().focusOutEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme, painter = self.theme, QPainter(self)
        x = float(theme.px(8))
        middle = self.height() / 2
        letters = self.first.key if self.first else self.type.keys if self.type and not self.rival else ""
        for letter in letters:
            x += marks.paint_keycap(painter, theme, x, middle, letter, "accent" if self.first else "text2") + 4
        if not letters:
            return
        x += theme.px(4)
        words = tr("type.second_letter") if self.first else self.type.label(language()) if self.type else ""
        room = QRectF(x, 0, self.width() - x - theme.px(80 if self._tag else 8), self.height())
        role, token = ("input", "text3") if self.first else ("key_value", "text")
        marks.paint_text(painter, theme, room, words, role, token)
        if self.first:
            box = QRectF(0, 0, self.width() - theme.px(10), self.height())
            marks.paint_text(painter, theme, box, self.first.label(language()), "small", "text2", marks.RIGHT)
