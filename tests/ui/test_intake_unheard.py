"""Typing before the record, or the screen, has heard of the call: nothing typed is dropped, nothing known is lost."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import Qt

import ui.session
from tests.screens.seat import done
from tests.ui.screen import Screen
from workstation.domain.ids import Uid
from workstation.domain.rows import PhoneState, RingView
from workstation.domain.sentence import NOTHING, say
from workstation.service import calls, views
from workstation.service.calls import Ring
from workstation.service.desk import NotFound

NUMBER = "081200004417"
WHOLE_DISK = 4_294_967_294  # pages; SQLite's own bound


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
def test_a_disk_that_was_full_while_it_rang_loses_nothing(screen: Screen) -> None:
    """The ring is not on record and the engine tells it again only after the disk has room."""
    screen.bridge.failed.disconnect()
    store = screen.seat.store

    def pages(most: int) -> None:
        store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {most}").fetchone()).result(30)

    pages(store.write(lambda tx: tx.db.execute("pragma page_count").fetchone()[0]).result(30).value)
    fill(screen)
    offer, at = screen.seat.ids.uid(), screen.seat.clock.now_ms()
    ring = RingView(offer, NUMBER, "", "112", "mobile", at)
    word(screen, (ring,))
    word(screen, (), offer)
    write_all(screen)
    screen.until(lambda: screen.window.trouble.kind == "write")
    draft = screen.window.desk_page.form.draft
    assert draft.writing
    pages(WHOLE_DISK)
    screen.settle()
    assert screen.value("landmark") == "depan SD"
    told(screen, offer, at)
    whole(screen, offer)


def fill(screen: Screen) -> None:
    """Until not even a small row fits."""
    for size in (20_000, 3_000, 900, 300, 100, 40):
        for n in range(400):
            if screen.seat.desk.keep(f"fill{size}-{n}", "x" * size).exception(30) is not None:
                break


def word(screen: Screen, ringing: tuple[RingView, ...], talking: Uid | None = None) -> None:
    """The engine's word while nothing can be written: there is no settling."""
    since = screen.seat.clock.now_ms() if talking else None
    state = PhoneState(
        "registered", NOTHING, True, ringing, talking, since, False, False, "Headset", "Headset", False, 0.4, 0.8
    )
    screen.bridge.tell_phone(state)
    screen.until(lambda: screen.window.session.state is state)


@pytest.mark.promise("U5")
@pytest.mark.expected_log("an answer failed")
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
