from __future__ import annotations

import pytest

from tests.service.desks import NOW, exchange, hand, ring
from workstation.domain.rows import CallRow
from workstation.service import calls, views
from workstation.service.desk import BadValue, Desk, Edit, NotFound, Refused, TooLate
from workstation.service.numbers import read_number
from workstation.store import reads


def row(desk: Desk, offer: bytes) -> CallRow:
    found = desk.ask(lambda db: views.call(db, offer)).result()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shown", "e164", "identity"),
    [
        ("081200004417", "+6281200004417", "mobile"),
        ("+62 812-0000-4417", "+6281200004417", "mobile"),
        ("0911312345", "+62911312345", "landline"),
        ("+61412345678", "+61412345678", "foreign"),
        ("911", "", "no_sim"),
        ("112", "", "no_sim"),
        ("490154203237518", "", "no_sim"),  # the IMEI of TS 23.003's own example family: Luhn holds
        ("anonymous", "", "withheld"),
        ("", "", "withheld"),
        ("sip:meja2", "", "unknown"),
        ("12", "", "unknown"),
    ],
)
def test_a_number_says_what_kind_of_caller_shows_it(shown: str, e164: str, identity: str) -> None:
    caller = read_number(shown)
    assert (caller.e164, caller.identity) == (e164, identity)


def test_a_ring_told_twice_is_one_offer(desk: Desk) -> None:
    offer = ring(desk)
    before = desk.store.vector()
    calls.rang(desk, calls.Ring(offer, "081200004417", NOW, dialled="112")).result()
    calls.answered(desk, offer, NOW + 3000).result()
    calls.answered(desk, offer, NOW + 3000).result()
    assert sum(desk.store.vector().values()) == sum(before.values()) + 1
    seen = row(desk, offer)
    assert (seen.number, seen.e164, seen.identity, seen.dialled) == ("081200004417", "+6281200004417", "mobile", "112")
    assert (seen.status, seen.answered_at, seen.desk) == ("talking", NOW + 3000, "Meja 3")


@pytest.mark.promise("P2")
def test_ringing_answering_and_typing_need_nobody_signed_in(desk: Desk) -> None:
    offer = ring(desk)
    calls.answered(desk, offer, NOW + 4000).result()
    calls.classify(desk, offer, "prank").result()
    ops = desk.ask(lambda db: reads.ops_of(db, offer)).result()
    assert [op.kind for op in ops] == ["offer.rang", "offer.answered", "call.classified"]
    assert {op.person for op in ops} == {b""}
    assert ops[0].body["desk"] == "Meja 3"


@pytest.mark.promise("U7")
def test_a_noise_key_types_the_call_and_leaves_the_line_open(desk: Desk) -> None:
    offer = ring(desk)
    calls.answered(desk, offer, NOW).result()
    calls.classify(desk, offer, "prank").result()
    assert (row(desk, offer).type, row(desk, offer).status) == ("prank", "talking")
    assert desk.catalogue.call_types["prank"].key == "F5"


@pytest.mark.promise("U7")
def test_a_type_is_taken_back_for_30_seconds_and_no_longer(desk: Desk) -> None:
    offer = ring(desk)
    calls.classify(desk, offer, "information").result()
    calls.classify(desk, offer, "silent").result()
    hand(desk).advance(29_000)
    calls.take_back(desk, offer).result()
    assert row(desk, offer).type == "information"
    calls.classify(desk, offer, "silent").result()
    hand(desk).advance(30_001)
    with pytest.raises(TooLate):
        calls.take_back(desk, offer).result()
    assert row(desk, offer).type == "silent"


@pytest.mark.promise("U7")
def test_the_first_type_taken_back_leaves_the_call_untyped(desk: Desk) -> None:
    offer = ring(desk)
    calls.classify(desk, offer, "silent").result()
    calls.take_back(desk, offer).result()
    assert row(desk, offer).type == ""
    with pytest.raises(TooLate):
        calls.take_back(desk, offer).result()


def test_what_does_not_fit_is_refused_and_nothing_is_written(desk: Desk) -> None:
    offer = ring(desk)
    before = desk.store.vector()
    for pending, why in (
        (calls.classify(desk, offer, "nonsense"), BadValue),
        (calls.classify(desk, desk.ids.uid(), "prank"), NotFound),
        (calls.ended(desk, offer, "bored", NOW), BadValue),
        (calls.describe(desk, offer, {"type": Edit("prank")}), BadValue),
        (calls.describe(desk, offer, {"caller_name": Edit(7)}), BadValue),
        (calls.describe(desk, offer, {"caller_name": Edit("x" * 4001)}), BadValue),
    ):
        with pytest.raises(why):
            pending.result()
    assert desk.store.vector() == before


