"""F1: every key, drawn from the action table; bright = works now. Covers the work, never strip and clocks."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from ui.actions import TABLE, Action
from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import paint_box
from workstation.service.catalogue import Catalogue

F_GROUPS = (
    ("line", ("F1", "F2", "F3", "F4")),
    ("gate", ("F5", "F6", "F7", "F8")),
    ("talk", ("F9", "F10", "F11", "F12")),
)
COLUMNS = ("save", "form", "panel", "page", "screen")
PANEL_KEYS = (("Enter", "enter"), ("Tab", "tab"), ("↑ ↓", "arrows"), ("1-9", "digits"), ("Spasi", "space"),
              ("Y T", "yes_no"), ("Esc", "escape"))  # fmt: skip


class KeySheet(QWidget):
    """The painted table; `lines` says it to a screen reader."""

    def __init__(
        self,
        theme: Theme,
        catalogue: Catalogue,
        can: Callable[[str], bool],
        here: Callable[[str], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme, self.catalogue, self._can, self._here = theme, catalogue, can, here
        self.wanted = ""
        self.setMinimumHeight(theme.px(400))

    def matches(self, words: str) -> bool:
        return not self.wanted or self.wanted in words.lower()

    def say(self) -> None:
        self.setAccessibleName(tr("help.title"))
        rows = [f"{a.cap} {tr(a.key)}" for a in TABLE if self._here(a.id) and self.matches(tr(a.key))]
        self.setAccessibleDescription("; ".join(rows))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        y = self._paint_f_keys(painter)
        painter.fillRect(QRectF(0, y, self.width(), 1), self.theme.color("line"))
        bottom = self._paint_columns(painter, y + self.theme.px(6))
        painter.fillRect(QRectF(0, bottom, self.width(), 1), self.theme.color("line"))
        self._paint_types(painter, bottom + self.theme.px(6))

    def _paint_f_keys(self, painter: QPainter) -> float:
        theme = self.theme
        by_key = {action.keys: action for action in TABLE if action.keys.startswith("F")}
        gap, between = theme.px(6), theme.px(20)
        wide = (self.width() - 2 * between - 9 * gap) / 12
        x, high = 0.0, theme.px(50)
        for group, keys in F_GROUPS:
            start = x
            for key in keys:
                self._paint_f_key(painter, QRectF(x, 0, wide, high), key, by_key.get(key))
                x += wide + gap
            under = QRectF(start, high + theme.px(3), wide * 4 + gap * 3, theme.px(18))
            marks.paint_text(painter, theme, under, tr(f"help.{group}"), "small", "text2")
            x += between - gap
        return high + theme.px(28)

    def _paint_f_key(self, painter: QPainter, box: QRectF, key: str, action: Action | None) -> None:
        theme = self.theme
        words = tr(action.key) if action else tr("help.empty")
        bright = action is not None and self._can(action.id) and self.matches(words)
        danger = bright and action is not None and action.id == "hang_up"
        edge = "red" if danger else "edge" if bright else "line"
        paint_box(painter, theme, box, "bg2" if bright else "bg1", edge, radius=3)
        token = "red" if danger else "text" if bright else "text3"
        inner = box.adjusted(theme.px(6), theme.px(3), -theme.px(2), -theme.px(3))
        top = QRectF(inner.left(), inner.top(), inner.width(), inner.height() / 2)
        marks.paint_text(painter, theme, top, key, "strong", token if danger else "text2" if bright else "text3")
        role = "small_strong" if marks.text_width(theme, words, "small_strong") <= top.width() else "cap"
        marks.paint_text(painter, theme, top.translated(0, inner.height() / 2), words, role, token)

    def _paint_columns(self, painter: QPainter, top: float) -> float:
        theme = self.theme
        pitch = theme.px(22)
        shares = (1.3, 1.05, 0.95, 1.0, 1.35, 1.9)
        unit = self.width() / sum(shares)
        x, bottom = 0.0, top
        for n, group in enumerate((*COLUMNS, "panel_keys")):
            y = top
            wide = unit * shares[n]
            head = QRectF(x, y, wide, pitch)
            marks.paint_text(painter, theme, head, tr(f"help.{group}"), "strong")
            y += pitch
            for cap, words, bright in self._rows(group):
                token = "text" if bright else "text3"
                used = marks.paint_keycap(painter, theme, x, y + pitch / 2, cap, "text2" if bright else "text3",
                                          "edge" if bright else "line")  # fmt: skip
                left = max(theme.px(54), used + theme.px(8))
                box = QRectF(x + left, y, wide - left - theme.px(8), pitch)
                marks.paint_text(painter, theme, box, words, "body", token)
                y += pitch
            bottom = max(bottom, y)
            x += wide
        return bottom + theme.px(4)

    def _rows(self, group: str) -> list[tuple[str, str, bool]]:
        if group == "panel_keys":
            return [(cap, tr(f"help.{key}"), self.matches(tr(f"help.{key}"))) for cap, key in PANEL_KEYS]
        rows = []
        for action in TABLE:
            if action.group == group and self._here(action.id):
                words = tr(action.key)
                rows.append((action.cap, words, self._can(action.id) and self.matches(words)))
        return rows

    def _paint_types(self, painter: QPainter, top: float) -> None:
        theme = self.theme
        pitch = theme.px(23)
        used = marks.paint_text(painter, theme, QRectF(0, top, 300, pitch), tr("help.types"), "strong")
        marks.paint_text(painter, theme, QRectF(used + 16, top, 300, pitch), tr("help.types_where"), "small", "text2")
        y = top + pitch
        for category in self.catalogue.categories:
            marks.paint_keycap(painter, theme, 0, y + pitch / 2, category.key, "text")
            box = QRectF(theme.px(30), y, theme.px(98), pitch)
            marks.paint_text(painter, theme, box, category.label(language()), "strong")
            x = float(theme.px(132))
            for kind in category.types:
                words = kind.label(language()).lower()
                wide = marks.text_width(theme, words, "small") + theme.px(24)
                if x + wide > self.width() and x > theme.px(132):
                    x, y = float(theme.px(132)), y + theme.px(18)
                bright = self.matches(words)
                letter = QRectF(x, y, theme.px(12), pitch)
                marks.paint_text(painter, theme, letter, kind.keys[1], "small_strong", "accent" if bright else "text3")
                rest = QRectF(x + theme.px(13), y, wide, pitch)
                x += theme.px(13) + marks.paint_text(
                    painter, theme, rest, words, "small", "text2" if bright else "text3"
                )
                x += theme.px(11)
            y += pitch
        self.setMinimumHeight(round(y + theme.px(6)))


class KeyOverlay(QFrame):
    """The overlay with its filter field.

    Signals:
        closed(): F1 or Escape.
    """

    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        catalogue: Catalogue,
        can: Callable[[str], bool],
        here: Callable[[str], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self.field = QLineEdit(self)
        self.field.textChanged.connect(self._filter)
        self.sheet = KeySheet(theme, catalogue, can, here)
        self.area = QScrollArea(self)
        self.area.setWidget(self.sheet)
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.viewport().setAutoFillBackground(False)
        self.sheet.setAutoFillBackground(False)
        self.box = QVBoxLayout(self)
        self.box.addWidget(self.area)
        theme.changed.connect(self.restyle)
        self.restyle()
        self.retranslate()
        self.hide()

    def restyle(self) -> None:
        self.field.setFont(self.theme.font("input"))
        self.field.setFixedSize(self.theme.px(300), self.theme.size("field"))
        self.box.setContentsMargins(20, self.theme.px(48), 20, 8)
        self._place()

    def _place(self) -> None:
        self.field.move(self.width() - self.field.width() - self.theme.px(110), self.theme.px(10))

    def open(self) -> None:
        self.field.clear()
        self.sheet.say()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _filter(self, text: str) -> None:
        self.sheet.wanted = text.strip().lower()
        self.sheet.say()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("help.title"))
        self.field.setPlaceholderText(tr("help.filter"))
        self.field.setAccessibleName(tr("help.filter"))
        self.sheet.say()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, _event: object) -> None:
        self._place()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("edge"), 1))
        painter.setBrush(theme.color("bg1"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        middle = theme.px(24)
        line = QRectF(20, middle - theme.px(14), self.width(), theme.px(28))
        used = marks.paint_text(painter, theme, line, tr("help.title"), "clock_strong")
        marks.paint_text(painter, theme, line.adjusted(used + 16, 0, 0, 0), tr("help.under"), "small", "text2")
        x = self.field.geometry().right() + theme.px(14)
        x += round(marks.paint_keycap(painter, theme, x, middle, "F1")) + 6
        marks.paint_keycap(painter, theme, x, middle, "Esc")
