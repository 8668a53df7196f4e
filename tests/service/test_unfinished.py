"""A note line that was being typed when the desk went down is in its incident at the next start, once."""

from __future__ import annotations

import json

import pytest

from tests.service.desks import opened, ring
from tests.store.sites import BY_SITE
from workstation.service import calls, duplicates, intake, people, unfinished, views
from workstation.service.desk import Desk
from workstation.store import reads


def lines(desk: Desk, incident: bytes) -> list[str]:
    return [note.text for note in desk.ask(lambda db: views.incident(db, incident)).result().notes]


def test_a_line_cut_short_is_taken_up_once(desk: Desk) -> None:
    incident = desk.ids.uid()
    intake.open_incident(desk, incident).result()
    unfinished.keep_line(desk, incident, b"", "dua orang masih di la").result()
    unfinished.keep_line(desk, incident, b"", "dua orang masih di lantai").result()
    assert lines(desk, incident) == []
    assert unfinished.take_up_line(desk).result()
    assert lines(desk, incident) == ["dua orang masih di lantai"]
    assert not unfinished.take_up_line(desk).result()
    assert lines(desk, incident) == ["dua orang masih di lantai"]


def test_a_line_that_was_all_there_was_opens_its_incident(desk: Desk) -> None:
    unfinished.keep_line(desk, b"", b"", "tolong, suara anak").result()
    assert unfinished.take_up_line(desk).result()
    rows = desk.ask(lambda db: views.board(db, desk.clock.now_ms())).result()
    assert [lines(desk, row.uid) for row in rows] == [["tolong, suara anak"]]


@pytest.mark.parametrize("minted", [False, True], ids=["no incident yet", "one that was never written"])
@pytest.mark.parametrize("by_link", [False, True], ids=["opened by the call", "tied to it"])
def test_a_line_goes_to_the_incident_its_call_has(desk: Desk, minted: bool, by_link: bool) -> None:
    offer, incident = desk.ids.uid(), desk.ids.uid()
    calls.rang(desk, calls.Ring(offer, "081200004417", desk.clock.now_ms())).result()
    intake.open_incident(desk, incident, b"" if by_link else offer).result()
    if by_link:
        duplicates.link_call(desk, incident, offer).result()
    unfinished.keep_line(desk, desk.ids.uid() if minted else b"", offer, "suara anak").result()
    assert unfinished.take_up_line(desk).result()
    rows = desk.ask(lambda db: views.board(db, desk.clock.now_ms())).result()
    assert [row.uid for row in rows] == [incident], "no second incident for one call"
    assert lines(desk, incident) == ["suara anak"]


@pytest.mark.promise("P2")
@pytest.mark.usefixtures("quick_secrets")
def test_a_line_taken_up_names_who_typed_it(desk: Desk) -> None:
    """The next start takes it up before anyone signs in."""
    people.enrol(desk, "kepala1", "Kepala 1", "lead", "24681357", BY_SITE).result()
    typed_by = people.sign_in(desk, "kepala1", "24681357").result().uid
    offer = ring(desk)
    unfinished.keep_line(desk, b"", offer, "suara anak").result()
    desk.person = None
    assert unfinished.take_up_line(desk).result()
    row = desk.ask(lambda db: views.call(db, offer)).result()
    assert row is not None
    ops = desk.ask(lambda db: reads.ops_of(db, row.incidents[0])).result()
    assert [(op.kind, op.person) for op in ops] == [("incident.opened", typed_by), ("incident.noted", typed_by)]


def test_a_line_kept_by_an_earlier_version_names_nobody(desk: Desk) -> None:
    incident = opened(desk)
    desk.keep(unfinished.KEPT_AS, json.dumps([incident.hex(), "", "dua orang"])).result()
    assert unfinished.take_up_line(desk).result()
    assert lines(desk, incident) == ["dua orang"]


def test_a_line_that_was_ended_leaves_nothing(desk: Desk) -> None:
    unfinished.keep_line(desk, desk.ids.uid(), b"", "api").result()
    unfinished.keep_line(desk, desk.ids.uid(), b"", "  ").result()
    assert not unfinished.take_up_line(desk).result()
