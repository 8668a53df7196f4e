"""An incident whose call is not on record yet: the disk was full while it rang, or the screen came back first."""

from __future__ import annotations

import pytest

from tests.service.desks import NOW, exchange, opened, ring
from workstation.domain.ids import Uid
from workstation.domain.rows import CallRow
from workstation.service import calls, intake, views
from workstation.service.desk import Desk, Edit


def row(desk: Desk, offer: Uid) -> CallRow:
    found = desk.ask(lambda db: views.call(db, offer)).result()
    assert found is not None
    return found


def callback(desk: Desk, incident: Uid) -> object:
    view = desk.ask(lambda db: views.incident(db, incident)).result()
    assert view is not None
    field = view.fields.get("callback")
    return field.face if field else None


def told(desk: Desk, offer: Uid, number: str = "081200004417") -> None:
    calls.rang(desk, calls.Ring(offer, number, NOW - 3000, dialled="112")).result()


@pytest.mark.promise("P2")
def test_the_call_that_arrives_later_has_its_type_and_brings_its_number(two: tuple[Desk, Desk]) -> None:
    desk, other = two
    offer = desk.ids.uid()
    incident = opened(desk, offer)
    calls.located(desk, offer).result()
    assert desk.ask(lambda db: views.call(db, offer)).result() is None
    exchange(desk, other)
    told(desk, offer)
    exchange(desk, other)
    for reader in two:
        assert (row(reader, offer).type, row(reader, offer).incidents) == ("emergency", (incident,))
        assert callback(reader, incident) == "081200004417"


@pytest.mark.promise("P2")
def test_the_number_that_arrives_later_leaves_what_was_typed(desk: Desk) -> None:
    offer = desk.ids.uid()
    incident = opened(desk, offer)
    intake.edit(desk, incident, {"callback": Edit("0911-345678")}).result()
    told(desk, offer)
    assert callback(desk, incident) == "0911-345678"


@pytest.mark.parametrize("number", ["", "anonymous", "112"])
def test_a_call_without_a_number_to_call_back_gives_none(desk: Desk, number: str) -> None:
    offer = desk.ids.uid()
    incident = opened(desk, offer)
    told(desk, offer, number)
    assert callback(desk, incident) is None


def test_a_ring_told_twice_gives_its_number_once(desk: Desk) -> None:
    offer = desk.ids.uid()
    opened(desk, offer)
    told(desk, offer)
    before = desk.store.vector()
    told(desk, offer)
    assert desk.store.vector() == before


@pytest.mark.promise("U7")
@pytest.mark.parametrize(
    ("typed", "stands"),
    [("information", "information"), ("report", "report"), ("follow_up", "follow_up"), ("silent", "emergency")],
)
def test_a_location_makes_an_emergency_of_what_no_key_said_otherwise(desk: Desk, typed: str, stands: str) -> None:
    offer = ring(desk)
    calls.classify(desk, offer, typed).result()
    calls.located(desk, offer).result()
    assert row(desk, offer).type == stands
