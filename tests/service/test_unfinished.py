"""A note line that was being typed when the desk went down is in its incident at the next start, once."""

from __future__ import annotations

import pytest

from workstation.service import calls, intake, unfinished, views
from workstation.service.desk import Desk


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
        intake.link(desk, incident, offer).result()
    unfinished.keep_line(desk, desk.ids.uid() if minted else b"", offer, "suara anak").result()
    assert unfinished.take_up_line(desk).result()
    rows = desk.ask(lambda db: views.board(db, desk.clock.now_ms())).result()
    assert [row.uid for row in rows] == [incident], "no second incident for one call"
    assert lines(desk, incident) == ["suara anak"]


def test_a_line_that_was_ended_leaves_nothing(desk: Desk) -> None:
    unfinished.keep_line(desk, desk.ids.uid(), b"", "api").result()
    unfinished.keep_line(desk, desk.ids.uid(), b"", "  ").result()
    assert not unfinished.take_up_line(desk).result()
