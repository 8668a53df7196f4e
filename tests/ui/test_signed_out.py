"""Nobody signed in: ringing, answering and the form of the call work; nothing else of the desk is to be seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat, done
from tests.ui.screen import Screen
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.domain.ids import Uid
from workstation.service import intake, people
from workstation.service.desk import Edit


@pytest.fixture
def guarded(qtbot: QtBot, seat: Seat, bridge: Bridge, theme: Theme) -> Iterator[Screen]:
    """A window that asks who sits there; Operator 1 does."""
    seat.staff(operators=2)
    seat.sign_in("op1")
    made = Screen(qtbot, seat, bridge, theme, sign_in=True)
    made.settle()
    yield made
    made.close()


def other_incident(screen: Screen) -> Uid:
    uid = screen.seat.ids.uid()
    done(intake.open_incident(screen.seat.desk, uid))
    done(intake.edit(screen.seat.desk, uid, {"landmark": Edit("rumah orang lain")}))
    screen.settle()
    return uid


def sign_out(screen: Screen) -> None:
    screen.window.sign_out()
    screen.settle()
    assert screen.seat.desk.person is None


def leave(screen: Screen) -> None:
    """Signed out before anything begins."""
    done(people.sign_out(screen.seat.desk))
    screen.window.show_page("desk")


def others(screen: Screen) -> list[bool]:
    page = screen.window.desk_page
    return [part.isVisible() for part in (page.board, page.idle_board, page.similar, page.turn, page.map)]


@pytest.mark.promise("P2")
def test_signing_out_takes_the_open_incident_off_the_screen(guarded: Screen) -> None:
    uid = other_incident(guarded)
    window = guarded.window
    window.open_incident(uid)
    guarded.settle()
    form = window.desk_page.form
    assert form.landmark.text() == "rumah orang lain"
    form.go("caller_name")
    guarded.type("Penelepon 4")
    sign_out(guarded)
    assert window.page == "sign_in" and window.session.phase == "idle"
    assert (form.incident, form.caller_name.text(), form.landmark.text()) == (b"", "", "")
    assert not form.isVisible()
    window.open_incident(uid)
    window.new_incident()
    guarded.settle()
    assert window.page == "sign_in" and not form.incident and window.session.phase == "idle"
    guarded.seat.sign_in("op2")
    window._signed_in(guarded.seat.desk.person)
    window.open_incident(uid)
    guarded.settle()
    assert form.caller_name.text() == "Penelepon 4", "what was typed before is in the record"
    assert others(guarded).count(True) == 3


@pytest.mark.promise("P2")
def test_with_nobody_signed_in_a_call_is_answered_and_taken_and_nothing_else_shows(guarded: Screen) -> None:
    uid = other_incident(guarded)
    leave(guarded)
    window, form = guarded.window, guarded.window.desk_page.form
    offer = guarded.ringing()
    guarded.key(Qt.Key.Key_F2)
    assert guarded.seat.line.asked == [("answer", offer)]
    guarded.answered(offer)
    assert window.page == "desk" and form.isVisible()
    guarded.type("batu karang")
    guarded.enter()
    guarded.settle()
    assert guarded.incident().row.village == "batu karang"
    assert not any(others(guarded))
    guarded.ended(offer)
    assert window.session.phase == "wrap_up" and form.isVisible()
    assert not any(others(guarded)), "after the call as during it"
    window.open_incident(uid)
    guarded.settle()
    assert form.incident != uid
    guarded.type("depan SD")
    guarded.settle()
    assert guarded.value("landmark") == "depan SD", "the form of the call goes on"
    window.done()
    guarded.settle()
    assert window.page == "sign_in" and not form.incident


@pytest.mark.promise("P2")
def test_signing_out_while_talking_leaves_the_call_its_form(guarded: Screen) -> None:
    offer = guarded.talking()
    guarded.type("batu karang")
    guarded.enter()
    sign_out(guarded)
    window = guarded.window
    assert window.page == "desk" and window.session.phase == "talking"
    assert not any(others(guarded))
    guarded.type("depan SD")
    guarded.settle()
    assert guarded.value("landmark") == "depan SD"
    guarded.ended(offer)
    assert window.desk_page.form.isVisible()
    window.done()
    assert window.page == "sign_in"


@pytest.mark.promise("P2")
def test_signing_out_after_the_call_ends_its_form(guarded: Screen) -> None:
    offer = guarded.talking()
    guarded.type("batu karang")
    guarded.enter()
    guarded.settle()
    guarded.ended(offer)
    sign_out(guarded)
    assert guarded.window.page == "sign_in" and guarded.window.session.phase == "idle"
    assert not guarded.window.desk_page.form.incident
