"""One-line fields of the form: text, RT and RW, counts; each knows what it showed and what was typed over it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QIntValidator, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from ui import figures, icons
from ui.actions import caps
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets import marks
from workstation.domain.rows import Dot, Field

MOST = 4000  # characters of one value; the record refuses longer ones


def at_sight(field: Field | None) -> tuple[Dot, ...]:
    """Give the dots of what a form shows of a field by itself: none of rivals, which are seen when they are opened."""
    return field.seen if field and not field.rival else ()


class FieldLine(QLineEdit):
    """A line that edits one field of the incident.

    It shows the record's value until somebody types; from the first key until the write is back it is the operator's,
    and news from elsewhere wait (`hold`).

    Signals:
        changed(str, object): field and value, at each key.
        left(): the focus goes; write now.
        accepted(): Enter; go to the next step.
    """

    changed = Signal(str, object)
    left = Signal()
    accepted = Signal()
    rivals_wanted = Signal(str)

    def __init__(
        self, theme: Theme, name: str, label: str, hint: str = "", role: str = "input", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme, self.name, self._label, self._hint, self.role = theme, name, label, hint, role
        self.seen: tuple[Dot, ...] = ()  # what the line shows; of rivals it shows only how many there are
        self.rival = False
        self.rivals = 0
        self.unsaved = False
        self._typing = False  # typed in since the focus came
        self._field: Field | None = None
        self._tag = ""
        self._tag_icon = ""
        self._tag_token = "text3"
        self._tag_shown = self._icon_shown = ""  # what of the tag there is room for
        self.setMaxLength(MOST)
        self.textEdited.connect(self._typed)
        self.textChanged.connect(lambda _text: self._tone())
        self.textChanged.connect(lambda _text: self._room())
        theme.changed.connect(self.restyle)
        self.restyle()
        self.retranslate()

    # ---------------------------------------------------------------- what it shows
    def show_field(self, field: Field | None) -> None:
        """Show the record's value, unless the operator has typed over it and that is not written yet."""
        self._field = field
        if self.unsaved:
            return
        typed = self.value()
        self.rival = bool(field and field.rival)
        self.rivals = len(field.values) if field else 0
        self.seen = at_sight(field)
        text = "" if self.rival else self.face(field.face if field else None)
        # In the middle of a word the text stays as it is typed: no space trimmed, no zeros put before a digit.
        held = self._typing and field is not None and any(value.value == typed for value in field.values)
        if text != self.text() and not held:
            at = self.cursorPosition()
            self.setText(text)
            self.setCursorPosition(min(at, len(text)) if self.hasFocus() else 0)
        self._mark_rival()

    def face(self, value: object) -> str:
        """The text for a value of the record."""
        return "" if value is None else str(value)

    def value(self) -> Any:
        """The value for the text as it stands."""
        return self.text()

    def written(self) -> None:
        """The operator's text is in the record: follow it again. What came meanwhile is shown by the next view."""
        self.unsaved = False

    def forget(self) -> None:
        self.unsaved = self._typing = False
        self.show_field(None)
        self.tag("")

    def _typed(self, _text: str) -> None:
        self.unsaved = self._typing = True
        if self.rival:
            self._mark_rival()
        self.changed.emit(self.name, self.value())

    def _mark_rival(self) -> None:
        shown = self.rival and not self.unsaved
        self.setPlaceholderText(tr("rivals.line", n=self.rivals) if shown else self._hint_text())
        if bool(self.property("rival")) != shown:
            self.setProperty("rival", shown)
            self.style().unpolish(self)
            self.style().polish(self)
        self._tone()
        self.update()

    def warn(self, on: bool) -> None:
        """An amber edge: nothing is known that the operator could rely on."""
        if bool(self.property("warned")) != on:
            self.setProperty("warned", on)
            self.style().unpolish(self)
            self.style().polish(self)
            self._tone()

    def tag(self, text: str, icon: str = "", token: str = "text3") -> None:
        """The word at the field's right end: `cocok penuh`, `± 250 m`."""
        if (text, icon, token) != (self._tag, self._tag_icon, self._tag_token):
            self._tag, self._tag_icon, self._tag_token = text, icon, token
            self.setAccessibleDescription(text)
            self._room()
            self.update()

    def _room(self) -> None:
        """Give the tag the room at the right end that the text leaves; the word goes before the icon does."""
        theme, wide = self.theme, 0
        self._tag_shown = self._tag if theme.scale < 1.25 else ""
        if self._tag_shown:
            icon = theme.px(18) if self._tag_icon else 0
            left = self.width() - 2 * theme.px(8) - self.fontMetrics().horizontalAdvance(self.text()) - theme.px(12)
            wide = round(theme.width(self._tag, "minor_strong")) + icon + theme.px(4)
            if wide > left:
                self._tag_shown, wide = "", icon if icon <= left else 0
        self._icon_shown = self._tag_icon if self._tag_shown or wide else ""
        self.setTextMargins(0, 0, wide, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._room()

    def _hint_text(self) -> str:
        return tr(self._hint) if self._hint else ""

    # ---------------------------------------------------------------- Qt's questions
    def sizeHint(self) -> QSize:
        """As wide as the row gives: a field never pushes the form wider than its panel."""
        return QSize(self.theme.px(40), self.theme.size("field"))

    def minimumSizeHint(self) -> QSize:
        return QSize(self.theme.px(24), self.theme.size("field"))

    def _tone(self) -> None:
        """A hint is never as strong as a value."""
        self.setFont(self.theme.font(self.role if self.text() else "input"))

    def restyle(self) -> None:
        self._tone()
        self.setFixedHeight(self.theme.size("field"))
        self._room()

    def retranslate(self) -> None:
        self.setAccessibleName(tr(self._label))
        self._mark_rival()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.enter()
            return
        super().keyPressEvent(event)

    def enter(self) -> None:
        if self.rival and not self.unsaved:
            self.rivals_wanted.emit(self.name)
            return
        self.left.emit()
        self.accepted.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()
        self._typing = False
        if self._field is not None:
            self.show_field(self._field)  # as the record has it, now that nobody is in the middle of a word

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme = self.theme
        if self.property("rival"):
            cap = caps("conflict")
            left = self.width() - marks.keycap_width(theme, cap) - theme.px(8)
            marks.paint_keycap(QPainter(self), theme, left, self.height() / 2, cap, "amber", "amber")
            return
        if not self._tag_shown and not self._icon_shown:
            return
        painter = QPainter(self)
        box = QRectF(0, 0, self.width() - theme.px(10), self.height())
        wide = marks.paint_text(painter, theme, box, self._tag_shown, "minor_strong", self._tag_token, marks.RIGHT)
        if self._icon_shown:
            side = theme.px(14)
            left = box.right() - wide - side - (theme.px(6) if wide else 0)
            icons.paint_icon(
                painter, theme, self._icon_shown, QRectF(left, (self.height() - side) / 2, side, side), "text2"
            )


class NumberLine(FieldLine):
    """RT and RW: up to three digits, centred, written with their zeros."""

    def __init__(self, theme: Theme, name: str, label: str, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(theme, name, label, hint, parent=parent)
        self.setMaxLength(3)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def restyle(self) -> None:
        super().restyle()
        self.setFixedWidth(self.theme.px(52))

    def value(self) -> str:
        digits = self.text().strip()
        return digits.zfill(3) if digits.isascii() and digits.isdigit() else digits


class PhoneLine(FieldLine):
    """A number to call: shown in groups that can be read aloud, kept as it is dialled."""

    def face(self, value: object) -> str:
        return figures.phone(str(value)) if value else ""

    def value(self) -> str:
        return "".join(self.text().split())


class CountLine(FieldLine):
    """A count of people: its word at the left, the number at the right, dim while it is 0; Up and Down count."""

    def __init__(self, theme: Theme, name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, label, parent=parent)
        self.setValidator(QIntValidator(0, 99999, self))
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setMaxLength(5)
        self.setProperty("count", True)
        self._room()

    def word_width(self) -> int:
        return round(marks.text_width(self.theme, tr(self._label), "small"))

    def face(self, value: object) -> str:
        return str(value) if isinstance(value, int) else "0"

    def value(self) -> int | None:
        text = self.text().strip()
        return int(text) if text.isdigit() else 0

    def _tone(self) -> None:
        zero = self.text() in ("", "0")
        palette = self.palette()
        palette.setColor(palette.ColorRole.Text, self.theme.color("text3" if zero else "text"))
        self.setPalette(palette)
        self.setFont(self.theme.font("input" if zero else "key_value"))

    def _room(self) -> None:
        self.setTextMargins(self.word_width() if hasattr(self, "_label") else 0, 0, 0, 0)

    def retranslate(self) -> None:
        super().retranslate()
        self._room()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if event.key() == Qt.Key.Key_Up else -1
            count = max(0, (self.value() or 0) + step)
            self.setText(str(count))
            self._typed(self.text())
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.selectAll()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        zero = self.text() in ("", "0")
        box = QRectF(self.theme.px(6), 0, self.width(), self.height())
        marks.paint_text(painter, self.theme, box, tr(self._label), "small", "text3" if zero else "text2")
