"""The rail at the left: the mark, the pages by Alt+1 to 8, and who sits here."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolBar, QToolButton, QWidget

from ui import icons
from ui.actions import PAGES, caps
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets import marks

ICONS = {
    "desk": "desk", "calls": "calls", "board": "board", "map": "map", "search": "search", "shift": "people",
    "handover": "handover", "unsent": "unsent",
}  # fmt: skip


class PageButton(QToolButton):
    """One page: icon, word and key; from 175 % icon and digit."""

    def __init__(self, theme: Theme, page: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.page = theme, page
        self.room = 1000  # px this button may take from the rail's height
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Alt and the digit reach it from everywhere
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr(f"page.{self.page}"))
        self.setAccessibleDescription(caps(f"page_{self.page}"))
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        large = self.theme.scale >= 1.75
        return QSize(71 if large else self.theme.px(67), min(self.room, 68 if large else self.theme.px(62)))

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter, on = self.theme, QPainter(self), self.isChecked()
        box = QRectF(self.rect())
        if on:
            painter.fillRect(box, theme.color("tint"))
            painter.fillRect(QRectF(0, 0, 3, box.height()), theme.color("accent"))
        elif self.underMouse():
            painter.fillRect(box, theme.color("bg2"))
        token = "text" if on else "text2" if self.isEnabled() else "text3"
        if theme.scale >= 1.75:
            side = theme.px(17)
            icons.paint_icon(painter, theme, ICONS[self.page], QRectF((box.width() - side) / 2, 6, side, side), token)
            digit = caps(f"page_{self.page}")[-1]
            under = QRectF(0, 6 + side, box.width(), box.height() - side - 8)
            marks.paint_text(painter, theme, under, digit, "small_strong" if on else "small", token, marks.CENTRE)
            return
        side = theme.px(20)
        if box.height() < theme.px(54):
            self._paint_close(painter, box, side, token, on)
            return
        spare = min(0.0, box.height() - theme.px(62)) / 3
        left = (box.width() - side) / 2
        icons.paint_icon(painter, theme, ICONS[self.page], QRectF(left, theme.px(8) + spare, side, side), token)
        word = QRectF(1, theme.px(29) + 1.5 * spare, box.width() - 2, theme.px(17))
        marks.paint_text(painter, theme, word, tr(f"page.{self.page}"), "strong" if on else "body", token, marks.CENTRE)
        keys = QRectF(1, theme.px(43) + 2 * spare, box.width() - 2, theme.px(15))
        marks.paint_text(
            painter, theme, keys, caps(f"page_{self.page}"), "hint", token if not on else "text2", marks.CENTRE
        )

    def _paint_close(self, painter: QPainter, box: QRectF, side: int, token: str, on: bool) -> None:
        """With little height: icon and digit beside each other, the word under them."""
        theme = self.theme
        top = (box.height() - side - theme.px(18)) / 2
        digit = caps(f"page_{self.page}")[-1]
        wide = side + theme.px(14)
        left = (box.width() - wide) / 2
        icons.paint_icon(painter, theme, ICONS[self.page], QRectF(left, top, side, side), token)
        beside = QRectF(left + side, top, theme.px(14), side)
        marks.paint_text(painter, theme, beside, digit, "hint", "text2", marks.RIGHT)
        word = QRectF(1, top + side, box.width() - 2, theme.px(18))
        marks.paint_text(painter, theme, word, tr(f"page.{self.page}"), "strong" if on else "body", token, marks.CENTRE)


class Mark(QWidget):
    """The shell that calls a village together."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setAccessibleName("Tahuri")

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(67), self.theme.px(62) if self.theme.scale < 1.75 else 104)

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        side = self.theme.px(26)
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        icons.paint_icon(QPainter(self), self.theme, "shell", box, "accent")


class PersonBadge(QToolButton):
    """Who sits here: initials in a ring, the desk's name under it. A press signs in or out."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.person, self.desk = "", ""
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.retranslate()

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(67), self.theme.px(60))

    minimumSizeHint = sizeHint

    def show_person(self, person: str, desk: str) -> None:
        self.person, self.desk = person, desk
        self.retranslate()

    def retranslate(self) -> None:
        who = tr("rail.person", name=self.person, desk=self.desk) if self.person else tr("rail.nobody")
        self.setAccessibleName(who)
        self.setToolTip(who)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def initials(self) -> str:
        words = self.person.split()
        return "".join(word[0] for word in words[:2]).upper() if words else "–"

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = theme.px(30)
        ring = QRectF((self.width() - side) / 2, theme.px(2), side, side)
        painter.setPen(QPen(theme.color("edge" if self.person else "amber"), 1.2))
        painter.setBrush(theme.color("bg2"))
        painter.drawEllipse(ring)
        marks.paint_text(painter, theme, ring, self.initials(), "small_strong", "text", marks.CENTRE)
        under = QRectF(1, theme.px(35), self.width() - 2, theme.px(17))
        words = self.desk if self.person else tr("page.sign_in")
        marks.paint_text(painter, theme, under, words, "small", "text2" if self.person else "amber", marks.CENTRE)


class Rail(QToolBar):
    """Pages top to bottom.

    Signals:
        chosen(str): a page.
        person_pressed(): the badge at the foot.
    """

    chosen = Signal(str)
    person_pressed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setOrientation(Qt.Orientation.Vertical)
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setStyleSheet("QToolBar { border: none; padding: 0; margin: 0; spacing: 0; background: transparent; }")
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        self.mark = Mark(theme)
        self.addWidget(self.mark)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, PageButton] = {}
        for page in PAGES:
            button = PageButton(theme, page)
            button.clicked.connect(lambda _on=False, page=page: self.chosen.emit(page))
            self.group.addButton(button)
            self.addWidget(button)
            self.buttons[page] = button
        spring = QWidget()
        spring.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.addWidget(spring)
        self.badge = PersonBadge(theme)
        self.badge.clicked.connect(lambda _on=False: self.person_pressed.emit())
        self.badge_place = self.addWidget(self.badge)
        self.retranslate()

    def show_page(self, page: str) -> None:
        """Mark a page; one without a place in the rail leaves none marked."""
        self.group.setExclusive(False)
        for name, button in self.buttons.items():
            button.setChecked(name == page)
        self.group.setExclusive(True)

    def fit(self, height: int) -> None:
        """Share the window's height: with large text the pages come closer, and from 175 % the badge gives way."""
        large = self.theme.scale >= 1.75
        self.badge_place.setVisible(not large)
        rest = height - self.mark.sizeHint().height() - (0 if large else self.badge.sizeHint().height()) - 8
        for button in self.buttons.values():
            button.room = max(44, rest // len(self.buttons))
            button.updateGeometry()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("rail.name"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("bg1"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), self.theme.color("line"))
