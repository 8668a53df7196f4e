"""Search as the desk asks it: names of types and places, marked words, who may, and every look in the log (D4, D6)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.desks import NOW, a_desk, exchange, hand, opened, ring
from workstation.domain.ids import Uid
from workstation.domain.rows import FoundRows, Person
from workstation.service import intake, views
from workstation.service.desk import Desk, Edit, NotAllowed, Pending
from workstation.service.search import EXCERPT, Named, Stopped


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with a_desk(tmp_path) as made:
        made.person = Person(b"p" * 16, "op1", "Operator 1", "operator", made.name, NOW)
        yield made


def ask(desk: Desk, text: str) -> Pending[FoundRows]:
    named = Named(desk.catalogue, desk.gazetteer)
    return desk.aside().see(views.search, text, named, lambda: False)


def found(desk: Desk, text: str) -> list[Uid]:
    return [row.uid for row in ask(desk, text).result(10).rows]


def edited(desk: Desk, incident: Uid, **values: object) -> None:
    intake.edit(desk, incident, {name: Edit(value) for name, value in values.items()}).result(10)


@pytest.mark.promise("D4")
def test_an_incident_is_found_by_the_names_of_its_type_and_place_in_both_languages(desk: Desk) -> None:
    village = next(v for v in desk.gazetteer.villages if v.name == "Waihoka")
    fire, other = opened(desk), opened(desk)
    edited(desk, fire, type="structure_fire", village=village.code, landmark="Gereja Silo")
    edited(desk, other, landmark="Gereja Maranatha")
    for text in ("kebakaran bang", "kebakaran waih", "fire silo", "waihoka gereja", village.district + " silo"):
        assert found(desk, text) == [fire], text
    assert found(desk, "gereja") == [other, fire]


@pytest.mark.promise("D4")
def test_a_row_says_which_incident_and_which_words_stand_where(desk: Desk) -> None:
    offer = ring(desk, "081344556677")
    incident = opened(desk, offer)
    edited(desk, incident, type="structure_fire", landmark="Gereja Silo")
    long = "kata " * 60 + "api di atap, api lagi" + " kata" * 60
    intake.note(desk, incident, long).result(10)
    (row,) = ask(desk, "silo api").result(10).rows
    assert (row.uid, row.type, row.landmark, row.opened_at) == (incident, "structure_fire", "Gereja Silo", NOW)
    assert row.number.startswith("AMB-3-")
    pieces = {piece.field: piece for piece in row.pieces}
    assert [pieces["landmark"].text[a:b] for a, b in pieces["landmark"].marks] == ["Silo"]
    note = pieces["note"]
    assert [note.text[a:b] for a, b in note.marks] == ["api", "api"]
    assert len(note.text) <= EXCERPT + 2 and note.text.startswith("…") and note.text.endswith("…")
    assert found(desk, "081344") == [incident], "the number of its call"
    assert found(desk, row.number) == [incident]


@pytest.mark.promise("D4")
def test_one_from_another_desk_that_came_late_stands_where_it_was_opened(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with a_desk(folder, 4) as other:
        theirs = opened(other)
        edited(other, theirs, landmark="silo lama")
        hand(desk).advance(60_000)
        own = opened(desk)
        edited(desk, own, landmark="silo baru")
        exchange(desk, other)
        assert found(desk, "silo") == [own, theirs]


@pytest.mark.promise("D6")
@pytest.mark.parametrize(("role", "may"), [("", False), ("it", False), ("operator", True), ("lead", True)])
def test_who_takes_calls_may_search_and_every_look_is_in_the_log(desk: Desk, role: str, may: bool) -> None:
    incident = opened(desk)
    edited(desk, incident, caller_name="Rahasia")
    desk.person = Person(b"p" * 16, "x", "X", role, desk.name, NOW) if role else None
    if may:
        assert found(desk, "rahasia \ud800") == found(desk, "rahasia") == [incident]
    else:
        with pytest.raises(NotAllowed):
            found(desk, "rahasia")
    log = desk.store.read(views.access_log).result(10)
    looks = [(line.role, line.about, line.rows) for line in log if line.view == "search"]
    assert looks == ([(role, "rahasia", 1), (role, "rahasia ?", 1)] if may else [])


@pytest.mark.promise("D4")
def test_a_search_holds_up_no_form_and_one_nobody_wants_is_given_up(desk: Desk) -> None:
    incident = opened(desk)
    edited(desk, incident, landmark="Silo")
    entered, go = threading.Event(), threading.Event()

    def stop() -> bool:
        entered.set()
        assert go.wait(10)
        return True

    asked = desk.aside().see(views.search, "silo", lambda _text: (), stop)
    assert entered.wait(10)
    assert desk.see(views.incident, incident).result(10) is not None, "while the search is still at work"
    go.set()
    with pytest.raises(Stopped):
        asked.result(10)
    assert all(line.view != "search" for line in desk.store.read(views.access_log).result(10)), "nothing was shown"
