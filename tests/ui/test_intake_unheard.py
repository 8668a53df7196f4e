"""Typing before the record, or the screen, has heard of the call: nothing typed is dropped, nothing known is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import Qt

import ui.session
from tests.screens.seat import Seat, done
from tests.store.desks import with_room
from tests.ui.screen import Screen
from workstation.domain.ids import Uid
from workstation.domain.rows import PhoneState, RingView
from workstation.domain.sentence import NOTHING, say
from workstation.service import calls, intake, views
from workstation.service.calls import Ring
from workstation.service.desk import NotFound, Pending
from workstation.store import StoreFailed, writer

NUMBER = "081200004417"


def told(screen: Screen, offer: Uid, at: int) -> None:
    """The engine tells the record again."""
    done(calls.rang(screen.seat.desk, Ring(offer, NUMBER, at, dialled="112")))
    done(calls.answered(screen.seat.desk, offer, at))
    screen.settle()


def whole(screen: Screen, offer: Uid) -> None:
    """The incident stands as if the call had been on record from the first."""
    assert (screen.value("landmark"), screen.value("callback")) == ("depan SD", NUMBER)
    assert screen.value("village") == screen.seat.village("Batu Merah")
    assert [note.text for note in screen.incident().notes] == ["api dari dapur"]
    assert screen.call_type(offer) == "emergency"
    row = done(screen.seat.desk.ask(lambda db: views.call(db, offer)))
    assert row is not None
    assert row.incidents == (screen.window.desk_page.form.incident,)
    form = screen.window.desk_page.form
    assert form.landmark.text() == "depan SD"
    assert form.callback.text() != ""


def write_all(screen: Screen) -> None:
    screen.type("batu merah")
    screen.enter()
    screen.type("depan SD")
    screen.enter()
    screen.alt(Qt.Key.Key_C)
    screen.type("api dari dapur")
    screen.enter()


@pytest.mark.promise("U5", "P2", "P3")
def test_a_screen_back_before_the_record_has_the_call_loses_nothing(screen: Screen) -> None:
    offer, at = screen.seat.ids.uid(), screen.seat.clock.now_ms()
    screen.line((), offer)  # the call is up; its ring still lies in the engine's journal
    write_all(screen)
    screen.settle()
    assert screen.value("landmark") == "depan SD", "written without waiting for the call"
    assert screen.window.trouble.kind == ""
    told(screen, offer, at)
    whole(screen, offer)


@pytest.mark.promise("U5", "P2")
@pytest.mark.expected_log("an answer failed")
def test_a_disk_that_was_full_while_it_rang_loses_nothing(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring is not on record and the engine tells it again only after the disk has room."""
    screen.bridge.failed.disconnect()
    monkeypatch.setattr(writer, "IDLE_S", 3600)  # merging the index in an idle moment would make room again
    offer, at = screen.seat.ids.uid(), screen.seat.clock.now_ms()
    with with_room(screen.seat.store, 0):
        fill(screen.seat)
        with pytest.raises(StoreFailed):
            done(calls.rang(screen.seat.desk, Ring(offer, NUMBER, at, dialled="112")))
        ring = RingView(offer, NUMBER, "", "112", "mobile", at)
        word(screen, (ring,))
        word(screen, (), offer)
        write_all(screen)
        screen.until(lambda: screen.window.trouble.kind == "write")
        draft = screen.window.desk_page.form.draft
        assert draft.writing
        assert not done(screen.seat.desk.knows(draft.incident)), "nothing of it is on disk"
    screen.settle()
    assert screen.value("landmark") == "depan SD"
    told(screen, offer, at)
    whole(screen, offer)


def fill(seat: Seat) -> None:
    """Until nothing of what a call or an incident writes finds room any more, in any of its tables."""
    desk, at = seat.desk, seat.clock.now_ms()

    def ring() -> Pending[Any]:
        return calls.rang(desk, Ring(seat.ids.uid(), "", at))

    def opening() -> Pending[Any]:
        return intake.open_incident(desk, seat.ids.uid())

    def value() -> Pending[Any]:
        return desk.keep(f"full.{seat.ids.uid().hex()}", 1)

    def goes(act: Callable[[], Pending[Any]]) -> bool:
        try:
            done(act())
        except StoreFailed:
            return False
        return True

    while any([goes(ring), goes(opening), goes(value)]):
        pass


def word(screen: Screen, ringing: tuple[RingView, ...], talking: Uid | None = None) -> None:
    """The engine's word while nothing can be written: there is no settling."""
    since = screen.seat.clock.now_ms() if talking else None
    state = PhoneState(
        "registered", NOTHING, True, ringing, talking, since, False, False, "Headset", "Headset", False, 0.4, 0.8
    )
    screen.bridge.tell_phone(state)
    screen.until(lambda: screen.window.session.state is state)


@pytest.mark.promise("U5")
def test_what_the_record_does_not_have_yet_is_no_reason_to_drop_what_was_typed(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.talking()
    real = screen.seat.desk.together
    refused: list[int] = []

    def together(fn: Any) -> Future[Any]:
        if len(refused) == 4:
            return real(fn)
        refused.append(1)
        answer: Future[Any] = Future()
        answer.set_exception(NotFound(say("refused.not_here", what="")))
        return answer

    monkeypatch.setattr(screen.seat.desk, "together", together)
    write_all(screen)
    screen.until(lambda: len(refused) == 4)
    screen.settle()
    assert screen.value("landmark") == "depan SD"
    assert screen.value("village") == screen.seat.village("Batu Merah")
    assert [note.text for note in screen.incident().notes] == ["api dari dapur"]


@pytest.mark.promise("U1", "U7")
@pytest.mark.parametrize("typed", ["", "information", "report"])
def test_typing_before_the_answer_about_the_call_keeps_its_number_and_type(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(ui.session.LineSession, "refresh", lambda _session: None)
    offer = screen.ring()
    if typed:
        done(calls.classify(screen.seat.desk, offer, typed))
    screen.line((screen.rings[offer],))
    screen.answered(offer)
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    monkeypatch.undo()
    screen.window.session.refresh()
    screen.settle()
    assert screen.value("callback") == NUMBER
    assert screen.window.desk_page.form.callback.text() != ""
    assert screen.call_type(offer) == (typed or "emergency")


@pytest.mark.promise("U7")
def test_a_key_that_typed_the_call_stands_though_the_screen_has_not_heard(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = screen.talking()
    monkeypatch.setattr(ui.session.LineSession, "refresh", lambda _session: None)
    screen.key(Qt.Key.Key_F10)
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    assert screen.call_type(offer) == "report"
