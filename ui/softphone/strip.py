"""The strip on top of every page: ready, talking, held, wrapping up, or that the line is not registered."""

from __future__ import annotations

from msgspec import Struct
from PySide6.QtCore import QEvent, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui import figures, icons
from ui.i18n import said, tr
from ui.softphone import caller
from ui.softphone.meter import LevelMeter
from ui.softphone.wall import WallClock
from ui.theme import Theme
from ui.widgets.basic import Button, Label, Line
from workstation.domain.rows import PhoneState


class OnLine(Struct, frozen=True):
    """What the strip says of the call at hand; `earlier_24h` None = not looked up yet."""

    number: str
    identity: str
    dialled: str
    earlier_24h: int | None
    incident_number: str = ""
    ended_at: int | None = None
    answered_at: int | None = None


class StateMark(QWidget):
    """The round mark at the left: ready, talking, held, writing, line lost."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.name, self.token, self.fill = "phone", "text2", "bg2"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(38), self.theme.px(38))

    minimumSizeHint = sizeHint

    def show_state(self, name: str, token: str, fill: str) -> None:
        if (name, token, fill) != (self.name, self.token, self.fill):
            self.name, self.token, self.fill = name, token, fill
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = self.token if self.token in ("accent", "amber", "red") else "edge"
        painter.setPen(QPen(theme.color(edge), 1.2))
        painter.setBrush(theme.color(self.fill))
        painter.drawEllipse(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        side = theme.px(18)
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        icons.paint_icon(painter, theme, self.name, box, self.token)


class Strip(QFrame):
    """Line, caller, timer, levels, and the keys of the conversation.

    Signals:
        mute(), hold(), hang_up(), done(): the buttons; F4, F3, F12, Ctrl+D do the same.
    """

    mute = Signal()
    hold = Signal()
    hang_up = Signal()
    done = Signal()

    def __init__(self, theme: Theme, wall: WallClock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.wall = wall
        self.state: PhoneState | None = None
        self.on_line: OnLine | None = None
        self.wrap_target_s = 90
        self.ring_outputs: tuple[str, ...] = ()
        self._now = 0
        self.mark = StateMark(theme)
        self.head = Label(theme, role="caller")
        self.under = Label(theme, role="body", token="text2", elide=True)
        self.line_before_timer = Line(theme, vertical=True)
        self.timer = Label(theme, role="timer")
        self.you = LevelMeter(theme, "meter.you")
        self.caller = LevelMeter(theme, "meter.caller")
        self.b_mute = Button(theme, "action.mute", "F4", icon="mic-off")
        self.b_hold = Button(theme, "action.hold", "F3", icon="hold")
        self.b_hang = Button(theme, "action.hang_up", "F12", kind="danger", icon="phone-down")
        self.b_done = Button(theme, "action.done", "Ctrl D", icon="tick")
        self.b_mute.setCheckable(True)
        self.b_hold.setCheckable(True)
        for button, signal in (
            (self.b_mute, self.mute),
            (self.b_hold, self.hold),
            (self.b_hang, self.hang_up),
            (self.b_done, self.done),
        ):
            button.clicked.connect(signal)
        self._build()
        theme.changed.connect(self._restyle)
        self._restyle()

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(self.head)
        words.addWidget(self.under)
        words.addStretch(1)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(16, 0, 0, 0)
        self.row.setSpacing(14)
        self.row.addWidget(self.mark)
        self.row.addLayout(words, 1)
        self.row.addWidget(self.line_before_timer)
        self.row.addWidget(self.timer)
        self.row.addWidget(self.you)
        self.row.addWidget(self.caller)
        self.spring = QWidget()
        self.spring.setFixedWidth(30)
        self.row.addWidget(self.spring)
        for button in (self.b_mute, self.b_hold, self.b_hang, self.b_done):
            self.row.addWidget(button)
        self.row.addWidget(self.wall)

    def _restyle(self) -> None:
        large = self.theme.scale >= 1.75
        self.mark.setVisible(not large)
        self.under.setVisible(not large)
        self.spring.setVisible(self.theme.scale < 1.25)
        for button, icon in ((self.b_mute, "mic-off"), (self.b_hold, "hold"), (self.b_hang, "phone-down")):
            button.show_icon(icon if self.theme.scale < 1.25 else "")
        self.row.setSpacing(14 if self.theme.scale < 1.25 else 10)
        self._parts()

    # ---------------------------------------------------------------- showing
    def show_state(self, state: PhoneState | None, on_line: OnLine | None, now_ms: int) -> None:
        """Show the line's state and the call at hand; `on_line` with `ended_at` is the wrap-up after it."""
        self.state, self.on_line = state, on_line
        self._words()
        self._parts()
        self.tick(now_ms)

    @property
    def talking(self) -> bool:
        return self.state is not None and self.state.talking is not None

    @property
    def wrapping_up(self) -> bool:
        return not self.talking and self.on_line is not None

    def _parts(self) -> None:
        talking, small = self.talking, self.theme.scale < 1.25
        for part in (self.line_before_timer, self.timer, self.b_mute, self.b_hold, self.b_hang):
            part.setVisible(talking)
        for meter in (self.you, self.caller):
            meter.setVisible(talking and small)
        self.b_done.setVisible(self.wrapping_up)
        if self.state is not None:
            self.b_mute.setChecked(self.state.muted)
            self.b_hold.setChecked(self.state.held)
            self.b_hold.say("action.resume" if self.state.held else "action.hold")
            self.b_mute.say("action.unmute" if self.state.muted else "action.mute")

    def _words(self) -> None:
        state, call = self.state, self.on_line
        if call is not None and self.talking:
            held = state is not None and state.held
            self.mark.show_state("hold" if held else "phone", "amber" if held else "accent", "tint")
            self.head.show_text(caller.number(call.number, call.identity))
            under = caller.face(call.number, call.identity, call.dialled, call.earlier_24h)
            self.under.tint("text2" if caller.can_call_back(call.number, call.identity) else "amber")
        elif call is not None:
            self.mark.show_state("pen", "text2", "bg2")
            number = call.incident_number or caller.number(call.number, call.identity)
            self.head.show_text(tr("strip.writing", number=number))
            under = self._wrap_words()
            self.under.tint("text2")
        else:
            under = self._line_words()
        if state is not None and state.notice:
            under = figures.plain(said(state.notice))
            self.under.tint("amber")
        self.under.show_text(under)
        self.setAccessibleName(f"{self.head.text()}. {under}")

    def _wrap_words(self) -> str:
        call = self.on_line
        if call is None or call.ended_at is None:
            return tr("strip.writing_draft")
        length = figures.clock((call.ended_at - (call.answered_at or call.ended_at)) / 1000)
        left = self.wrap_target_s - (self._now - call.ended_at) / 1000
        key = "strip.wrap_up" if left >= 0 else "strip.wrap_up_past"
        return tr(key, length=length, left=figures.clock(left))

    def _line_words(self) -> str:
        """Ready, or honestly why a call may not ring here (promise P4)."""
        state = self.state
        if state is None or state.line == "off":
            self.mark.show_state("phone", "text3", "bg1")
            self.head.say("strip.no_phone")
            self.under.tint("text2")
            return tr("strip.no_phone_under")
        if state.line != "registered":
            self.mark.show_state("warn", "amber", "amberTint")
            self.head.say("strip.not_registered" if state.line == "failed" else "strip.registering")
            self.under.tint("amber")
            return figures.plain(said(state.sentence)) or tr("strip.may_not_ring")
        self.head.say("strip.ready" if state.may_ring else "strip.may_not_ring")
        self.mark.show_state(*(("phone", "text2", "bg2") if state.may_ring else ("warn", "amber", "amberTint")))
        self.under.tint("text2" if state.may_ring else "amber")
        parts = [tr("strip.registered"), self._where_it_rings(state)]
        return " · ".join(
            parts if state.may_ring else [figures.plain(said(state.sentence)) or tr("strip.no_proof"), parts[1]]
        )

    def _where_it_rings(self, state: PhoneState) -> str:
        """Every output where the settings name none; of named ones only what is set: one may not be plugged in."""
        if state.null_device:
            return tr("strip.null_device")
        if self.ring_outputs:
            return tr("strip.rings_on", outputs=", ".join(self.ring_outputs))
        return tr("strip.rings_everywhere")

    def levels(self, state: PhoneState) -> None:
        """The same state with other sound levels."""
        self.state = state
        self.you.show_level(0.0 if state.muted else state.tx_level)
        self.caller.show_level(state.rx_level)

    def tick(self, now_ms: int) -> None:
        self._now = now_ms
        state = self.state
        if state is not None and state.talking is not None:
            since = state.talking_since_at or now_ms
            self.timer.show_text(figures.timer((now_ms - since) / 1000))
            self.you.show_level(0.0 if state.muted else state.tx_level)
            self.caller.show_level(state.rx_level)
        elif self.wrapping_up and not (state is not None and state.notice):
            words = self._wrap_words()
            if words != self.under.text():
                self.under.show_text(words)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._words()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("bg1"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self.theme.color("line"))
