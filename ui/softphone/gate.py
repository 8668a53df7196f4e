"""What kind of call it is, by one key: the gate keys, and the bar that takes a type back for 30 s."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from ui import figures, icons
from ui.actions import caps
from ui.i18n import tr
from ui.theme import Theme, clock_state
from ui.widgets import marks
from ui.widgets.basic import Button, Label, paint_box

NOISE = ("prank", "silent", "wrong_number", "test")
STAY = ("information", "report")


class KeyFirst(Button):
    """A gate key: its cap first, then its word; strong edge when it is the call's type."""

    def sizeHint(self) -> QSize:
        theme = self.theme
        role, pad = self._close()
        wide = marks.keycap_width(theme, self.keys) + marks.text_width(theme, self.word(), role) + 2 * pad + theme.px(9)
        return QSize(round(wide) + 1, theme.px(32))

    minimumSizeHint = sizeHint

    def _close(self) -> tuple[str, int]:
        """Text role and padding: with large text the keys stand closer."""
        return ("strong", self.theme.px(10)) if self.theme.scale < 1.5 else ("small_strong", self.theme.px(5))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, edge, text = self._tokens()
        role, pad = self._close()
        if self.kind != "quiet" or self.underMouse():
            paint_box(painter, theme, QRectF(self.rect()), fill, edge, self.hasFocus() or self.isChecked())
        cap = marks.paint_keycap(painter, theme, pad, self.height() / 2, self.keys, text)
        room = QRectF(pad + theme.px(8) + cap, 0, self.width() - cap - pad - theme.px(8), self.height())
        marks.paint_text(painter, theme, room, self.word(), role, text)


class GateBar(QFrame):
    """Shown from the answer until location or type is typed or a key of it is pressed.

    Signals:
        chosen(str): the call type of the key pressed (prank, silent, …); F5-F10 do the same.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.elapsed_s: float | None = None
        self.target_s = 15
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 0, 1)
        row.setSpacing(6)
        self.heads = [Label(theme, f"gate.{key}", role="small", token="text2") for key in ("type_it", "stay")]
        row.addWidget(self.heads[0])
        row.addSpacing(6)
        self.buttons: dict[str, KeyFirst] = {}
        for name in NOISE:
            row.addWidget(self._button(name))
        row.addSpacing(12)
        row.addWidget(self.heads[1])
        row.addSpacing(6)
        for name in STAY:
            row.addWidget(self._button(name))
        row.addSpacing(12)
        row.addWidget(Label(theme, "gate.typing_is_emergency", role="small", token="text2", elide=True), 1)
        self.clock = GateClock(theme)
        row.addWidget(self.clock)
        self._measure()
        theme.changed.connect(self._measure)

    def _measure(self) -> None:
        """The keys stay whole; with large text their headings and the clock give way."""
        for head in self.heads:
            head.setVisible(self.theme.scale < 1.5)
        self.clock.setVisible(self.theme.scale < 1.75)

    def _button(self, name: str) -> KeyFirst:
        button = KeyFirst(self.theme, f"action.{name}", caps(name))
        button.setCheckable(True)
        button.clicked.connect(lambda _on=False: self.chosen.emit(name))
        self.buttons[name] = button
        return button

    def show_type(self, call_type: str) -> None:
        for name, button in self.buttons.items():
            button.setChecked(name == call_type)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.color("bg1"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self.theme.color("line"))


class GateClock(QWidget):
    """The gate's own clock at the right end: 15 s from the answer."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.words, self.text, self.state, self.share = "", "", "plain", 0.0
        self.target_s = 15
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(126), self.theme.px(42))

    minimumSizeHint = sizeHint

    def show_time(self, words: str, elapsed_s: float, target_s: int) -> None:
        state = clock_state(elapsed_s, target_s)
        text = figures.past(elapsed_s - target_s) if state == "breach" else figures.clock(elapsed_s)
        share = min(1.0, elapsed_s / target_s) if target_s else 0.0
        shown = (words, text, state, round(share, 2))
        if shown != (self.words, self.text, self.state, round(self.share, 2)):
            self.words, self.text, self.state, self.share, self.target_s = words, text, state, share, target_s
            self.setAccessibleName(f"{words} {text} / {figures.clock(target_s)}")
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        token = {"plain": "text", "amber": "amber", "breach": "red"}[self.state]
        line = QRectF(0, theme.px(5), self.width() - theme.px(14), theme.px(24))
        marks.paint_text(painter, theme, line, self.words, "strong", token)
        target = f"/{figures.clock(self.target_s)}"
        marks.paint_text(painter, theme, line, target, "small", "text3", marks.RIGHT)
        wide = marks.text_width(theme, target, "small")
        marks.paint_text(painter, theme, line.adjusted(0, 0, -wide - 2, 0), self.text, "strong", token, marks.RIGHT)
        bar = QRectF(0, self.height() - theme.px(9), line.width(), theme.px(4))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("bg3"))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        painter.setBrush(theme.color({"plain": "accent", "amber": "amberFill", "breach": "redFill"}[self.state]))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * self.share, bar.height()), 1.5, 1.5)


