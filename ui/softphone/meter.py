"""Sound level of one side of the conversation, as ten small blocks; repaints only when a block changes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Label

BLOCKS = 10


class Blocks(QWidget):
    """The ten blocks of a level from 0 to 1."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.lit = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(72), self.theme.px(8))

    minimumSizeHint = sizeHint

    def show_level(self, level: float) -> bool:
        lit = max(0, min(BLOCKS, round(level * BLOCKS)))
        if lit == self.lit:
            return False
        self.lit = lit
        self.update()
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pitch = self.width() / BLOCKS
        for n in range(BLOCKS):
            token = "text" if n < self.lit else "bg3"
            painter.fillRect(QRectF(n * pitch, 0, pitch - 2, self.height()), self.theme.color(token))


class LevelMeter(QWidget):
    """A named level: `meter.you` or `meter.caller`."""

    def __init__(self, theme: Theme, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self.blocks = Blocks(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addStretch(1)
        column.addWidget(Label(theme, key, role="small", token="text2"))
        column.addWidget(self.blocks)
        column.addStretch(1)

    def show_level(self, level: float) -> None:
        if self.blocks.show_level(level):
            self.setAccessibleName(f"{tr(self._key)}, {self.blocks.lit * 100 // BLOCKS} %")
            from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent  # its enums are not for the first frame

            if QAccessible.isActive():
                QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, self.blocks.lit))
