"""One painter together with the theme, for pages that draw many marks and lines of text in one cell or picture.

The marks themselves are `ui.widgets.marks`; this adds what tables, maps and charts need beside them: text in a weight,
lines, boxes, the boxes of call-back attempts. Sizes are px at text scale 1 and grow with the theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from ui.icons import paint_icon
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.deadline import Pace, Reading
from workstation.domain.rows import AssignmentRow, Step, Sync

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTER = Qt.AlignmentFlag.AlignCenter


class Try(StrEnum):
    """One of the three attempts to call back."""

    FAILED = "failed"
    REACHED = "reached"
    NEXT = "next"
    OPEN = "open"


class Pencil:
    """One painter with the theme's colours and fonts; made anew for each paint event."""

    def __init__(self, painter: QPainter, theme: Theme) -> None:
        self.painter = painter
        self.theme = theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def color(self, token: str, alpha: float | None = None) -> QColor:
        return self.theme.color(token, alpha)

    def px(self, size: float) -> float:
        return size * self.theme.scale

    def font(self, role: str, weight: int | None = None) -> QFont:
        font = QFont(self.theme.font(role))
        if weight is not None:
            font.setWeight(QFont.Weight(weight))
        return font

    def width(self, text: str, role: str = "body", weight: int | None = None) -> float:
        if weight is None:
            return self.theme.width(text, role)
        return QFontMetricsF(self.font(role, weight)).horizontalAdvance(text)

    def text(
        self,
        rect: QRectF,
        text: str,
        role: str = "body",
        token: str = "text",
        align: Qt.AlignmentFlag = LEFT,
        weight: int | None = None,
    ) -> float:
        """Draws one line and returns its width in px; what does not fit ends in an ellipsis."""
        if weight is None:
            return min(marks.paint_text(self.painter, self.theme, rect, text, role, token, align), rect.width())
        font = self.font(role, weight)
        metrics = QFontMetricsF(font)
        self.painter.setFont(font)
        self.painter.setPen(self.color(token))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width() + 0.5)
        self.painter.drawText(rect, int(align), shown)
        return min(metrics.horizontalAdvance(text), rect.width())

    def icon(self, x: float, y: float, name: str, token: str = "text2", px: float = 16) -> None:
        """Draws an icon with its top left at x, y."""
        size = self.px(px)
        paint_icon(self.painter, self.theme, name, QRectF(x, y, size, size), token)

    def fill(self, rect: QRectF, token: str, alpha: float | None = None) -> None:
        self.painter.fillRect(rect, self.color(token, alpha))

    def box(self, rect: QRectF, fill: str = "", edge: str = "", radius: float = 4.0, wide: float = 1.0) -> None:
        self.painter.setPen(QPen(self.color(edge), wide) if edge else Qt.PenStyle.NoPen)
        self.painter.setBrush(self.color(fill) if fill else Qt.BrushStyle.NoBrush)
        inset = wide / 2 if edge else 0.0
        self.painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), radius, radius)

    # -------------------------------------------------- marks
    def priority(self, center: QPointF, level: int, radius: float = 9.0) -> None:
        """1 octagon, 2 triangle, 3 disc, 4 hollow square; a dash where no type has set one yet."""
        if level in (1, 2, 3, 4):
            marks.paint_priority(self.painter, self.theme, center, level, radius)
        else:
            self.text(QRectF(center.x() - 10, center.y() - 10, 20, 20), "–", "body", "text3", CENTER)

    def disc(self, center: QPointF, step: Step, *, late: bool = False, radius: float = 5.5) -> None:
        marks.paint_step(self.painter, self.theme, center, step, late, radius)

    def sync(self, center: QPointF, state: Sync, px: float = 15) -> None:
        marks.paint_sync(self.painter, self.theme, center, state, px)

    def clock(self, rect: QRectF, reading: Reading) -> float:
        """A running clock at the right of `rect`: plain, amber edge with triangle, or red fill; returns its width."""
        inner = rect.adjusted(0, 0, -self.px(6), 0) if reading.pace is Pace.PLAIN else rect
        marks.paint_clock(self.painter, self.theme, inner, reading.text, reading.pace.value)
        if reading.pace is Pace.PLAIN:
            return self.width(reading.text, "number") + self.px(8)
        return self.width(reading.text, "strong") + self.px(28 if reading.pace is Pace.AMBER else 14)

    def cap(self, x: float, middle: float, keys: str, token: str = "text2", edge: str = "edge") -> float:
        return marks.paint_keycap(self.painter, self.theme, x, middle, keys, token, edge)

    def tries(self, x: float, middle: float, states: Sequence[Try]) -> float:
        """Three boxes, one an attempt: cross failed, tick reached, the next in accent; returns the width."""
        side, gap = self.px(18), self.px(5)
        for n, state in enumerate(states):
            rect = QRectF(x + n * (side + gap), middle - side / 2, side, side)
            edge = {Try.NEXT: "accent", Try.OPEN: "line"}.get(state, "edge")
            self.box(rect, "", edge, 3, 1.4 if state is Try.NEXT else 1.0)
            if state in (Try.FAILED, Try.REACHED):
                inner = self.px(12)
                name = "cross" if state is Try.FAILED else "tick"
                self.icon(rect.center().x() - inner / 2, rect.center().y() - inner / 2, name, "text2", 12)
            else:
                self.text(rect, str(n + 1), "hint", "text" if state is Try.NEXT else "text3", CENTER, 600)
        return len(states) * (side + gap) - gap


def disc_token(assignment: AssignmentRow) -> str:
    """The colour of an agency's name beside its disc; late and refused speak first, what is over steps back."""
    if assignment.step in (Step.REFUSED, Step.CANCELLED):
        return "red" if assignment.step is Step.REFUSED else "text3"
    if assignment.late:
        return "amber"
    return {Step.PLANNED: "text3", Step.DONE: "text3"}.get(assignment.step, "text2")
