"""The retention clock: ordered, held, erased everywhere, and the chains stay valid (promises M2, D6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.service.desks import exchange, hand, ring
from tests.service.lead_desk import DAY, as_, closed_case, staffed
from workstation.domain.hlc import HandClock
from workstation.domain.ids import Uid
from workstation.service import calls, duplicates, intake, retention, views
from workstation.service.desk import BadValue, Desk, NotAllowed, TooLate
from workstation.service.retention import Applied, Due
from workstation.settings import RetentionSettings
from workstation.store import check, reads

pytestmark = [pytest.mark.usefixtures("quick_secrets"), pytest.mark.promise("M2", "D6")]
RULES = RetentionSettings(incident_days=90, call_days=30, access_days=60, grace_days=7)


def ruled(desk: Desk) -> Desk:
    desk.settings = replace(desk.settings, retention=RULES)
    return staffed(desk)


@pytest.fixture
def lead(desk: Desk) -> Iterator[Desk]:
    yield ruled(desk)


def due(desk: Desk) -> Due:
    return desk.see(views.due, desk.clock.now_ms(), desk.settings.retention).result(10)


def counts(desk: Desk) -> tuple[int, int, int, int]:
    found = due(desk)
    return len(found.fresh), len(found.waiting), len(found.ripe), len(found.held)


def apply(desk: Desk, why: str = "90 hari lewat") -> Applied:
    return retention.apply(desk, why).result(30)


def bodies(desk: Desk, uid: Uid) -> int:
    """How many ops of an entity still say something."""
    ops = desk.ask(lambda db: reads.ops_of(db, uid)).result(10)
    assert ops
    return sum(bool(op.body) for op in ops)


def test_what_is_past_its_time_is_ordered_then_erased_after_the_days_of_grace(lead: Desk) -> None:
    incident, offer = closed_case(lead)
    assert counts(lead) == (0, 0, 0, 0)
    hand(lead).advance(91 * DAY)
    fresh, offer_late = closed_case(lead, "081200004499")
    assert counts(lead) == (1, 0, 0, 0)
    assert apply(lead).ordered == 3, "the incident, its agency's part, its call"
    assert counts(lead) == (0, 1, 0, 0) and apply(lead) == Applied()
    hand(lead).advance(7 * DAY)
    assert counts(lead) == (0, 0, 1, 0)
    assert apply(lead).erased == 3
    assert bodies(lead, incident) == bodies(lead, offer) == 0
    assert bodies(lead, fresh) > 0 and bodies(lead, offer_late) > 0
    assert counts(lead) == (0, 0, 0, 0) and due(lead).erased == 3
    assert lead.ask(reads.broken_chains).result(10) == {}
    assert lead.see(views.board, lead.clock.now_ms()).result(10) == []
    rows = {row.uid: row for row in lead.see(views.calls_page).result(10)}
    assert rows[offer].number == "" and rows[offer_late].number == "081200004499"
    view = lead.see(views.incident, incident).result(10)
    assert view is not None and view.fields == {} and all(note.text == "" for note in view.notes)


def test_a_hold_keeps_an_incident_and_all_that_belongs_to_it_until_it_is_lifted(lead: Desk) -> None:
    incident, offer = closed_case(lead)
    other, _ = closed_case(lead, "081200004499")
    hold = retention.place_hold(lead, [incident], "perkara 12/2026").result(10)
    hand(lead).advance(200 * DAY)
    assert counts(lead) == (1, 0, 0, 1)
    apply(lead)
    hand(lead).advance(8 * DAY)
    assert apply(lead).erased == 3
    assert bodies(lead, incident) > 0 and bodies(lead, offer) > 0 and bodies(lead, other) == 0
    (row,) = lead.see(views.holds).result(10)
    assert (row.uid, row.reason, row.live, row.person) == (hold, "perkara 12/2026", True, "Kepala1")
    assert row.on == (lead.see(views.incident, incident).result(10).row.number,)  # type: ignore[union-attr]
    retention.lift_hold(lead, hold, "putusan tetap").result(10)
    with pytest.raises(TooLate):
        retention.lift_hold(lead, hold, "lagi").result(10)
    assert apply(lead).ordered == 3
    hand(lead).advance(8 * DAY)
    assert apply(lead).erased == 3 and bodies(lead, incident) == 0


def test_a_hold_that_comes_in_the_days_of_grace_is_in_time(lead: Desk) -> None:
    incident, offer = closed_case(lead)
    hand(lead).advance(91 * DAY)
    apply(lead)
    retention.place_hold(lead, [offer], "rekaman diminta polisi").result(10)
    hand(lead).advance(30 * DAY)
    assert counts(lead) == (0, 0, 0, 1) and apply(lead) == Applied()
    assert bodies(lead, incident) > 0, "a hold on the call keeps its incident, too"


def test_a_hold_that_comes_while_the_record_is_gone_through_is_in_time(
    lead: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, _ = closed_case(lead)
    hand(lead).advance(91 * DAY)
    apply(lead)
    hand(lead).advance(8 * DAY)
    look = retention.due

    def slow(*given: Any) -> Due:
        found = look(*given)
        monkeypatch.undo()
        retention.place_hold(lead, [incident], "polisi").add_done_callback(lambda _: None)
        return found

    monkeypatch.setattr(retention, "due", slow)
    assert apply(lead) == Applied() and bodies(lead, incident) > 0


def test_what_was_opened_again_is_not_erased(lead: Desk) -> None:
    incident, _ = closed_case(lead)
    hand(lead).advance(91 * DAY)
    apply(lead)
    intake.reopen(lead, incident, "korban meninggal kemudian").result(10)
    hand(lead).advance(30 * DAY)
    assert counts(lead) == (0, 0, 0, 0) and apply(lead) == Applied() and bodies(lead, incident) > 0


def test_a_call_goes_with_the_last_of_its_incidents_and_one_without_by_its_own_time(lead: Desk) -> None:
    first, offer = closed_case(lead)
    alone = ring(lead, "081299990000")
    calls.ended(lead, alone, "caller_hung_up", lead.clock.now_ms() + 5000).result(10)
    second, _ = closed_case(lead, "081200004499")
    intake.reopen(lead, second, "masih berjalan").result(10)
    duplicates.link_call(lead, second, offer).result(10)
    hand(lead).advance(31 * DAY)
    assert [bundle.of for bundle in due(lead).fresh] == [alone]
    hand(lead).advance(60 * DAY)
    apply(lead)
    hand(lead).advance(8 * DAY)
    assert apply(lead).erased == 3, "the call alone, the first incident and its agency's part"
    assert bodies(lead, first) == bodies(lead, alone) == 0 and bodies(lead, offer) > 0


def test_without_a_rule_nothing_is_ever_past_its_time(desk: Desk) -> None:
    staffed(desk)
    closed_case(desk)
    hand(desk).advance(4000 * DAY)
    assert apply(desk) == Applied()


def test_who_may_not_and_who_gives_no_reason(lead: Desk) -> None:
    incident, _ = closed_case(lead)
    with pytest.raises(BadValue):
        retention.place_hold(lead, [incident], " ").result(10)
    with pytest.raises(BadValue):
        apply(lead, "")
    as_(lead, "teknisi1")
    with pytest.raises(NotAllowed):
        retention.place_hold(lead, [incident], "x").result(10)
    assert apply(lead) == Applied(), "IT applies the rule, and holds nothing"


def test_many_go_in_small_transactions_and_it_says_that_there_is_more(
    lead: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "TOGETHER", 4)
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for n in range(5):
        closed_case(lead, f"08120000{n:04d}")
    hand(lead).advance(91 * DAY)
    told = [apply(lead), apply(lead)]
    assert [(one.ordered, one.more) for one in told] == [(8, True), (7, False)]
    hand(lead).advance(7 * DAY)
    assert [apply(lead).erased for _ in range(3)] == [8, 7, 0]
    kinds = "select count(*) from op where kind = 'record.erased'"
    assert lead.ask(lambda db: db.execute(kinds).fetchone()[0]).result(10) == 4


def test_every_desk_erases_the_same_and_the_words_are_gone_from_the_file(tmp_path: Path) -> None:
    from tests.service.desks import NOW, a_desk

    clock = HandClock(NOW)
    with a_desk(tmp_path, 1, clock) as one, a_desk(tmp_path, 2, clock) as two:
        ruled(one)
        incident, _ = closed_case(one)
        exchange(one, two)
        assert bodies(two, incident) > 0
        clock.advance(91 * DAY)
        apply(one)
        clock.advance(8 * DAY)
        apply(one)
        exchange(one, two)
        assert bodies(two, incident) == 0 and one.store.digest() == two.store.digest()
        assert one.store.heads() == two.store.heads()
        assert check.whole(two.store.path, bytes(range(32))) == []
