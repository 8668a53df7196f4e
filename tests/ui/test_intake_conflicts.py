"""Another desk writes the same field: nothing typed is overwritten, rivals are shown and settled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from tests.screens.seat import NOW, Seat, done, exchange
from tests.ui.screen import Screen
from workstation.domain.hlc import HandClock
from workstation.service import intake, views
from workstation.service.desk import Edit


@pytest.fixture
def neighbour(tmp_path: Path, seat: Seat) -> Any:
    with Seat(tmp_path / "other", 1, HandClock(NOW)) as made:
        yield made


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(exist_ok=True)


@pytest.mark.promise("U1", "M3")
def test_news_from_another_desk_never_overwrites_what_is_being_typed(screen: Screen, neighbour: Seat) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.type("depan")
    screen.settle()
    exchange(screen.seat, neighbour)
    uid = screen.window.desk_page.form.incident
    seen = done(neighbour.desk.ask(lambda db: views.incident(db, uid))).fields["landmark"].seen
    done(intake.edit(neighbour.desk, uid, {"landmark": Edit("dari meja lain", seen), "street": Edit("Jalan Baru")}))
    form = screen.window.desk_page.form
    screen.type(" SD")  # unsaved keys
    exchange(screen.seat, neighbour)
    assert form.landmark.text() == "depan SD", "the typed text stands while the merge arrives"
    screen.settle()
    screen.until(lambda: form.street.text() == "Jalan Baru")
    field = screen.incident().fields["landmark"]
    assert field.rival, "the other desk's value was not seen when this one was typed: both are kept"
    assert {value.value for value in field.values} == {"depan SD", "dari meja lain"}
    screen.until(lambda: form.landmark.rival)


@pytest.mark.promise("U1", "M4")
def test_rival_values_are_shown_in_the_form_and_settled_by_a_digit(screen: Screen, neighbour: Seat) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    uid = screen.window.desk_page.form.incident
    exchange(screen.seat, neighbour)
    done(intake.open_incident(neighbour.desk, neighbour.ids.uid()))  # by which others know its name
    done(intake.edit(neighbour.desk, uid, {"landmark": Edit("pos kamling")}))
    screen.type("depan SD")
    screen.settle()
    exchange(screen.seat, neighbour)
    form = screen.window.desk_page.form
    screen.until(lambda: form.landmark.rival)
    screen.settle()
    assert form.landmark.text() == "depan SD", "nothing is taken from under the hands of who types"
    assert form.landmark.property("rival"), "its edge says that another value stands beside it"
    screen.key(Qt.Key.Key_Tab)
    assert form.landmark.text() == ""
    assert form.landmark.placeholderText() == "2 nilai berbeda"
    screen.alt(Qt.Key.Key_Down)
    assert form.rivals.isVisible()
    assert not form.rivals.isWindow(), "inside the form, never a dialog"
    assert {row.words for row in form.rivals.rows} == {"pos kamling", "depan SD"}
    assert "Meja 1" in " ".join(row.detail for row in form.rivals.rows)
    wanted = next(row.number for row in form.rivals.rows if row.words == "depan SD")
    screen.key(Qt.Key(Qt.Key.Key_0.value + wanted))
    screen.settle()
    field = screen.incident().fields["landmark"]
    assert not field.rival
    assert field.face == "depan SD"
    assert not form.rivals.isVisible()
    screen.until(lambda: form.landmark.text() == "depan SD")
    exchange(screen.seat, neighbour)
    assert not done(neighbour.desk.ask(lambda db: views.incident(db, uid))).fields["landmark"].rival


def in_conflict(screen: Screen, neighbour: Seat) -> None:
    """The landmark has a value of this desk and one of another."""
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    uid = screen.window.desk_page.form.incident
    exchange(screen.seat, neighbour)
    done(intake.edit(neighbour.desk, uid, {"landmark": Edit("pos kamling")}))
    screen.type("depan SD")
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    exchange(screen.seat, neighbour)
    form = screen.window.desk_page.form
    screen.until(lambda: form.landmark.rival)
    screen.settle()


@pytest.mark.promise("M3")
def test_typing_into_a_conflict_replaces_no_value_that_was_not_seen(screen: Screen, neighbour: Seat) -> None:
    in_conflict(screen, neighbour)
    form = screen.window.desk_page.form
    form.landmark.setFocus()
    screen.type("gereja")
    screen.settle()
    screen.type(" tua")
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    values = {value.value for value in screen.incident().fields["landmark"].values}
    assert values == {"gereja tua", "pos kamling"}, "the other desk's value was never shown here"


@pytest.mark.promise("M3")
def test_typing_after_the_rivals_were_opened_replaces_those_that_were_shown(screen: Screen, neighbour: Seat) -> None:
    in_conflict(screen, neighbour)
    form = screen.window.desk_page.form
    screen.alt(Qt.Key.Key_Down)
    assert form.rivals.isVisible()
    screen.key(Qt.Key.Key_Escape)
    form.landmark.setFocus()
    screen.type("gereja")
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    assert [value.value for value in screen.incident().fields["landmark"].values] == ["gereja"]


@pytest.mark.promise("M3")
def test_rivals_the_person_before_opened_are_not_seen_by_the_next(screen: Screen, neighbour: Seat) -> None:
    in_conflict(screen, neighbour)
    screen.seat.staff(operators=2)
    screen.seat.sign_in("op1")
    screen.settle()
    form = screen.window.desk_page.form
    screen.alt(Qt.Key.Key_Down)
    assert form.rivals.isVisible()
    assert len(form.seen("landmark")) == 2
    screen.seat.sign_in("op2")
    assert form.seen("landmark") == ()