def test_who_calls_is_described_and_told_once(desk: Desk) -> None:
    offer = ring(desk)
    calls.describe(desk, offer, {"caller_name": Edit("Ibu di lorong"), "relation": Edit("witness")}).result()
    before = desk.store.vector()
    calls.describe(desk, offer, {"caller_name": Edit("Ibu di lorong")}).result()
    assert desk.store.vector() == before


@pytest.mark.promise("M11")
def test_who_hangs_up_while_it_rings_is_one_abandoned_call_to_call_back(desk: Desk) -> None:
    offer = ring(desk)
    calls.ended(desk, offer, "caller_hung_up", NOW + 9000).result()
    assert row(desk, offer).status == "abandoned"
    hand(desk).advance(20_000)
    again = ring(desk)
    calls.ended(desk, again, "cancelled", NOW + 23_500).result()
    rows = desk.ask(lambda db: views.abandoned(db, NOW + 30_000)).result()
    assert [(r.number, r.calls, r.longest_ring_s) for r in rows] == [("+6281200004417", 2, 9.0)]
    assert rows[0].call_back_due_at == NOW + 23_500 + 60_000
    # The caller rings again and is heard: nobody need call back.
    hand(desk).advance(60_000)
    heard = ring(desk)
    calls.answered(desk, heard, NOW + 82_000).result()
    assert desk.ask(lambda db: views.abandoned(db, NOW + 90_000)).result() == []


@pytest.mark.promise("M11")
def test_without_a_number_abandoned_calls_stand_apart_and_are_never_due(desk: Desk) -> None:
    for _ in range(2):
        offer = ring(desk, "anonymous")
        calls.ended(desk, offer, "caller_hung_up", desk.clock.now_ms() + 1000).result()
        hand(desk).advance(10_000)
    (silent,) = desk.ask(lambda db: views.abandoned(db, desk.clock.now_ms())).result()
    assert (silent.number, silent.calls, silent.call_back_due_at) == ("", 2, None)


@pytest.mark.promise("M11")
def test_one_caller_ringing_at_two_desks_is_one_call_and_not_abandoned(two: tuple[Desk, Desk]) -> None:
    one, other = two
    first, second = ring(one), ring(other)
    calls.answered(one, first, NOW + 3000).result()
    calls.ended(other, second, "cancelled", NOW + 3100).result()  # no Reason header: the desk cannot know why
    exchange(one, other)
    for desk in two:
        seen = row(desk, second)
        assert (seen.offers, seen.status, seen.offer, seen.desk) == (2, "talking", first, "Meja 1")
        assert desk.ask(lambda db: views.abandoned(db, NOW + 60_000)).result() == []
        assert len(desk.ask(lambda db: views.calls_page(db)).result()) == 1


def test_earlier_calls_are_those_of_the_number_however_it_is_written(desk: Desk) -> None:
    for _ in range(3):
        ring(desk)
        hand(desk).advance(3_600_000)
    ring(desk, "081300008804")
    now = desk.clock.now_ms()
    for written in ("081200004417", "+6281200004417"):
        found = desk.ask(lambda db, n=written: views.earlier_calls(db, n, now)).result()
        assert [seen.rang_at for seen in found] == [NOW + hour * 3_600_000 for hour in (2, 1, 0)]
    assert desk.ask(lambda db: views.earlier_calls(db, "", now)).result() == []
    month = now + 31 * 24 * 3_600_000
    assert desk.ask(lambda db: views.earlier_calls(db, "081200004417", month)).result() == []


def test_the_page_of_calls_goes_on_below_the_last_row(desk: Desk) -> None:
    for _ in range(5):
        ring(desk)
        hand(desk).advance(10_000)
    first = desk.ask(lambda db: views.calls_page(db, limit=3)).result()
    rest = desk.ask(lambda db: views.calls_page(db, before_at=first[-1].rang_at, limit=3)).result()
    assert [seen.rang_at for seen in (*first, *rest)] == [NOW + n * 10_000 for n in (4, 3, 2, 1, 0)]


def test_without_a_line_asking_for_one_is_refused_in_words(desk: Desk) -> None:
    with pytest.raises(Refused, match="no phone line"):
        calls.answer(desk, desk.ids.uid())
