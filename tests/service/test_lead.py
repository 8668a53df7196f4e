from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.service.desks import NOW, hand, opened, ring
from workstation.domain.rows import LinkStatus, Sync
from workstation.service import calls, dispatch, intake, views
from workstation.service.desk import Desk
from workstation.service.dispatch import Plan
from workstation.service.leadviews import percentile
from workstation.service.status import LinkWord

HOUR = 3_600_000


def answered_after(desk: Desk, wait_ms: int, kind: str = "") -> bytes:
    offer = ring(desk)
    calls.answered(desk, offer, desk.clock.now_ms() + wait_ms).result()
    if kind:
        calls.classify(desk, offer, kind).result()
    calls.ended(desk, offer, "desk_hung_up", desk.clock.now_ms() + wait_ms + 30_000).result()
    hand(desk).advance(120_000)
    return offer


def test_the_figures_of_the_shift_add_up(desk: Desk) -> None:
    real = answered_after(desk, 4000, "emergency")
    answered_after(desk, 15_000, "prank")
    answered_after(desk, 15_001, "silent")
    answered_after(desk, 1000)
    gone = ring(desk)
    calls.ended(desk, gone, "caller_hung_up", desk.clock.now_ms() + 8000).result()
    incident = opened(desk, real)
    dispatch.plan(desk, incident, [Plan("damkar", "radio"), Plan("pln", "phone")]).result()
    for row, at in zip(
        desk.ask(lambda db: views.board(db, NOW)).result()[0].assignments, (90_000, 44_000), strict=True
    ):
        dispatch.notified(desk, row.uid, "call", NOW + 4000 + at).result()
    told = desk.ask(lambda db: views.queue(db, desk.clock.now_ms() + 1000)).result()
    assert (told.calls, told.answered, told.answered_in_15_s, told.abandoned) == (5, 4, 3, 1)
    assert (told.noise, told.untyped) == (2, 1)
    assert (told.call_to_agency_n, told.call_to_agency_p90_s, told.call_to_agency_p50_s) == (1, 44.0, 44.0)
    assert dict(told.by_type) == {"emergency": 1, "prank": 1, "silent": 1}
    assert sum(count for _, count, _ in told.by_hour) == told.answered
    later = desk.ask(lambda db: views.queue(db, NOW + 9 * HOUR)).result()
    assert (later.calls, later.call_to_agency_p90_s, later.call_to_agency_n) == (0, None, 0)


@pytest.mark.parametrize(("share", "value"), [(50, 5.0), (90, 9.0), (91, 10.0), (100, 10.0)])
def test_a_percentile_is_a_value_that_was_measured(share: int, value: float) -> None:
    assert percentile([float(n) for n in range(1, 11)], share) == value


def test_the_hours_nothing_was_heard_of_the_others_stand_beside_the_figures(desk: Desk) -> None:
    word = LinkWord(desk.store, desk.clock)
    up = LinkStatus("up", NOW, NOW, "hub", 0, None, 0)
    word.take(up)
    word.take(replace(up, state="down", since_at=NOW + HOUR))
    word.take(replace(up, state="down", since_at=NOW + HOUR, unsent=3))
    word.take(replace(up, since_at=NOW + 2 * HOUR))
    word.take(replace(up, state="refused", since_at=NOW + 3 * HOUR))
    desk.store.write(lambda tx: None).result()  # the writer is past all that was noted
    told = desk.ask(lambda db: views.queue(db, NOW + 4 * HOUR)).result()
    assert told.offline == ((NOW + HOUR, NOW + 2 * HOUR), (NOW + 3 * HOUR, NOW + 4 * HOUR))
    assert told.offline_s == 2 * 3600
    assert word.status().state == "refused"
    assert LinkWord(desk.store, desk.clock).status().state == "off"


def test_a_row_is_on_the_server_when_the_server_said_so_and_not_before(desk: Desk) -> None:
    incident = opened(desk)

    def seen() -> Sync:
        return desk.ask(lambda db: views.board(db, NOW)).result()[0].sync

    assert seen() is Sync.LOCAL
    desk.store.acked(desk.store.vector()).result()
    assert seen() is Sync.SERVER
    intake.note(desk, incident, "api dari dapur").result()
    intake.note(desk, incident, "dua orang di dalam").result()
    assert seen() is Sync.QUEUED
    (row,) = desk.ask(views.unsent).result()
    assert (row.kind, row.number, row.count, row.sync) == ("incident.noted", "AMB-3-0001", 2, Sync.QUEUED)
    told = desk.ask(lambda db: views.queue(db, NOW + 1)).result()
    assert (told.unsent, told.oldest_unsent_at) == (2, NOW)
    desk.store.acked(desk.store.vector()).result()
    assert desk.ask(views.unsent).result() == []


def test_desks_are_what_they_were_last_heard_doing(desk: Desk) -> None:
    talking = ring(desk)
    calls.answered(desk, talking, NOW + 1000).result()
    (row,) = desk.ask(lambda db: views.desks(db, NOW + 5000)).result()
    assert (row.name, row.state, row.since_at, row.calls_last_hour) == ("Meja 3", "talking", NOW + 1000, 1)
    calls.ended(desk, talking, "desk_hung_up", NOW + 9000).result()
    (row,) = desk.ask(lambda db: views.desks(db, NOW + 10_000)).result()
    assert (row.state, row.person) == ("empty", "")