class UndoBar(QFrame):
    """After a type by one key: what was saved, that the line is open, and for 30 s the way back (promise U7).

    Signals:
        taken_back(): the operator wants the type back; Ctrl+Z does the same.
    """

    taken_back = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.since_ms = 0
        self.lasts_ms = int(theme.tokens["size"]["undo_ms"])
        self.name = ""
        self.open_line = True
        self._left = 1.0
        self.words = Label(theme, role="input_strong")
        self.line = Label(theme, role="body", token="text2", elide=True)
        self.way_back = KeyFirst(theme, "", "Ctrl Z", kind="quiet")
        self.way_back.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.way_back.clicked.connect(self.taken_back)
        row = QHBoxLayout(self)
        row.setContentsMargins(42, 0, 12, 2)
        row.setSpacing(8)
        row.addWidget(self.words)
        row.addSpacing(38)
        row.addWidget(self.line, 1)
        row.addWidget(self.way_back)
        self.hide()

    def show_type(self, name: str, now_ms: int, open_line: bool) -> None:
        """Start the 30 s for a call just typed `name`."""
        self.name, self.since_ms, self.open_line = name, now_ms, open_line
        self._watch_keys(True)
        self._words()
        self.show()
        self.raise_()
        self.tick(now_ms)

    def line_closed(self) -> None:
        self.open_line = False
        self._words()

    def _words(self) -> None:
        if not self.name:
            return
        key = "undo.saved_open" if self.open_line else "undo.saved"
        self.words.show_text(tr(key, type=tr(f"action.{self.name}"), key=caps(self.name)))
        self.line.show_text(tr("undo.line_open") if self.open_line else tr("undo.line_closed"))
        self.setAccessibleName(f"{self.words.text()}. {self.line.text()}")

    @property
    def running(self) -> bool:
        return bool(self.name)

    def tick(self, now_ms: int) -> None:
        if not self.name:
            return
        left_ms = self.since_ms + self.lasts_ms - now_ms
        if left_ms <= 0:
            self.stop()
            return
        self.way_back.say("undo.left", time=figures.clock((left_ms + 999) // 1000))
        left = round(left_ms / self.lasts_ms, 2)
        if left != self._left:
            self._left = left
            self.update(0, self.height() - 4, self.width(), 4)

    def stop(self) -> None:
        self.name = ""
        self._watch_keys(False)
        self.hide()

    def _watch_keys(self, on: bool) -> None:
        """See every event of the application only while it matters: each one passes through Python."""
        app = QCoreApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
            if on:
                app.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """A text field would take Ctrl+Z for itself; while a type can be taken back, the key means that."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            undoes = event.matches(QKeySequence.StandardKey.Undo)
            if undoes:
                event.ignore()
            return undoes
        return False

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._words()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_box(painter, theme, QRectF(self.rect()), "tint", "accent", radius=4)
        side = theme.px(18)
        icons.paint_icon(painter, theme, "tick", QRectF(13, (self.height() - side) / 2, side, side), "accent")
        painter.fillRect(QRectF(1, self.height() - 3, (self.width() - 2) * self._left, 2), theme.color("accent"))
