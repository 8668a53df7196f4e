"""The program's own icons: SVG on a 20 grid, stroke 1.6, drawn in a palette colour at the size asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

import resources
from ui.theme import Theme


@lru_cache(maxsize=1)
def _sources() -> Mapping[str, str]:
    """Every drawing, read in one go before the window shows: a paint must never wait for a disk."""
    return {path.stem: path.read_text(encoding="utf-8") for path in resources.path("icons").glob("*.svg")}


@lru_cache(maxsize=512)
def _renderer(name: str, color: str) -> QSvgRenderer:
    """A parsed drawing per colour: parsing on each paint would show at ten repaints a second."""
    return QSvgRenderer(QByteArray(_sources()[name].replace("currentColor", color).encode()))


def names() -> list[str]:
    """Every icon there is, sorted."""
    return sorted(_sources())


def paint_icon(painter: QPainter, theme: Theme, name: str, box: QRectF, token: str = "text2") -> None:
    """Draw icon `name` into `box` in the colour of `token`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, theme.color(token).name()).render(painter, box)
    painter.restore()


def pixmap(theme: Theme, name: str, token: str = "text2", px: float = 16, ratio: float = 2.0) -> QPixmap:
    """Icon `name` as a pixmap of `px` (at 100 % text), sharp up to the device pixel `ratio`."""
    side = theme.px(px)
    image = QPixmap(round(side * ratio), round(side * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    _renderer(name, QColor(theme.color(token)).name()).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return image


def icon(theme: Theme, name: str, token: str = "text2", px: float = 16) -> QIcon:
    """Icon `name` for a button or a menu, in the colour of `token`."""
    made = QIcon(pixmap(theme, name, token, px))
    made.addPixmap(pixmap(theme, name, "text3", px), QIcon.Mode.Disabled)
    return made
