"""The form's sheet: rows of a label and its fields on a fixed pitch, and the four numbered steps at the left."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ui import icons
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label

STEP_COLUMN, LABEL_COLUMN = 44, 92  # px at 100 %: the numbered circle, the field's name


class Row(QWidget):
    """One row: its name and what is filled in."""

    def __init__(
        self, theme: Theme, key: str, *fields: QWidget, star: bool = False, gap: int = 8, top: bool = False
    ) -> None:
        super().__init__()
        self.theme = theme
        self.label = Label(theme, key, role="field_label", token="text2")
        self.star = star
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(gap)
        self.names = QVBoxLayout()
        self.names.setContentsMargins(0, 0, 0, 0)
        self.names.addWidget(self.label)
        if top:
            self.names.addStretch(1)
        line.addLayout(self.names)
        self.line = line
        for field in fields:
            line.addWidget(field)
        self.measure()
        theme.changed.connect(self.measure)

    def stretch(self, *weights: int) -> Row:
        for n, weight in enumerate(weights, 1):
            self.line.setStretch(n, weight)
        return self

    def measure(self) -> None:
        narrow = self.theme.scale >= 1.75
        left = 16 if narrow else STEP_COLUMN
        self.names.setContentsMargins(self.theme.px(left), 0, 0, 0)
        self.label.setFixedWidth(self.theme.px(LABEL_COLUMN) - self.line.spacing())
        self.label.setFixedHeight(self.theme.size("field"))


class Sheet(QWidget):
    """The rows in their groups; `state(n)` says of step n whether it is done, the one at hand, or to come."""

    def __init__(self, theme: Theme, state: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._state = state
        self.groups: list[list[Row]] = []
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 10, 12, 10)
        self.column.setSpacing(0)
        theme.changed.connect(self.update)

    def group(self, *rows: Row) -> None:
        if self.groups:
            self.column.addSpacing(8)
        for n, row in enumerate(rows):
            if n:
                self.column.addSpacing(4)
            self.column.addWidget(row)
        self.groups.append(list(rows))

    def place_under(self, row: Row, part: QWidget) -> None:
        """Put `part` right under a row, indented to the fields."""
        self.column.removeWidget(part)
        at = self.column.indexOf(row) + 1
        self.column.insertWidget(at, part)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self.theme.scale >= 1.75:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for n, rows in enumerate(self.groups, 1):
            self._paint_step(painter, n, rows)

    def _paint_step(self, painter: QPainter, n: int, rows: list[Row]) -> None:
        theme = self.theme
        radius = theme.px(10.5)
        top = rows[0].y() + theme.size("field") / 2
        centre = QPointF(theme.px(22), top)
        state = self._state(n)
        if len(rows) > 1:
            painter.setPen(QPen(theme.color("line"), 1))
            bottom = rows[-1].geometry().bottom()
            painter.drawLine(QPointF(centre.x(), top + radius + 4), QPointF(centre.x(), bottom))
        token = {"now": "accent", "done": "edge", "next": "edge"}[state]
        painter.setPen(QPen(theme.color(token), 1.5 if state == "now" else 1.2))
        painter.setBrush(theme.color("tint" if state == "now" else "bg1"))
        painter.drawEllipse(centre, radius, radius)
        box = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        if state == "done":
            side = theme.px(15)
            tick = QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)
            icons.paint_icon(painter, theme, "tick", tick, "text2")
        else:
            marks.paint_text(painter, theme, box, str(n), "strong", "text" if state == "now" else "text2", marks.CENTRE)
