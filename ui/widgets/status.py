"""The honest status bar: the way to the server, what is not there yet and since when, the last save, the sound."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QStatusBar, QWidget

from ui import figures, icons
from ui.actions import caps
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Keycap, Label
from workstation.domain.rows import LinkStatus, PhoneState

CLOCK_WARN_MS = 5000


class Word(QWidget):
    """An icon and a sentence; amber when the sentence is a warning."""

    def __init__(self, theme: Theme, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.icon, self.text, self.token = theme, icon, "", "text2"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        wide = marks.text_width(self.theme, self.text, self._role()) + self.theme.px(14 + 8 + 14)
        return QSize(round(wide) + 2, self.theme.px(22))

    minimumSizeHint = sizeHint

    def _role(self) -> str:
        return "strong" if self.token in ("amber", "red") else "body"

    def say(self, text: str, token: str = "text2", icon: str = "") -> None:
        if (text, token, icon or self.icon) != (self.text, self.token, self.icon):
            self.text, self.token, self.icon = text, token, icon or self.icon
            self.setAccessibleName(text)
            self.updateGeometry()
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        side = theme.px(14)
        box = QRectF(0, (self.height() - side) / 2, side, side)
        icons.paint_icon(painter, theme, self.icon, box, self.token)
        words = QRectF(side + theme.px(7), 0, self.width() - side - theme.px(7), self.height())
        marks.paint_text(painter, theme, words, self.text, self._role(), self.token)


class StatusBar(QStatusBar):
    """One line at the foot of every page. Never green, never "on the server" before the server's word."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.link: LinkStatus | None = None
        self.phone: PhoneState | None = None
        self.saved_at: int | None = None
        self.saving = False
        self.not_saved = False
        self.now_ms = 0
        self.setSizeGripEnabled(False)
        self.w_link = Word(theme, "server")
        self.w_lan = Word(theme, "lan")
        self.w_lan.hide()
        self.w_saved = Word(theme, "disk")
        self.w_sound = Word(theme, "headset")
        self.w_clock = Word(theme, "clock")
        self.w_plain = Word(theme, "warn")
        self.w_plain.hide()
        self.plain = False
        self.w_care = Word(theme, "warn")
        self.w_care.hide()
        self.care = False
        for part in (
            self.w_plain, self.w_care, self.w_link, self.w_lan, self.w_saved, self.w_sound, self.w_clock,
        ):  # fmt: skip
            self.addWidget(part)
        self.cap = Keycap(theme, caps("help"))
        self.help = Label(theme, "action.help", role="body", token="text2")
        self.addPermanentWidget(self.cap)
        self.addPermanentWidget(self.help)
        self._measure()
        theme.changed.connect(self._measure)
        self.retranslate()

    def _measure(self) -> None:
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(16, 0, 14, 0)
            layout.setSpacing(14)

    def show_link(self, link: LinkStatus | None, now_ms: int) -> None:
        self.link = link
        self.tick(now_ms)

    def show_phone(self, phone: PhoneState | None) -> None:
        self.phone = phone
        self.tick(self.now_ms)

    def show_plain(self, plain: bool) -> None:
        """Say, or not, that whoever takes this machine's disk can read the record (promise D1)."""
        self.plain = plain
        self.tick(self.now_ms)

    def show_care(self, care: bool) -> None:
        """Say, or not, that something about the record itself is to be seen to."""
        self.care = care
        self.tick(self.now_ms)

    def show_saved(self, saved_at: int | None, saving: bool, failed: bool = False) -> None:
        self.saved_at, self.saving, self.not_saved = saved_at or self.saved_at, saving, failed
        self.tick(self.now_ms)

    def tick(self, now_ms: int) -> None:
        self.now_ms = now_ms or self.now_ms
        self._say_link()
        self._say_lan()
        self._say_saved()
        self.w_plain.setVisible(self.plain)
        if self.plain:
            self.w_plain.say(tr("status.plain"), "amber")
        self.w_care.setVisible(self.care)
        if self.care:
            self.w_care.say(tr("status.care"), "amber")
        if self.phone is None or self.phone.line == "off" or self.phone.null_device:
            null = self.phone is not None and self.phone.null_device
            self.w_sound.say(tr("status.no_sound"), "amber" if null else "text2", "headset-off")
        else:
            self.w_sound.say(figures.plain(self.phone.output, 28) or tr("status.headset"), "text2", "headset")
        self.w_sound.setVisible(self.theme.scale < 1.75)
        offset = self.link.clock_offset_ms if self.link else None
        off = offset is not None and abs(offset) >= CLOCK_WARN_MS
        self.w_clock.setVisible(off)
        if off and offset is not None:
            self.w_clock.say(tr("status.clock_off", s=round(abs(offset) / 1000)), "amber")

    def _say_link(self) -> None:
        link = self.link
        if link is None:
            self.w_link.say(tr("status.off"), "text2", "server-off")
            return
        parts = []
        token, icon = "text2", "server"
        if link.state == "up":
            parts.append(tr("status.up"))
            if link.arriving is not None:
                parts.append(tr("status.arriving", percent=link.arriving))
        elif link.state == "down":
            parts.append(tr("status.down", age=figures.age((self.now_ms - link.since_at) / 1000)))
            token, icon = "amber", "server-off"
        elif link.state == "refused":
            parts.append(tr("status.refused"))
            token, icon = "red", "server-off"
        else:
            parts.append(tr("status.off"))
            icon = "server-off"
        if link.parted:
            parts.append(tr("status.parted", names=figures.plain(", ".join(link.parted), 40)))
            token = "red" if token == "red" else "amber"
        waiting = tr("status.unsent", n=link.unsent)
        if link.unsent and link.oldest_unsent_at is not None:
            oldest = max(0, self.now_ms - link.oldest_unsent_at) / 1000
            waiting += f", {tr('status.oldest', age=figures.age(oldest))}"
        parts.append(waiting)
        self.w_link.say(" · ".join(parts), token, icon)

    def _say_lan(self) -> None:
        """Desks reached directly, while there are any; their number counts only those at hand."""
        beside = len(self.link.beside) if self.link is not None else 0
        self.w_lan.setVisible(beside > 0)
        if beside:
            self.w_lan.say(tr("status.lan", n=beside))

    def _say_saved(self) -> None:
        if self.not_saved:
            self.w_saved.say(tr("status.not_saved"), "red")
        elif self.saving:
            self.w_saved.say(tr("status.saving"))
        elif self.saved_at is None:
            self.w_saved.say(tr("status.nothing_saved"))
        else:
            seconds = max(0, self.now_ms - self.saved_at) / 1000
            age = f"{figures.number(seconds, 1)} {tr('unit.second')}" if seconds < 10 else figures.age(seconds)
            self.w_saved.say(tr("status.saved", age=age))

    def retranslate(self) -> None:
        self.setAccessibleName(tr("status.name"))
        self.tick(self.now_ms)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("bg1"))
        painter.fillRect(0, 0, self.width(), 1, self.theme.color("line"))
