"""The whole window on a real desk, and a phone line whose word a test gives: ring, answer, end."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import shiboken6
from PySide6.QtCore import QElapsedTimer, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat, done
from ui.bridge import Bridge
from ui.intake.draft import QUIET_MS
from ui.main_window import MainWindow
from ui.theme import Theme
from workstation.domain.ids import Uid
from workstation.domain.rows import IncidentView, PhoneState, RingView
from workstation.domain.sentence import NOTHING, Sentence
from workstation.service import calls, views
from workstation.service.calls import Ring


class Screen:
    """A window, the desk behind it, and the line."""

    def __init__(self, qtbot: QtBot, seat: Seat, bridge: Bridge, theme: Theme, sign_in: bool = False) -> None:
        self.qtbot, self.seat, self.bridge, self.theme = qtbot, seat, bridge, theme
        seat.store.listen(bridge.tell_changed)
        self.window = MainWindow(seat.desk, bridge, theme, sign_in=sign_in)
        self.window.resize(1366, 768)
        self.window.show()
        self.window.activateWindow()
        self.rings: dict[Uid, RingView] = {}
        self.line()

    @property
    def form(self) -> object:
        return self.window.desk_page.form

    def close(self) -> None:
        """The window goes as a person closes it; what it still had to write is written."""
        self.window.close()
        self.settle()
        self.bridge.changed.disconnect()
        shiboken6.delete(self.window)

    # ---------------------------------------------------------------- waiting
    def settle(self) -> None:
        """Until everything typed is durable, told, and every question it raised has its answer."""
        self.quiet()
        # The writer tells of a commit after the answer to who asked for it: a write behind it comes after the telling.
        done(self.seat.store.write(lambda tx: None))
        QApplication.processEvents()
        self.quiet()
        self.window.ticker.beat()
        QApplication.processEvents()

    def quiet(self) -> None:
        """Until nothing typed is on its way and nothing asked is open; waits by the event loop alone."""
        form = self.window.desk_page.form
        self.qtbot.waitUntil(lambda: not form.draft.writing and self.bridge.waiting == 0, timeout=10_000)

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=10_000)

    # ---------------------------------------------------------------- the line
    def line(self, ringing: tuple[RingView, ...] = (), talking: Uid | None = None, **more: object) -> None:
        """The engine's word."""
        since = self.seat.clock.now_ms() if talking else None
        state = PhoneState(
            str(more.get("line", "registered")), NOTHING, bool(more.get("may_ring", True)), ringing, talking, since,
            bool(more.get("held", False)), bool(more.get("muted", False)), "Headset", "Headset", False, 0.4, 0.8,
            notice=cast("Sentence", more.get("notice", NOTHING)),
        )  # fmt: skip
        self.bridge.tell_phone(state)
        self.settle()

    def ring(self, number: str = "081200004417") -> Uid:
        """An INVITE arrives: the record has it, and the line says it rings."""
        offer, at = self.seat.ids.uid(), self.seat.clock.now_ms()
        done(calls.rang(self.seat.desk, Ring(offer, number, at, dialled="112")))
        self.rings[offer] = RingView(offer, number, "", "112", calls.read_number(number).identity, at)
        return offer

    def ringing(self, number: str = "081200004417") -> Uid:
        offer = self.ring(number)
        self.line((self.rings[offer],))
        return offer

    def answered(self, offer: Uid, **more: object) -> None:
        done(calls.answered(self.seat.desk, offer, self.seat.clock.now_ms()))
        self.line((), offer, **more)

    def talking(self, number: str = "081200004417") -> Uid:
        offer = self.ringing(number)
        self.seat.clock.advance(3000)
        self.answered(offer)
        return offer

    def ended(self, offer: Uid, reason: str = "caller_hung_up") -> None:
        done(calls.ended(self.seat.desk, offer, reason, self.seat.clock.now_ms()))
        self.line()

    # ---------------------------------------------------------------- keys
    @property
    def focus(self) -> QWidget:
        found = QApplication.focusWidget()
        return found if found is not None else self.window

    def type(self, text: str) -> None:
        """Keys one by one into whatever has the focus, as a person types."""
        for character in text:
            QTest.keyClick(self.focus, character)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.focus, key, modifier)

    def enter(self) -> None:
        self.key(Qt.Key.Key_Return)

    def ctrl(self, key: Qt.Key) -> None:
        self.key(key, Qt.KeyboardModifier.ControlModifier)

    def alt(self, key: Qt.Key) -> None:
        self.key(key, Qt.KeyboardModifier.AltModifier)

    # ---------------------------------------------------------------- the record
    def incident(self) -> IncidentView:
        """The incident of the form as the record has it."""
        uid = self.window.desk_page.form.incident
        assert uid, "the form has opened no incident"
        view = done(self.seat.desk.ask(lambda db: views.incident(db, uid)))
        assert view is not None
        return view

    def value(self, name: str) -> object:
        field = self.incident().fields.get(name)
        return field.face if field else None

    def call_type(self, offer: Uid) -> str:
        row = done(self.seat.desk.ask(lambda db: views.call(db, offer)))
        return row.type if row else ""


class Hand:
    """Somebody who types on and on, and knows how far they were when the machine last made them pause."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.typed, self.timer = screen, "", QElapsedTimer()
        self._pressed_at, self._paused_after = 0, 0
        self.timer.start()

    def press(self, key: str) -> None:
        """One key, and the little time until the next."""
        if self.timer.elapsed() - self._pressed_at >= QUIET_MS:
            self._paused_after = len(self.typed)
        self._pressed_at = self.timer.elapsed()
        self.typed += key
        self.screen.type(key)
        while self.timer.elapsed() < self._pressed_at + QUIET_MS // 4:
            QApplication.processEvents()

    def without_a_pause(self, held: str) -> bool:
        """Whether this was kept while the typing went on: no pause was long enough for who waits for one."""
        return self._paused_after < len(held) < len(self.typed) and self.typed.startswith(held)
