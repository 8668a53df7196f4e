"""Labels, buttons, chips and panels in the program's look; each follows theme and language by itself."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui import icons
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets import marks


class Label(QLabel):
    """A line of text in a role and colour; with `key` it follows the language, else it is somebody's own words."""

    def __init__(
        self,
        theme: Theme,
        key: str = "",
        *,
        role: str = "body",
        token: str = "text",
        text: str = "",
        wrap: bool = False,
        elide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self._elide = elide
        if elide:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._role = role
        self._token = token
        self._key = key
        self._values: Mapping[str, object] = {}
        self.setTextFormat(Qt.TextFormat.PlainText)  # a caller's name must never be read as markup
        self.setWordWrap(wrap)
        self.restyle()
        theme.changed.connect(self.restyle)
        if key:
            self.retranslate()
        else:
            self.setText(text)

    def say(self, key: str, /, **values: object) -> None:
        """Show the text of `key`, in every language from now on."""
        self._key, self._values = key, values
        self.retranslate()

    def show_text(self, text: str) -> None:
        """Show words that are not ours to translate."""
        self._key = ""
        if text != self.text():
            self.setText(text)

    def tint(self, token: str, role: str | None = None) -> None:
        if token != self._token or (role and role != self._role):
            self._token, self._role = token, role or self._role
            self.restyle()

    @property
    def token(self) -> str:
        return self._token

    def restyle(self) -> None:
        self.setFont(self.theme.font(self._role))
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self.theme.color(self._token))
        self.setPalette(palette)

    def retranslate(self) -> None:
        if self._key:
            self.setText(tr(self._key, **self._values))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self._elide else hint

    def beside(self) -> Label:
        """Takes its own width where there is room and gives way where there is none: a note at a head's right end."""
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        return self

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._elide:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        align = Qt.AlignmentFlag.AlignVCenter | (self.alignment() & Qt.AlignmentFlag.AlignHorizontal_Mask)
        marks.paint_text(painter, self.theme, QRectF(self.rect()), self.text(), self._role, self._token, align)


