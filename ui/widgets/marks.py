"""Status as shape + word + colour, painted: priority, assignment, data and call marks, clocks, key caps.

Every function draws into a rectangle or round a centre in widget pixels and leaves the painter as it was.
"""

from __future__ import annotations

from math import cos, pi, sin

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPainterPath, QPen, QPolygonF

from ui import icons
from ui.theme import Theme
from workstation.domain.rows import Step, Sync

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter
MIDDLE, FOOT = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignBottom

STEP_KEY = {step: f"step.{step.value}" for step in Step}
SYNC_KEY = {sync: f"sync.{sync.value}" for sync in Sync}
SYNC_FACE = {
    Sync.LOCAL: ("disk", "text2"),
    Sync.QUEUED: ("arrow-up", "amber"),
    Sync.BESIDE: ("lan", "text2"),
    Sync.SERVER: ("double-tick", "text3"),
    Sync.REFUSED: ("cross", "red"),
}
CALL_FACE = {
    "ringing": ("bell", "accent"),
    "talking": ("phone", "accent"),
    "held": ("hold", "amber"),
    "wrap_up": ("pen", "text2"),
    "ended": ("tick", "text3"),
    "abandoned": ("missed", "amber"),
    "call_back": ("return", "text"),
    "failed": ("cross", "red"),
    "no_sim": ("no-sim", "amber"),
    "silent": ("mic-off", "text2"),
}


def paint_text(
    painter: QPainter,
    theme: Theme,
    box: QRectF,
    text: str,
    role: str = "body",
    token: str = "text",
    align: Qt.AlignmentFlag = LEFT,
) -> float:
    """Draw one line, elided only where `box` is too narrow; returns the width the text wants."""
    painter.setFont(theme.font(role))
    painter.setPen(theme.color(token))
    place_text(painter, theme, box, theme.elided(text, role, box.width()), role, align)
    return theme.width(text, role)


def place_text(
    painter: QPainter, theme: Theme, box: QRectF, shown: str, role: str, align: Qt.AlignmentFlag = LEFT
) -> None:
    """Draw a line that fits, where `drawText` would, in the painter's font (that of `role`) and pen."""
    spare = box.width() - theme.width(shown, role)
    high = box.height() - theme.line_height(role)
    x = box.left() + (spare if align & Qt.AlignmentFlag.AlignRight else spare / 2 if align & MIDDLE else 0.0)
    y = box.top() + (high / 2 if align & Qt.AlignmentFlag.AlignVCenter else high if align & FOOT else 0.0)
    painter.drawStaticText(QPointF(x, y), theme.laid_out(shown, role))


def text_width(theme: Theme, text: str, role: str = "body") -> float:
    return theme.width(text, role)


def paint_priority(painter: QPainter, theme: Theme, centre: QPointF, priority: int, radius: float = 9) -> None:
    """Priority 1 red filled octagon, 2 amber triangle, 3 green disc, 4 blue hollow square; always its digit inside."""
    if priority not in (1, 2, 3, 4):
        return
    r = radius * theme.scale
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    drop = 0.0
    if priority == 1:
        r *= 1.08
        corners = [pi / 8 + k * pi / 4 for k in range(8)]
        path.addPolygon(QPolygonF([centre + QPointF(r * cos(a) * 1.05, r * sin(a) * 1.05) for a in corners]))
    elif priority == 2:
        r *= 1.15
        points = (QPointF(0, -r * 1.02), QPointF(r * 1.1, r * 0.88), QPointF(-r * 1.1, r * 0.88))
        path.addPolygon(QPolygonF([centre + point for point in points]))
        drop = r * 0.2
    elif priority == 3:
        path.addEllipse(centre, r * 0.95, r * 0.95)
    else:
        side = r * 0.84
        path.addRoundedRect(QRectF(centre.x() - side, centre.y() - side, 2 * side, 2 * side), 2, 2)
    path.closeSubpath()
    fill, on, edge = {
        1: ("redFill", "onRed", "red"),
        2: ("amberFill", "onAmber", "amber"),
        3: ("greenFill", "onGreen", "greenFill"),
        4: ("", "blue", "blue"),
    }[priority]
    painter.setBrush(theme.color(fill) if fill else Qt.BrushStyle.NoBrush)
    pen = QPen(theme.color(edge), 1.5 * theme.scale)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.drawPath(path)
    font = QFont(theme.font("small_strong"))
    font.setPixelSize(max(8, round(r * (1.05 if priority != 2 else 0.95))))
    painter.setFont(font)
    painter.setPen(theme.color(on))
    painter.drawText(QRectF(centre.x() - r, centre.y() - r + drop, 2 * r, 2 * r), int(CENTRE), str(priority))
    painter.restore()


def step_token(step: Step, late: bool) -> str:
    """The colour that goes with an assignment's disc."""
    if step is Step.REFUSED:
        return "red"
    if late:
        return "amber"
    return "text3" if step in (Step.DONE, Step.CANCELLED) else "text"


