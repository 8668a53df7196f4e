"""The sign-in page: who, then the PIN, checked at this desk without any server and off the screen's thread.

It shows nothing of the board, and it never stands in the way of a call: F2 answers while nobody is signed in, and a
wrong PIN changes nothing about that (promise P2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ui import figures
from ui.actions import caps
from ui.admin.people import PeopleGrid
from ui.bridge import Bridge
from ui.i18n import said, sentence_of, tr
from ui.theme import Theme
from ui.widgets.basic import Button, Keycap, Label, Panel
from ui.widgets.pencil import Pencil
from ui.widgets.scroll import Scrolling
from workstation.domain.rows import Person, PhoneState
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.service import people, views
from workstation.service.desk import Desk

RIGHT_WIDTH = 418
LARGE = 1.5  # text from here on: one column
QWIDGET_MOST = 16_777_215


class SignInPage(QWidget):
    """The page.

    Signals:
        signed_in(Person): somebody sits at this desk now.
    """

    signed_in = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self._bridge, self.theme = desk, bridge, theme
        self._person: Person | None = None
        self._checking = False
        self._telling = NOTHING
        self._build()
        bridge.changed.connect(self._changed)
        bridge.phone.connect(self._state.show_phone)
        bridge.phone.connect(self._ringing)
        theme.changed.connect(self._measure)
        self._measure()
        self._choose(None)
        self.refresh()

    # -------------------------------------------------- build
    def _build(self) -> None:
        theme = self.theme
        who = Panel(theme, "signin.title", "Alt O")
        self._in_now = Label(theme, role="small", token="text3")
        who.head.addWidget(self._in_now)
        self.grid = PeopleGrid(theme, self._desk.name)
        self.grid.chosen.connect(self._choose)
        self._nobody = Label(theme, "signin.none", token="text2", wrap=True)
        self._beyond = Label(theme, role="small", token="text3")
        who.body.addWidget(self._nobody)
        who.body.addWidget(self.grid, 1)
        who.body.addWidget(self._beyond)

        enter = Panel(theme, "signin.enter")
        self._name = Label(theme, role="caller")
        self._hint = Label(theme, "signin.pick", token="text2", wrap=True)
        self.secret = QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.secret.setMaxLength(people.SECRET_MOST)
        self.secret.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText)
        self.secret.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.secret.textChanged.connect(self._count)
        self.secret.returnPressed.connect(self.enter)
        self._counted = Label(theme, role="small", token="text3", parent=self.secret)
        inside = QHBoxLayout(self.secret)
        inside.setContentsMargins(8, 0, 10, 0)
        inside.addStretch(1)
        inside.addWidget(self._counted)
        self.button = Button(theme, "signin.enter", "Enter", kind="go", height=40)
        self.button.clicked.connect(self.enter)
        self._told = Label(theme, role="body", token="amber", wrap=True)
        never = Label(theme, "signin.never_locks", role="small", token="text3", wrap=True)
        for part in (self._name, self._hint, self.secret, self.button, self._told, never):
            enter.body.addWidget(part)
        enter.body.setSpacing(6)
        self._state = DeskState(self._desk, theme)

        self._right = QWidget()
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(8)
        right.addWidget(enter)
        right.addWidget(self._state, 1)
        content = QWidget(self)
        self._sides = QHBoxLayout(content)
        self._sides.setContentsMargins(0, 0, 0, 0)
        self._sides.setSpacing(8)
        self._sides.addWidget(who, 1)
        self._sides.addWidget(self._right)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        outer.addWidget(Scrolling(content), 1)
        outer.addWidget(self._make_hints())

    def _make_hints(self) -> QWidget:
        theme = self.theme
        self._hints = Panel(theme)
        row = QHBoxLayout()
        row.setSpacing(7)
        pairs: tuple[tuple[tuple[str, ...], str], ...] = (
            (("1", "signin.until", "+"), "signin.choose_hint"),
            (("Enter",), "signin.enter_hint"),
            (("F2",), "signin.answers"),
            ((caps("language"),), "signin.language_hint"),
            ((caps("palette"),), "signin.look_hint"),
        )
        for keys, words in pairs:
            for key in keys:
                small = Label(theme, key, role="small", token="text3") if "." in key else Keycap(theme, key)
                row.addWidget(small)
            row.addWidget(Label(theme, words, role="small", token="text2"))
            row.addSpacing(14)
        row.addStretch(1)
        self._hints.body.addLayout(row)
        self._hints.body.setContentsMargins(12, 0, 12, 0)
        return self._hints

    def _measure(self) -> None:
        theme = self.theme
        large = theme.scale >= LARGE
        # Large text: the PIN comes first, the people under it, and the page scrolls.
        order = QBoxLayout.Direction.BottomToTop if large else QBoxLayout.Direction.LeftToRight
        self._sides.setDirection(order)
        self._right.setMinimumWidth(0 if large else theme.px(RIGHT_WIDTH))
        self._right.setMaximumWidth(QWIDGET_MOST if large else theme.px(RIGHT_WIDTH))
        self._state.setVisible(not large)
        self._hints.setVisible(not large)
        self.secret.setFixedHeight(theme.px(44))
        self.secret.setFont(theme.font("caller"))
        self._hints.setFixedHeight(theme.px(38))

    # -------------------------------------------------- roster
    def refresh(self) -> None:
        self._bridge.ask(self._desk.see(views.roster), self.show_people)

    def show_people(self, roster: object) -> None:
        """Takes the roster: who is signed in elsewhere is shown, and may still sign in here."""
        listed = tuple(cast("Sequence[Person]", roster))
        chosen = self._person.uid if self._person else b""
        self.grid.show_people(listed, chosen)
        self._nobody.setVisible(not listed)
        self._in_now.setVisible(bool(listed))
        self._in_now.say("signin.in_now", n=sum(bool(person.desk) for person in listed), of=len(listed))
        self._beyond.setVisible(self.grid.beyond > 0)
        self._beyond.say("signin.more_people", n=self.grid.beyond)

    def show_open(self, open_incidents: int) -> None:
        """How many incidents are open, a number only: no board content before sign-in."""
        self._state.show_open(open_incidents)

    def _changed(self, changes: object) -> None:
        if getattr(changes, "people", None):
            self.refresh()

    def _ringing(self, state: object) -> None:
        # A ring has the one filled button of the screen; beside it this one is plain.
        kind = "plain" if cast("PhoneState", state).ringing else "go"
        if kind != self.button.kind:
            self.button.kind = kind
            self.button.update()

    # -------------------------------------------------- signing in
    def _choose(self, person: object) -> None:
        self._person = cast("Person | None", person)
        chosen = self._person is not None
        self.secret.clear()
        self.secret.setEnabled(chosen)
        self.button.setEnabled(chosen)
        self._name_secret()
        self._name.setVisible(chosen)
        self._told.hide()
        if self._person is None:
            self._hint.say("signin.pick")
            return
        self._name.show_text(figures.plain(self._person.name))
        self._hint.say("signin.pin_hint")
        self.secret.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _count(self, typed: str) -> None:
        self._counted.setVisible(bool(typed))
        self._counted.say("signin.counted", n=len(typed))

    def enter(self) -> None:
        """Checks the PIN on the desk's slow thread; one check at a time."""
        if self._person is None or self._checking or not self.secret.text():
            return
        self._checking = True
        self._tell(say("signin.checking"), "text2")
        checking = people.sign_in(self._desk, self._person.login, self.secret.text())
        self.secret.clear()
        self._bridge.ask(checking, self._entered, self._refused)

    def _entered(self, person: object) -> None:
        self._checking = False
        self._choose(None)
        self.signed_in.emit(person)

    def _refused(self, error: BaseException) -> None:
        self._checking = False
        wait_s = getattr(error, "wait_s", 0.0)
        if isinstance(error, people.SignInRefused):
            self._tell(say("signin.wait", n=round(wait_s + 0.5)) if wait_s else say("signin.wrong"), "amber")
        else:
            self._tell(say("signin.failed", why=sentence_of(error)), "amber")
        self.secret.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._name_secret()
            self._told.show_text(said(self._telling))

    def _name_secret(self) -> None:
        self.secret.setAccessibleName(f"{tr('signin.pin')} {self._person.name}" if self._person else tr("signin.pin"))

    def _tell(self, sentence: Sentence, token: str) -> None:
        self._telling = sentence
        self._told.show_text(said(sentence))
        self._told.tint(token)
        self._told.show()

    # -------------------------------------------------- keys
    def showEvent(self, event: QEvent) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self.focus_people()

    def focus_people(self) -> None:
        """Alt O: back to choosing who."""
        self.grid.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._choose(None)
            self.focus_people()
        else:
            super().keyPressEvent(event)


