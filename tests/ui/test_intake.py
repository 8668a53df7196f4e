"""The form on a real record: keys in, the incident, its fields and its planned agencies out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import Qt

from tests.ui.screen import Screen
from ui.intake.where import read_point
from workstation.domain.rows import Step


@pytest.mark.promise("U2", "M3")
def test_a_structure_fire_by_keys_alone(screen: Screen) -> None:
    """F2, «batu m», Enter, «patokan», Enter, B, K, Ctrl+Enter: the key way of the look, into the real record."""
    offer = screen.ringing()
    screen.key(Qt.Key.Key_F2)
    assert screen.seat.line.asked == [("answer", offer)]
    screen.answered(offer)
    screen.type("batu m")
    screen.enter()
    screen.type("depan SD")
    screen.enter()
    screen.type("bk")
    screen.settle()
    view = screen.incident()
    assert view.row.village == screen.seat.village("Batu Merah")
    assert view.row.type == "structure_fire"
    assert view.row.priority == 1, "the type proposes its priority"
    assert screen.value("landmark") == "depan SD"
    assert screen.value("callback") == "081200004417"
    assert screen.value("point_source") == "village"
    assert screen.call_type(offer) == "emergency", "typing a location says so at the gate"
    assert screen.focus is screen.window.desk_page.form.note
    screen.ctrl(Qt.Key.Key_Return)
    screen.settle()
    assert [a.step for a in screen.incident().assignments] == [Step.PLANNED] * 4


@pytest.mark.promise("U1")
def test_enter_pressed_before_the_gazetteer_answers_still_takes_the_village(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.talking()
    held: list[tuple[Future[Any], Callable[[Any], Any]]] = []
    real = screen.seat.desk.ask

    def slow(fn: Callable[[Any], Any]) -> Future[Any]:
        if threading.current_thread() is not threading.main_thread():
            return real(fn)  # a write of what is typed may be under way: it must not wait for what the screen asks
        future: Future[Any] = Future()
        held.append((future, fn))
        return future

    monkeypatch.setattr(screen.seat.desk, "ask", slow)
    screen.type("waiho")
    screen.enter()
    monkeypatch.setattr(screen.seat.desk, "ask", real)
    for future, fn in held:
        future.set_result(real(fn).result(timeout=10))
    screen.settle()
    assert screen.incident().row.village == screen.seat.village("Waihoka")


@pytest.mark.promise("U1")
def test_a_near_match_is_never_taken_silently(screen: Screen) -> None:
    """`wayhoka` is almost Waihoka: it is proposed, and stays what was typed until somebody chooses."""
    screen.talking()
    form = screen.window.desk_page.form
    screen.type("wayhoka")
    screen.settle()
    assert next(match.label for match in form.village.proposals.model.matches).startswith("Waihoka")
    screen.enter()
    screen.settle()
    assert screen.incident().row.village == "wayhoka"
    screen.alt(Qt.Key.Key_L)
    screen.type("wayhokka")
    screen.enter()  # before the gazetteer has answered
    screen.settle()
    assert screen.incident().row.village == "wayhokka"
    screen.alt(Qt.Key.Key_L)
    screen.type("wayhoka")  # the letter selects what stands there, typing replaces it
    screen.settle()
    screen.key(Qt.Key.Key_Down)
    screen.enter()
    screen.settle()
    assert screen.incident().row.village == screen.seat.village("Waihoka")


@pytest.mark.promise("U1")
def test_counts_chips_and_priority_reach_the_record(screen: Screen) -> None:
    screen.talking()
    form = screen.window.desk_page.form
    screen.alt(Qt.Key.Key_O)
    screen.type("2")
    form.counts["families"].setFocus()
    screen.key(Qt.Key.Key_Up)
    screen.ctrl(Qt.Key.Key_2)
    form.hazards.chips["gas_cylinder"].click()
    form.hazards.chips["power_line"].click()
    screen.settle()
    assert screen.value("injured") == 2
    assert screen.value("families") == 1
    assert screen.value("priority") == 2
    assert screen.value("hazards") == ("gas_cylinder", "power_line")
    form.hazards.chips["gas_cylinder"].click()
    screen.settle()
    assert screen.value("hazards") == ("power_line",)


@pytest.mark.promise("U1")
def test_a_priority_the_operator_set_outlives_a_change_of_type(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    screen.ctrl(Qt.Key.Key_3)
    screen.settle()
    screen.alt(Qt.Key.Key_J)
    screen.type("mh")
    screen.settle()
    assert screen.incident().row.type == "cardiac_arrest"
    assert screen.value("priority") == 3


@pytest.mark.promise("U1")
def test_the_form_opens_with_number_dialled_time_and_earlier_calls(screen: Screen) -> None:
    first = screen.talking()
    screen.key(Qt.Key.Key_F9)
    screen.settle()
    screen.ended(first)
    screen.window.done()
    screen.seat.clock.advance(60_000)
    screen.ringing()
    screen.settle()
    window = screen.window
    assert window.ring.number.text() == "0812 0000 4417"
    assert "ke 112" in window.ring.head.text()
    history = window.desk_page.history
    assert history.isVisible()
    assert history.number.text().startswith("0812 0000 4417")
    assert "Menelepon 112" in history.facts.text()
    assert "berdering 03:13:50" in history.facts.text()
    assert [row.type for row in history.lines.calls] == ["information"]
    assert window.desk_page.form.callback.text() == "0812 0000 4417"


@pytest.mark.promise("P3")
def test_a_restarted_screen_finds_the_call_and_its_incident_again(screen: Screen) -> None:
    offer = screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    uid = screen.window.desk_page.form.incident
    form = screen.window.desk_page.form
    screen.window.session.close()
    assert not form.incident
    screen.line((), offer)
    screen.until(lambda: form.village.text() == "Batu Merah, Sirimau")
    assert form.incident == uid


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("-3.6853, 128.2101", (-3.6853, 128.2101)),
        ("−3,6853  128,2101", (-3.6853, 128.2101)),
        ("-3.6853;128.2101", (-3.6853, 128.2101)),
        ("-3.6853", None),
        ("96.0 128.2", None),
        ("dekat pasar", None),
    ],
)
def test_a_point_is_read_as_people_write_it(text: str, point: tuple[float, float] | None) -> None:
    assert read_point(text) == point


def test_a_typed_point_stands_against_the_villages_middle(screen: Screen) -> None:
    screen.talking()
    form = screen.window.desk_page.form
    form.point.setFocus()
    screen.type("-3.7 128.2")
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    screen.alt(Qt.Key.Key_L)
    screen.type("waihoka")
    screen.enter()
    screen.settle()
    assert (screen.value("lat"), screen.value("lon")) == (-3.7, 128.2)
    assert screen.value("point_source") == "typed"
