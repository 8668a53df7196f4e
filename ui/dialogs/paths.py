"""The way the data takes, drawn: this desk, the LAN while it stands in, the server; a broken line says since when."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import figures
from ui.bridge import Bridge
from ui.dialogs.courier import CourierLine
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Panel
from ui.widgets.pencil import CENTER, LEFT, RIGHT, Pencil
from workstation.domain.rows import LinkStatus
from workstation.service.desk import Desk

NOWHERE = LinkStatus("off", 0, None, "", 0, None, None)


_ALIGN = {2: (LEFT, RIGHT), 3: (LEFT, CENTER, RIGHT)}
NAMED_MOST = 4
"""Desks at hand that are named; more are counted."""


def _alive(names: tuple[str, ...]) -> str:
    if len(names) > NAMED_MOST:
        return tr("link.network_many", n=len(names))
    return tr("link.network_names", names=", ".join(figures.plain(name, 20) for name in names))


class PathPanel(Panel):
    """ "Jalur data": the panel over the unsent list."""

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "link.path", parent=parent)
        self.drawing = PathDrawing(desk, theme, self)
        self.courier = CourierLine(desk, bridge, theme, self)
        self.head.addWidget(self.courier.take)
        self.head.addWidget(self.courier.give)
        self.body.addWidget(self.drawing)
        self.body.addWidget(self.courier)
        self.body.setContentsMargins(12, 4, 16, 6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bridge.link.connect(self.drawing.show_link)


class PathDrawing(QWidget):
    """The boxes and the lines between them; read out as one sentence."""

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self._desk = theme, desk
        self._link = desk.status.status() if desk.status is not None else NOWHERE
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()
        self._say()

    def show_link(self, status: object) -> None:
        self._link = cast("LinkStatus", status)
        self._say()
        self.update()

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.px(100))

    def _say(self) -> None:
        self.setAccessibleName(tr("link.path"))
        self.setAccessibleDescription("; ".join(f"{name}: {detail}" for _, name, detail, _ in self._boxes()))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
            self.update()
        super().changeEvent(event)

    def _boxes(self) -> list[tuple[str, str, str, str]]:
        """Icon, name, what is known, colour: of this desk, of the desks at hand while there are any, of the server."""
        link = self._link
        at = figures.wall(link.since_at, seconds=False) if link.since_at else tr("link.never")
        here = tr("link.this_desk", n=link.unsent) if link.unsent else tr("link.this_desk_none")
        server = tr(f"link.server_{link.state}", at=at)
        server_token = {"up": "text", "off": "text3"}.get(link.state, "amber")
        server_icon = "server" if link.state == "up" else "server-off"
        lan = [("lan", tr("link.network"), _alive(link.beside), "text")] if link.beside else []
        return [
            ("desk", self._desk.name, here, "text"),
            *lan,
            (server_icon, tr("link.server"), server, server_token),
        ]

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        boxes = self._boxes()
        wide, half = self.width(), pencil.px(24)
        here, there = pencil.px(44), wide - pencil.px(60)
        stops = [here, wide * 0.42, there] if len(boxes) == 3 else [here, there]
        for start, end in pairwise(stops):
            good = end != there or self._link.state == "up"
            self._line(pencil, start + half + 4, end - half - 4, pencil.px(34), good=good)
        for x, box, align in zip(stops, boxes, _ALIGN[len(boxes)], strict=True):
            self._box(pencil, x, box, align)
        if self._link.through and len(boxes) == 2:
            address = figures.plain(self._link.through, 60)
            pencil.text(QRectF(0, pencil.px(60), wide, pencil.px(19)), address, "small", "text3", CENTER)
        painter.end()

    def _box(self, pencil: Pencil, x: float, box: tuple[str, str, str, str], align: Qt.AlignmentFlag) -> None:
        icon, name, detail, token = box
        middle, half, side, bad = pencil.px(34), pencil.px(24), pencil.px(22), token == "amber"
        frame = QRectF(x - half, middle - half + 2, 2 * half, 2 * half - 4)
        pencil.box(frame, "amberTint" if bad else "bg2", "amber" if bad else "edge", 4, 1.5)
        pencil.icon(x - side / 2, middle - side / 2, icon, token, 22)
        span = pencil.px(220)
        left = min(max(x - span / 2, 0), self.width() - span)
        pencil.text(QRectF(left, middle + pencil.px(26), span, pencil.px(19)), name, "strong", "text", align)
        token = "amber" if bad else "text2"
        pencil.text(QRectF(left, middle + pencil.px(44), span, pencil.px(18)), detail, "small", token, align)

    def _line(self, pencil: Pencil, start: float, end: float, y: float, *, good: bool) -> None:
        token = "text2" if good else "amber"
        pen = QPen(pencil.color(token), 2)
        if not good:
            pen.setDashPattern([3, 4])
        pencil.painter.setPen(pen)
        pencil.painter.drawLine(round(start), round(y), round(end), round(y))
        middle, room = (start + end) / 2, pencil.px(13)
        pencil.painter.setPen(Qt.PenStyle.NoPen)
        pencil.fill(QRectF(middle - room, y - room, 2 * room, 2 * room), "bg1")
        side = pencil.px(18)
        pencil.icon(middle - side / 2, y - side / 2, "tick" if good else "cross", token, 18)
