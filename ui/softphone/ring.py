"""The ring bar: covers strip and clocks on every page, never takes the focus, and has the one filled button."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui import figures, icons
from ui.i18n import tr
from ui.softphone import caller
from ui.softphone.wall import WallClock
from ui.theme import Theme, clock_state
from ui.widgets.basic import Button, Label
from workstation.domain.rows import RingView

PULSE_MS = 1000


class RingIcon(QWidget):
    """The block with the bell (or the struck phone), the one thing on the screen that moves: 1 Hz, 1 to .72."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.name = "bell"
        self.dim = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(84), self.theme.px(42))

    def show_icon(self, name: str) -> None:
        if name != self.name:
            self.name = name
            self.update()

    def pulse(self, since_ms: int) -> None:
        dim = not self.theme.calm and since_ms % PULSE_MS >= PULSE_MS // 2
        if dim != self.dim:
            self.dim = dim
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("bg1"))
        painter.setOpacity(0.72 if self.dim else 1.0)
        painter.fillRect(self.rect(), self.theme.color("accent"))
        painter.setOpacity(1.0)
        side = min(self.theme.px(38), self.height() - 10)
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        icons.paint_icon(painter, self.theme, self.name, box, "onAccent")


class RingClock(QWidget):
    """How long it has been ringing against the target, with a bar."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.elapsed_s = 0.0
        self.target_s = 15.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(112), self.theme.px(80))

    minimumSizeHint = sizeHint

    def show_time(self, elapsed_s: float, target_s: float) -> None:
        self.elapsed_s, self.target_s = max(0.0, elapsed_s), target_s
        self.setAccessibleName(f"{tr('ring.ringing')} {figures.clock(self.elapsed_s)}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = clock_state(self.elapsed_s, self.target_s)
        token = {"plain": "text", "amber": "amber", "breach": "red"}[state]
        height, middle = self.height(), self.height() / 2
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text2"))
        top = QRectF(0, middle - theme.px(38), self.width(), theme.px(20))
        painter.drawText(top, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), tr("ring.ringing"))
        painter.setFont(theme.font("ring"))
        painter.setPen(theme.color(token))
        big = QRectF(0, middle - theme.px(18), self.width(), theme.px(36))
        painter.drawText(
            big, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), figures.clock(self.elapsed_s)
        )
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text2"))
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(big.adjusted(0, theme.px(8), 0, theme.px(2)), right, f"/{figures.clock(self.target_s)}")
        bar = QRectF(0, min(height - 6.0, middle + theme.px(23)), self.width(), theme.px(5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("bg0"))
        painter.drawRoundedRect(bar, 2, 2)
        share = min(1.0, self.elapsed_s / self.target_s) if self.target_s else 0
        painter.setBrush(theme.color("accent" if state == "plain" else token))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * share, bar.height()), 2, 2)


class RingBar(QFrame):
    """One ringing offer.

    Signals:
        answer(): the button was pressed; F2 does the same.
    """

    answer = Signal()

    def __init__(self, theme: Theme, wall: WallClock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.ring: RingView | None = None
        self.more = 0
        self._signed_in = True
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.icon = RingIcon(theme)
        self.head = Label(theme, "ring.incoming", role="body", token="text2", elide=True)
        self.number = Label(theme, role="ring")
        self.word = Label(theme, role="strong", token="text2", elide=True)
        self.clock = RingClock(theme)
        self.button = Button(theme, "action.answer", "F2", kind="go", icon="phone", height=56, role="caller_button")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.clicked.connect(self.answer)
        self.wall = wall
        words = QVBoxLayout()
        words.setSpacing(0)
        words.setContentsMargins(0, 0, 0, 0)
        words.addStretch(1)
        for label in (self.head, self.number, self.word):
            words.addWidget(label)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 1)
        row.setSpacing(0)
        row.addWidget(self.icon)
        row.addSpacing(18)
        row.addLayout(words, 1)
        row.addWidget(self.clock)
        row.addSpacing(24)
        row.addWidget(self.button)
        row.addSpacing(18)
        row.addWidget(wall)
        self.hide()

    def show_ring(self, ring: RingView, more: int, now_ms: int, signed_in: bool) -> None:
        """Show `ring` and how many others ring besides."""
        self.ring, self.more, self._signed_in = ring, more, signed_in
        self._words()
        self.tick(now_ms)

    def _words(self) -> None:
        ring = self.ring
        if ring is None:
            return
        back = caller.can_call_back(ring.number, ring.identity)
        self.icon.show_icon("no-sim" if ring.identity == "no_sim" else "bell")
        self.number.show_text(caller.number(ring.number, ring.identity))
        head = tr("ring.incoming")
        if ring.dialled:
            head += f" · {tr('caller.to', number=figures.plain(ring.dialled, 24))}"
        if self.more:
            head += f" · {tr('ring.more', n=self.more)}"
        self.head.show_text(head)
        if not self._signed_in:
            self.word.show_text(tr("ring.nobody"))
            self.word.tint("amber")
        elif not back:
            keep = tr("ring.keep_the_line") if self.theme.scale < 1.75 else tr("ring.keep_short")
            self.word.show_text(f"{caller.kind(ring.identity)}. {keep}")
            self.word.tint("amber")
        else:
            name = figures.plain(ring.display, 40)
            self.word.show_text(" · ".join(part for part in (caller.kind(ring.identity), name) if part))
            self.word.tint("text2")
        self.setAccessibleName(f"{head}. {self.number.text()}. {self.word.text()}")

    def tick(self, now_ms: int, target_s: float = 15.0) -> None:
        if self.ring is not None:
            since = max(0, now_ms - self.ring.rang_at)
            self.icon.pulse(since)
            self.clock.show_time(since / 1000, target_s)

    def compact(self, on: bool) -> None:
        """The second ring while talking: one line in the clocks' zone."""
        self.head.setVisible(not on)
        self.word.setVisible(not on)
        self.clock.setVisible(not on)
        large = self.theme.scale >= 1.75
        self.wall.setVisible(not on and not large)
        self.number.tint("text", "caller" if on else "timer" if large else "ring")
        self.button.shrink(30 if on else 56, "strong" if on else "caller_button")

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._words()
        super().changeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # a press beside the button reaches nothing underneath

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("tint"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self.theme.color("accent"))
