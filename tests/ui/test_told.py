"""Sentences made below the screen are said in the language in force, and said anew when it is switched (promise U3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done
from tests.ui.screen import Screen
from ui import i18n
from ui.actions import caps
from ui.admin.doctor import DoctorPage
from ui.admin.signin import SignInPage
from ui.bridge import Bridge
from ui.shift.settle import SettlePanel
from ui.theme import Theme
from workstation.domain.rows import LinkStatus, PhoneState
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.service import intake, people
from workstation.service.desk import BadValue, NotAllowed, Refused
from workstation.store import StoreFailed
from workstation.words import said

pytestmark = pytest.mark.promise("U3")

TOKEN = say("hub.not_enrolled")
REFUSED = LinkStatus("refused", NOW - 60_000, None, "hub", 3, NOW - 60_000, None, TOKEN)
NOT_LISTED = say("exchange.refused", answer="403 Forbidden")
FAILED = PhoneState("failed", NOT_LISTED, False, (), None, None, False, False, "", "", False, 0.0, 0.0)


@pytest.fixture
def page(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> SignInPage:
    seat.staff(operators=1)
    made = SignInPage(seat.desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bridge.waiting == 0)
    return made


def switch(screen: Screen) -> None:
    """The key for it, as a person presses it."""
    screen.key(Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)


def in_both(shown: Callable[[], str], switch: Callable[[], None], sentence: Sentence) -> None:
    """What is shown has the sentence in Indonesian, then, with nothing but the switch between, in English."""
    first, then = said(sentence, "id"), said(sentence, "en")
    assert first != then
    assert first in shown() and then not in shown()
    switch()
    assert then in shown() and first not in shown()
    switch()
    assert first in shown() and then not in shown()


def turn() -> None:
    i18n.use("en" if i18n.language() == "id" else "id")


def test_the_status_bar(screen: Screen) -> None:
    screen.bridge.tell_link(replace(REFUSED, clock_offset_ms=61_000))
    bar = screen.window.status
    screen.until(lambda: bar.w_clock.isVisible())
    in_both(lambda: bar.w_link.text, lambda: switch(screen), Sentence("status.refused"))
    in_both(lambda: bar.w_clock.text, lambda: switch(screen), say("status.clock_off", s=61))
    in_both(lambda: bar.w_link.accessibleName(), lambda: switch(screen), say("status.unsent", n=3))


def test_the_banner(screen: Screen) -> None:
    screen.bridge.tell_link(REFUSED)
    banner = screen.window.banner
    screen.until(banner.isVisible)
    in_both(lambda: banner._detail.text(), lambda: switch(screen), TOKEN)


@pytest.mark.parametrize(
    "error",
    [
        StoreFailed(say("record.full")),
        Refused(say("refused.no_line")),
        BadValue(say("refused.too_long", field=Sentence("field.landmark"), length=5000, most=4000)),
        NotAllowed(say("refused.sign_in_first", role=Sentence("role.lead"))),
    ],
    ids=lambda error: error.sentence.key,
)
def test_the_trouble_bar(screen: Screen, error: Refused | StoreFailed) -> None:
    bar = screen.window.trouble
    screen.window._failed(error)
    in_both(lambda: f"{bar.head.text()} {bar.under.text()}", lambda: switch(screen), error.sentence)
    in_both(bar.accessibleName, lambda: switch(screen), error.sentence)


def test_what_the_trouble_bar_asks(screen: Screen) -> None:
    bar = screen.window.trouble
    screen.window.session.asked.emit("prank", "")
    asked = say("undo.ask", key=caps("prank"), type=Sentence("action.prank"))
    in_both(lambda: bar.head.text(), lambda: switch(screen), asked)


def test_the_strip(screen: Screen) -> None:
    strip = screen.window.strip
    screen.bridge.tell_phone(FAILED)
    screen.until(lambda: said(NOT_LISTED, "id") in strip.under.text())
    in_both(lambda: strip.under.text(), lambda: switch(screen), NOT_LISTED)
    in_both(strip.accessibleName, lambda: switch(screen), NOT_LISTED)
    notice = say("engine.no_rtp_port")
    screen.line((screen.rings[screen.ring()],), notice=notice)
    in_both(lambda: strip.under.text(), lambda: switch(screen), notice)


def test_the_doctors_page(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> None:
    page = DoctorPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.show()
    bridge.tell_phone(FAILED)
    bridge.tell_link(REFUSED)

    def read_out() -> str:
        model = page.table.rows
        at = [model.index(row, column, QModelIndex()) for row in range(model.rowCount()) for column in range(3)]
        return "\n".join(str(index.data(Qt.ItemDataRole.AccessibleTextRole)) for index in at)

    qtbot.waitUntil(lambda: said(TOKEN, "id") in read_out())
    in_both(read_out, turn, NOT_LISTED)
    in_both(read_out, turn, TOKEN)


def test_the_sign_in_page(page: SignInPage, seat: Seat, bridge: Bridge, qtbot: QtBot) -> None:
    bridge.tell_phone(FAILED)
    qtbot.waitUntil(lambda: "403" in page._state._list.accessibleName())
    in_both(page._state._list.accessibleName, turn, NOT_LISTED)
    page._refused(people.SignInRefused(say("refused.wrong_secret"), 0.0))
    in_both(lambda: page._told.text(), turn, say("signin.wrong"))
    page._refused(StoreFailed(say("record.full")))
    in_both(lambda: page._told.text(), turn, say("record.full"))


def test_a_decision_of_the_lead_that_is_refused(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> None:
    panel = SettlePanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    panel._refused(NotAllowed(say("refused.sign_in_first", role=Sentence("role.lead"))))
    in_both(lambda: panel._told.text(), turn, say("refused.sign_in_first", role=Sentence("role.lead")))


def test_what_a_service_refuses_reaches_the_bar_through_the_bridge(screen: Screen, bridge: Bridge) -> None:
    """The whole way: a text too long for its field, refused by the record's service, shown, switched."""
    bridge.failed.disconnect()  # the fixture takes every failure for a fault; this one is meant
    bridge.failed.connect(screen.window._failed)
    incident = screen.seat.ids.uid()
    done(intake.open_incident(screen.seat.desk, incident))
    bridge.ask(intake.note(screen.seat.desk, incident, "x" * 4001))
    bar = screen.window.trouble
    screen.until(lambda: bar.kind == "refused")
    too_long = say("refused.too_long", field=Sentence("field.note"), length=4001, most=4000)
    in_both(lambda: bar.head.text(), lambda: switch(screen), too_long)


def test_nothing_to_say_is_said_as_nothing() -> None:
    assert i18n.said(NOTHING) == "" and not NOTHING