def paint_step(
    painter: QPainter, theme: Theme, centre: QPointF, step: Step, late: bool = False, radius: float = 6
) -> None:
    """The assignment's disc that fills: dashed, ring, half, ring+arrow, full, tick, struck; ring+! when late."""
    r = radius * theme.scale
    token = step_token(step, late)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = theme.color(token)
    pen = QPen(color, 1.5 * theme.scale)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    ring = QRectF(centre.x() - r, centre.y() - r, 2 * r, 2 * r)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if step is Step.DONE:
        icons.paint_icon(painter, theme, "tick", ring.adjusted(-2, -2, 2, 2), token)
        painter.restore()
        return
    if step is Step.PLANNED and not late:
        pen.setDashPattern([1.6, 2.2])
    painter.setPen(pen)
    painter.drawEllipse(ring)
    painter.setBrush(color)
    if late and step is not Step.REFUSED:
        painter.drawLine(centre + QPointF(0, -r * 0.5), centre + QPointF(0, r * 0.12))
        painter.drawPoint(centre + QPointF(0, r * 0.55))
    elif step is Step.ACKNOWLEDGED:
        painter.drawPie(ring, 270 * 16, 180 * 16)
    elif step is Step.DEPARTED:
        tip = [QPointF(-r * 0.3, -r * 0.5), QPointF(r * 0.55, 0), QPointF(-r * 0.3, r * 0.5)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(QPolygonF([centre + p for p in tip]))
    elif step is Step.ARRIVED:
        painter.drawEllipse(ring)
    elif step in (Step.REFUSED, Step.CANCELLED):
        painter.drawLine(centre + QPointF(-r * 0.7, r * 0.7), centre + QPointF(r * 0.7, -r * 0.7))
    painter.restore()


def paint_sync(painter: QPainter, theme: Theme, centre: QPointF, sync: Sync, px: float = 15) -> None:
    """Where the data is: disk, queued arrow, LAN, double tick, amber ≠ diamond, red cross. Never green."""
    side = px * theme.scale
    box = QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)
    if sync is Sync.CONFLICT:
        paint_conflict(painter, theme, centre, px * 0.52)
        return
    name, token = SYNC_FACE[sync]
    icons.paint_icon(painter, theme, name, box, token)


def paint_conflict(painter: QPainter, theme: Theme, centre: QPointF, radius: float = 8) -> None:
    """The amber diamond with ≠: rival values."""
    r = radius * theme.scale
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.color("amber"), 1.2))
    painter.setBrush(theme.color("amberFill"))
    painter.drawPolygon(
        QPolygonF([centre + QPointF(0, -r), centre + QPointF(r, 0), centre + QPointF(0, r), centre + QPointF(-r, 0)])
    )
    painter.setPen(QPen(theme.color("onAmber"), 1.4 * theme.scale))
    for y in (-0.18, 0.22):
        painter.drawLine(centre + QPointF(-r * 0.42, r * y), centre + QPointF(r * 0.42, r * y))
    painter.drawLine(centre + QPointF(r * 0.22, -r * 0.5), centre + QPointF(-r * 0.22, r * 0.5))
    painter.restore()


def paint_triangle(painter: QPainter, theme: Theme, centre: QPointF, radius: float = 5, token: str = "amber") -> None:
    """The small filled triangle that goes with an amber clock."""
    r = radius * theme.scale
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(token))
    points = (QPointF(0, -r), QPointF(r * 1.08, r * 0.84), QPointF(-r * 1.08, r * 0.84))
    painter.drawPolygon(QPolygonF([centre + point for point in points]))
    painter.restore()


def paint_clock(painter: QPainter, theme: Theme, box: QRectF, text: str, state: str) -> None:
    """A deadline at the right of `box`: plain text, amber edge + triangle, or red fill (`text` then begins with +)."""
    if state == "plain":
        paint_text(painter, theme, box, text, "number", "text2", RIGHT)
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    role = "strong"
    wide = text_width(theme, text, role)
    mark = theme.px(14) if state == "amber" else 0
    height = min(box.height() - 2, theme.px(21))
    chip = QRectF(0, 0, wide + mark + theme.px(14), height)
    chip.moveCenter(QPointF(box.right() - chip.width() / 2, box.center().y()))
    if state == "amber":
        painter.setPen(QPen(theme.color("amber"), 1.2))
        painter.setBrush(theme.color("amberTint"))
        painter.drawRoundedRect(chip.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        paint_triangle(painter, theme, QPointF(chip.left() + theme.px(12), chip.center().y()), 4.5)
        paint_text(painter, theme, chip.adjusted(0, 0, -theme.px(6), 0), text, role, "amber", RIGHT)
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("redFill"))
        painter.drawRoundedRect(chip, 3, 3)
        paint_text(painter, theme, chip, text, role, "onRed", CENTRE)
    painter.restore()


def clock_width(theme: Theme, text: str) -> float:
    """The widest `paint_clock` can get with `text`."""
    return text_width(theme, text, "strong") + theme.px(28)


def keycap_width(theme: Theme, keys: str) -> float:
    return max(theme.px(18), text_width(theme, keys, "cap") + theme.px(9))


def paint_keycap(
    painter: QPainter, theme: Theme, left: float, middle: float, keys: str, token: str = "text2", edge: str = "edge"
) -> float:
    """A key cap from `left`, centred on `middle`; returns its width."""
    width = keycap_width(theme, keys)
    height = theme.px(18)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = QRectF(left, middle - height / 2, width, height)
    painter.setPen(QPen(theme.color(edge), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
    paint_text(painter, theme, box, keys, "cap", token, CENTRE)
    painter.restore()
    return width