class DeskState(Panel):
    """What the desk is ready for although nobody is signed in: line, sound, and that F2 answers."""

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "signin.title", parent=parent)
        self._desk = desk
        if self.title is not None:
            self.title.show_text(desk.name)
        self._phone: PhoneState | None = None
        self._open: int | None = None
        self._list = _StateList(theme, self._lines)
        self.body.addWidget(self._list)
        self.body.addStretch(1)

    def show_phone(self, state: object) -> None:
        self._phone = cast("PhoneState", state)
        self._list.told()

    def show_open(self, open_incidents: int) -> None:
        self._open = open_incidents
        self._list.told()

    def _lines(self) -> list[tuple[str, str, str]]:
        """Icon, sentence, what is behind it."""
        lines = [("phone", tr("signin.answers"), tr("signin.answers_detail"))]
        phone = self._phone
        if phone is not None:
            sound = (
                tr("signin.headset_none")
                if phone.null_device
                else tr("signin.headset", device=figures.plain(phone.output, 60))
            )
            line = tr(f"signin.line_{phone.line}")
            if phone.line != "registered" and phone.sentence:
                line = figures.plain(said(phone.sentence))
            lines.append(("headset-off" if phone.null_device else "headset", sound, line))
        if self._open is not None:
            lines.append(("board", tr("signin.board", n=self._open), tr("signin.board_detail")))
        return lines


class _StateList(QWidget):
    """Lines of two rows with an icon before them."""

    def __init__(
        self, theme: Theme, lines: Callable[[], list[tuple[str, str, str]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme, self._lines = theme, lines
        theme.changed.connect(self.told)
        self.told()

    def told(self) -> None:
        lines = self._lines()
        self.setFixedHeight(self.theme.px(52) * max(1, len(lines)))
        self.setAccessibleName("; ".join(f"{title}, {detail}" for _, title, detail in lines))
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.told()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        px, wide = pencil.px, self.width() - pencil.px(32)
        for n, (icon, title, detail) in enumerate(self._lines()):
            top = n * px(52)
            if n:
                pencil.fill(QRectF(0, top, self.width(), 1), "line")
            pencil.icon(0, top + px(16), icon, "text2", 18)
            pencil.text(QRectF(px(32), top + px(6), wide, px(20)), title, "board_type", "text")
            pencil.text(QRectF(px(32), top + px(26), wide, px(18)), detail, "small", "text2")
        painter.end()
