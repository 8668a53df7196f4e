"""The bar over the work while the server can't be reached: since when, what still works, what is unsent."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QEvent, QRectF, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from ui import figures
from ui.bridge import Bridge
from ui.i18n import said, tr
from ui.icons import paint_icon
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label
from workstation.domain.rows import LinkStatus
from workstation.service.desk import Desk

TROUBLE = ("down", "refused")


class LinkBanner(QWidget):
    """44 px of amber over the work; it has its own place in the window, so nothing under it moves when it comes.

    Signals:
        asked(): the person wants to see what is not sent (the same as Alt 8).
        shown(bool): the banner came or went, for the window's layout.
    """

    asked = Signal()
    shown = Signal(bool)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._status: LinkStatus | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.px(46), 0, 14, 0)
        row.setSpacing(10)
        self._title = Label(theme, role="board_type", parent=self)
        self._detail = Label(theme, role="body", token="text2", parent=self)
        self._detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._button = _Way(theme, self)
        self._button.clicked.connect(self.asked)
        row.addWidget(self._title)
        row.addWidget(self._detail, 1)
        row.addStretch()
        row.addWidget(self._button)
        theme.changed.connect(self._measure)
        bridge.link.connect(self.show_link)
        self.hide()
        self._measure()
        status = desk.status.status() if desk.status is not None else None
        if status is not None:
            self.show_link(status)

    def show_link(self, status: object) -> None:
        """Takes the state of the way to the hub; the bar is there exactly while it is down or refused."""
        link = cast("LinkStatus", status)
        self._status = link
        trouble = link.state in TROUBLE
        self._words()
        if trouble == self.isHidden():
            self.setVisible(trouble)
            self.shown.emit(trouble)
        self.update()

    def _words(self) -> None:
        link = self._status
        if link is not None and link.state in TROUBLE:
            at = figures.wall(link.since_at, seconds=False)
            self._title.say("link.refused" if link.state == "refused" else "link.down", at=at)
            if link.state == "refused" and link.sentence:
                self._detail.show_text(figures.plain(said(link.sentence)))
            else:
                self._detail.say("link.down_lan" if link.beside else "link.down_detail")
            self._button.say(link.unsent)
        self._fit()

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.size("banner"))
        font = QFont(self.theme.font("board_type"))
        font.setWeight(font.Weight.DemiBold)
        self._title.setFont(font)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._words()

    def _fit(self) -> None:
        """The second sentence stands whole or not at all; since when and how much is unsent always stands."""
        taken = self.theme.px(46) + self._title.sizeHint().width() + self._button.width() + 40
        self._detail.setVisible(taken + self._detail.sizeHint().width() <= self.width())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("amberTint"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self.theme.color("amber"))
        side = self.theme.px(20)
        paint_icon(painter, self.theme, "server-off", QRectF(16, (self.height() - side) / 2, side, side), "amber")
        painter.end()


class _Way(QToolButton):
    """ "Alt 8  lihat 14 yang belum terkirim": text with its key, as wide as it needs."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme, self._count = theme, 0
        self._measure()
        theme.changed.connect(self._measure)

    def say(self, count: int) -> None:
        self._count = count
        self._measure()

    def _words(self) -> str:
        return tr("link.see_unsent", n=self._count)

    def _measure(self) -> None:
        wide = marks.keycap_width(self.theme, "Alt 8") + marks.text_width(self.theme, self._words(), "number")
        self.setFixedSize(round(wide) + self.theme.px(24), self.theme.px(28))
        self.setAccessibleName(self._words())
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._measure()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = self.height() / 2
        x = self.theme.px(6) + marks.paint_keycap(painter, self.theme, self.theme.px(6), middle, "Alt 8")
        box = QRectF(x + self.theme.px(10), 0, self.width(), self.height())
        marks.paint_text(painter, self.theme, box, self._words(), "number", "text")
        if self.hasFocus():
            painter.setPen(self.theme.color("accent"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)
        painter.end()
