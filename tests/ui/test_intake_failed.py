"""Writes of the form that fail: what was typed stays, is tried again, and overwrites nothing younger."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import Qt

from tests.ui.screen import Screen
from workstation.domain.sentence import say
from workstation.store import StoreFailed


@pytest.mark.promise("U1")
@pytest.mark.expected_log("an answer failed")
def test_what_could_not_be_written_stays_and_is_tried_again(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    real = screen.seat.desk.together

    def broken(_fn: object) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("no space left on device"))
        return future

    monkeypatch.setattr(screen.seat.desk, "together", broken)
    screen.type("depan SD")
    screen.key(Qt.Key.Key_Tab)
    screen.until(lambda: screen.window.trouble.kind == "write")
    form = screen.window.desk_page.form
    assert form.landmark.text() == "depan SD"
    assert "landmark" in form.draft.dirty
    assert "Belum tersimpan" in screen.window.status.w_saved.text
    monkeypatch.setattr(screen.seat.desk, "together", real)
    screen.settle()
    assert screen.value("landmark") == "depan SD"


def fails_once(screen: Screen, monkeypatch: pytest.MonkeyPatch, held: bool = False) -> list[Future[Any]]:
    """The store writes the next transaction not at all; `held`: it says so only when the test lets it."""
    real = screen.seat.desk.together
    told: list[Future[Any]] = []

    def together(fn: Callable[[Any], Any]) -> Future[Any]:
        if told:
            return real(fn)
        told.append(Future())
        if not held:
            told[0].set_exception(StoreFailed(say("record.full")))
        return told[0]

    monkeypatch.setattr(screen.seat.desk, "together", together)
    return told


@pytest.mark.promise("U1")
@pytest.mark.expected_log("an answer failed")
def test_a_field_after_a_failed_opening_opens_the_incident_itself(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = screen.talking()
    fails_once(screen, monkeypatch)
    screen.type("batu karang")
    screen.key(Qt.Key.Key_Tab)
    draft = screen.window.desk_page.form.draft
    screen.until(lambda: "village" in draft.dirty)
    screen.type("depan SD")
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    assert screen.value("landmark") == "depan SD"
    assert screen.value("village") == "batu karang"
    assert screen.value("callback") == "081200004417"
    assert screen.call_type(offer) == "emergency"
    assert screen.window.desk_page.form.landmark.text() == "depan SD"


@pytest.mark.promise("U1")
@pytest.mark.expected_log("an answer failed")
def test_a_write_that_failed_never_comes_back_over_a_younger_one(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.talking()
    told = fails_once(screen, monkeypatch, held=True)
    screen.alt(Qt.Key.Key_P)
    screen.type("depan")
    form = screen.window.desk_page.form
    form.draft.flush()
    screen.type(" SD")
    form.draft.flush()  # the younger write is on its way when the older one is known to have failed
    told[0].set_exception(StoreFailed(say("record.full")))
    screen.settle()
    assert screen.value("landmark") == "depan SD"
    assert form.landmark.text() == "depan SD"


@pytest.mark.promise("U1")
def test_a_field_the_record_refuses_takes_no_other_with_it(screen: Screen) -> None:
    screen.talking()
    draft = screen.window.desk_page.form.draft
    draft.change("street", "Jalan Baru", ())
    draft.change("lat", 999.0, ())
    draft.change("landmark", "depan SD", ())
    draft.flush()
    screen.until(lambda: screen.window.trouble.kind == "refused")
    screen.settle()
    assert (screen.value("street"), screen.value("landmark")) == ("Jalan Baru", "depan SD")
    assert screen.value("lat") is None
