"""The form on a real record: keys in, ops out within 250 ms, nothing typed overwritten, rivals shown and settled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QElapsedTimer, Qt
from PySide6.QtWidgets import QApplication

from tests.screens.seat import NOW, Seat, done, exchange
from tests.ui.screen import Screen
from ui.intake.where import read_point
from workstation.domain.hlc import HandClock
from workstation.domain.rows import Step
from workstation.domain.sentence import say
from workstation.service import intake, unfinished, views
from workstation.service.desk import Edit
from workstation.store import StoreFailed


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


def recorded(screen: Screen, name: str, value: object) -> bool:
    uid = screen.window.desk_page.form.incident
    view = done(screen.seat.desk.ask(lambda db: views.incident(db, uid))) if uid else None
    field = view.fields.get(name) if view else None
    return field is not None and field.face == value


@pytest.mark.promise("U1", "D2")
def test_a_field_is_on_disk_within_a_quarter_of_a_second_of_its_last_key(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_P)
    screen.type("x")
    screen.settle()  # the incident is open; what is measured is the field
    taken: list[int] = []
    # A test run shares the machine and the promise is for a desk that is not shared: the best of a few runs counts.
    while len(taken) < 5 and (not taken or min(taken) > 250):
        screen.type("depan masjid")
        timer = QElapsedTimer()
        timer.start()
        wanted = screen.window.desk_page.form.landmark.text()
        while not recorded(screen, "landmark", wanted):
            assert timer.elapsed() < 2000, "never written"
            QApplication.processEvents()
        taken.append(timer.elapsed())
        screen.settle()
    assert min(taken) <= 250, f"{taken} ms"


@pytest.mark.promise("U1", "D2")
def test_typing_without_a_pause_is_saved_while_it_goes_on(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_P)
    form, timer = screen.window.desk_page.form, QElapsedTimer()
    timer.start()
    keys = itertools.cycle("jl 5 ")
    before: list[str] = []
    typed = ""
    while timer.elapsed() < 1500:
        key, next_at = next(keys), timer.elapsed() + 50  # three times as fast as the pause a write could wait for
        typed += key
        screen.type(key)
        while timer.elapsed() < next_at:
            QApplication.processEvents()
        assert form.landmark.text() == typed, "the answer to a write never touches what is being typed"
        before += [part for part in (typed[:n] for n in range(1, len(typed))) if recorded(screen, "landmark", part)]
    assert len(set(before)) > 1, "the record follows the typing"
    screen.settle()
    assert screen.value("landmark") == typed


@pytest.mark.promise("U1")
def test_a_note_typed_without_a_pause_is_kept_while_it_goes_on(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_C)
    kept, timer = screen.seat.desk, QElapsedTimer()
    timer.start()
    found = ""
    while timer.elapsed() < 1500 and not found:
        next_at = timer.elapsed() + 50
        screen.type("a")
        while timer.elapsed() < next_at:
            QApplication.processEvents()
        found = done(kept.kept(unfinished.KEPT_AS, ""))
    assert "aa" in found


@pytest.mark.promise("U1")
def test_a_pause_in_a_word_takes_no_space_and_adds_no_zeros(screen: Screen) -> None:
    """The record's form of a value is shown when the field is left, not between two keys."""
    screen.talking()
    screen.type("batu ")
    screen.settle()
    screen.type("karang")
    form = screen.window.desk_page.form
    assert form.village.text() == "batu karang"
    form.rt.setFocus()
    screen.type("1")
    screen.settle()
    screen.type("2")
    assert form.rt.text() == "12"
    screen.key(Qt.Key.Key_Tab)
    screen.settle()
    assert form.rt.text() == "012"
    assert screen.value("rt") == "012"


@pytest.mark.promise("U1")
def test_leaving_a_field_writes_it_at_once(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_P)
    screen.type("jembatan")
    draft = screen.window.desk_page.form.draft
    assert "landmark" in draft.dirty
    screen.key(Qt.Key.Key_Tab)
    assert not draft.dirty, "it is on its way the moment the focus goes"
    screen.settle()
    assert screen.value("landmark") == "jembatan"


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
@pytest.mark.expected_log("an answer failed")
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


@pytest.mark.promise("U1", "M5")
def test_notes_are_only_added_each_with_its_time(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_C)
    screen.type("api dari dapur")
    screen.enter()
    screen.settle()
    screen.seat.clock.advance(9000)
    screen.type("dua orang di atas")
    screen.key(Qt.Key.Key_Backtab)
    screen.settle()
    notes = screen.incident().notes
    assert [note.text for note in notes] == ["api dari dapur", "dua orang di atas"], "leaving the line adds it"
    assert notes[1].at - notes[0].at >= 9000
    form = screen.window.desk_page.form
    assert form.note.text() == ""
    assert form.notes.lines.rowCount() == 2


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