class Keycap(QWidget):
    """A key as it stands on the keyboard, beside what it does. No control: readers hear it from the action."""

    def __init__(self, theme: Theme, keys: str, token: str = "text2", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.keys = keys
        self.token = token
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(round(marks.keycap_width(self.theme, self.keys)) + 1, self.theme.px(18))

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        marks.paint_keycap(painter, self.theme, 0, self.height() / 2, self.keys, self.token)


class Spoken:
    """What buttons share: words by key, an accessible name that says them."""

    _key: str
    _values: Mapping[str, object]

    def word(self) -> str:
        return tr(self._key, **self._values) if self._key else ""


class Button(QPushButton, Spoken):
    """A button with an icon, its words and its key. `kind`: go (the one filled next step), plain, danger, quiet."""

    def __init__(
        self,
        theme: Theme,
        key: str,
        keys: str = "",
        *,
        kind: str = "plain",
        icon: str = "",
        height: int = 32,
        role: str = "strong",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme, self.keys, self.kind, self._icon_name, self._height = theme, keys, kind, icon, height
        self._key, self._values, self._text_role = key, {}, role
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self.retranslate()

    def say(self, key: str, /, **values: object) -> None:
        self._key, self._values = key, values
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(self.word())
        self.setAccessibleDescription(self.keys)
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        theme = self.theme
        wide = marks.text_width(theme, self.word(), self._text_role) + 2 * theme.px(13)
        if self._icon_name:
            wide += theme.px(16 + 7)
        if self.keys:
            wide += marks.keycap_width(theme, self.keys) + theme.px(9)
        return QSize(round(wide) + 1, theme.px(self._height))

    minimumSizeHint = sizeHint

    def show_icon(self, name: str) -> None:
        """Another icon, or none where large text needs the room."""
        self._icon_name = name
        self.updateGeometry()
        self.update()

    def shrink(self, height: int, role: str) -> None:
        """Take another height (px at 100 %) and text role."""
        self._height, self._text_role = height, role
        self.updateGeometry()
        self.update()

    def _tokens(self) -> tuple[str, str, str]:
        """(fill, edge, text) of the kind and state."""
        if not self.isEnabled():
            return "bg1", "line", "text3"
        if self.kind == "go":
            return "accent", "accent", "onAccent"
        if self.kind == "danger":
            return ("redTint" if self.isDown() or self.underMouse() else "bg1"), "red", "red"
        if self.isChecked():
            return "tint", "accent", "text"
        return ("bg3" if self.isDown() or self.underMouse() else "bg2"), "edge", "text"

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, edge, text = self._tokens()
        paint_box(painter, theme, QRectF(self.rect()), fill, "" if self.kind == "quiet" else edge, self.hasFocus())
        gap_icon, gap_cap = theme.px(7), theme.px(9)
        words = self.word()
        wide = marks.text_width(theme, words, self._text_role)
        cap = marks.keycap_width(theme, self.keys) if self.keys else 0
        side = theme.px(16) if self._icon_name else 0
        total = wide + (side + gap_icon if side else 0) + (cap + gap_cap if cap else 0)
        x = max(theme.px(6), (self.width() - total) / 2)
        middle = self.height() / 2
        if side:
            icons.paint_icon(painter, theme, self._icon_name, QRectF(x, middle - side / 2, side, side), text)
            x += side + gap_icon
        room = min(wide, self.width() - x - (cap + gap_cap if cap else 0) - theme.px(4)) + 1
        marks.paint_text(painter, theme, QRectF(x, 0, room, self.height()), words, self._text_role, text)
        if cap:
            edge_token = "onAccent" if self.kind == "go" and self.isEnabled() else "red" if text == "red" else "edge"
            marks.paint_keycap(painter, theme, x + wide + gap_cap, middle, self.keys, text, edge_token)


class Chip(QToolButton, Spoken):
    """A pill that is on or off: hazards, needs, filters. With `text` its words are data, with `key` they are ours."""

    def __init__(
        self, theme: Theme, key: str = "", text: str = "", *, value: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme, self.value, self._key, self._values, self._own = theme, value, key, {}, text
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self.retranslate()

    def say(self, key: str, /, **values: object) -> None:
        self._key, self._values = key, values
        self.retranslate()

    def word(self) -> str:
        return tr(self._key, **self._values) if self._key else self._own

    def show_own(self, text: str, spoken: str) -> None:
        """Show words of the catalogue; `spoken` is what a screen reader says."""
        self._own = text
        self.retranslate()
        self.setAccessibleName(spoken)

    def retranslate(self) -> None:
        self.setAccessibleName(self.word())
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        wide = marks.text_width(self.theme, self.word(), "small_strong") + self.theme.px(18)
        return QSize(round(wide) + 1, self.theme.px(24))

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter, on = self.theme, QPainter(self), self.isChecked()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        fill = "tint" if on else ("bg3" if self.underMouse() else "bg1")
        paint_box(painter, theme, box, fill, "accent" if on else "edge", self.hasFocus(), box.height() / 2)
        role = "small_strong" if on else "small"
        marks.paint_text(painter, theme, box, self.word(), role, "text" if on else "text2", marks.CENTRE)


class CountLabel(Label):
    """A number beside a title; while it is empty it takes no room."""

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setVisible(bool(text))


class Panel(QFrame):
    """A zone of a page: quiet fill, a head with title, count, key and room at the right, and a body."""

    def __init__(
        self, theme: Theme, key: str = "", keys: str = "", *, parent: QWidget | None = None, inner: int = 12
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("panel", True)
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(0)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.title: Label | None = None
        self.count: Label | None = None
        self._inner = inner
        if key:
            holder = QWidget(self)
            holder.setLayout(self.head)
            self.head.setContentsMargins(inner, 0, inner, 0)
            self.title = Label(theme, key, role="panel", parent=holder)
            self.count = CountLabel(theme, role="body", token="text3", parent=holder)
            self.head.addWidget(self.title)
            self.head.addWidget(self.count)
            self.keycap = Keycap(theme, keys, parent=holder) if keys else None
            if self.keycap:
                self.head.addWidget(self.keycap)
            self.head.addStretch(1)
            self._holder = holder
            self._outer.addWidget(holder)
            self._measure()
            theme.changed.connect(self._measure)
            self.setAccessibleName(tr(key))
        self.body: QBoxLayout = QVBoxLayout()
        self.body.setContentsMargins(inner, 0, inner, inner)
        self.body.setSpacing(4)
        self._outer.addLayout(self.body, 1)

    def _measure(self) -> None:
        self._holder.setFixedHeight(self.theme.size("panel_head"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange and self.title is not None:
            self.setAccessibleName(self.title.text())
        super().changeEvent(event)


class Line(QFrame):
    """A hairline between parts; not part of what is read out."""

    def __init__(self, theme: Theme, vertical: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("hairline", True)
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)


def paint_box(
    painter: QPainter, theme: Theme, box: QRectF, fill: str, edge: str, focus: bool = False, radius: float = 3
) -> None:
    """A filled, edged box; with focus its edge is accent and two (in high contrast three) px wide, inside the box."""
    painter.save()
    painter.setBrush(theme.color(fill) if fill else Qt.BrushStyle.NoBrush)
    width = 1.0
    if focus:
        width = 3.0 if theme.high_contrast else 2.0
        edge = "text" if fill == "accent" else "accent"
    painter.setPen(QPen(theme.color(edge), width) if edge else Qt.PenStyle.NoPen)
    inset = width / 2
    painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), radius, radius)
    painter.restore()


def at(x: float, y: float) -> QPointF:
    return QPointF(x, y)


def spread(layout: QBoxLayout, *parts: QWidget | int | None) -> QBoxLayout:
    """Fill a layout in one line: a widget is added, an int is spacing, None is a stretch."""
    for part in parts:
        if part is None:
            layout.addStretch(1)
        elif isinstance(part, int):
            layout.addSpacing(part)
        else:
            layout.addWidget(part)
    return layout


def buttons(widget: QWidget) -> list[QAbstractButton]:
    return widget.findChildren(QAbstractButton)
