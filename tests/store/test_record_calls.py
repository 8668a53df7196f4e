"""Rings, calls, incidents and people in the record, whatever came first."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.opwire import parse
from tests.store.desks import admitted, desk, desks, exchange, merge, opens, rings, rows
from tests.store.sites import enrol_person, found
from workstation.domain.hlc import HandClock, stamp
from workstation.domain.ops import Op
from workstation.store import Tx


def hangs_up(offer: bytes) -> Callable[[Tx], object]:
    """An act: the caller gives up."""
    return lambda tx: tx.append("offer.ended", offer, {"at": tx.now() + 900, "reason": "caller_hung_up"})


@pytest.mark.promise("M11")
def test_one_caller_two_desks_ringing_is_one_call_and_not_abandoned(tmp_path: Path) -> None:
    clock = HandClock()
    with desk(tmp_path, 1, clock=clock) as one, desk(tmp_path, 2, clock=clock) as two:
        first = one.write(rings("Meja 1")).result(10).value
        clock.advance(150)
        second = two.write(rings("Meja 2")).result(10).value
        one.write(lambda tx: tx.append("offer.answered", first, {"at": tx.now()})).result(10)
        two.write(lambda tx: tx.append("offer.ended", second, {"at": tx.now(), "reason": "cancelled"})).result(10)
        assert rows(two, "select status, offers from call") == [
            {"status": "abandoned", "offers": 1}
        ]  # it knows no better yet
        exchange(one, two)
        for store in (one, two):
            assert rows(store, "select uid, offer, status, offers, desk from call") == [
                {"uid": first, "offer": first, "status": "talking", "offers": 2, "desk": "Meja 1"}
            ]
        two.write(lambda tx: tx.append("call.classified", second, {"set": {"type": ["emergency", []]}})).result(10)
        one.write(lambda tx: tx.append("call.classified", first, {"set": {"type": ["report", []]}})).result(10)
        exchange(one, two)
        assert [rows(store, "select rivals from call") for store in (one, two)] == [[{"rivals": 1}]] * 2


@pytest.mark.promise("M11")
def test_a_caller_who_gives_up_is_one_abandoned_call(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        for store, name in ((one, "Meja 1"), (two, "Meja 2")):
            offer = store.write(rings(name, "")).result(10).value
            store.write(hangs_up(offer)).result(10)
        exchange(one, two)
        again = one.write(rings("Meja 1", "", at=HandClock().now_ms() + 1500)).result(10).value
        exchange(one, two)
        for store in (one, two):
            found = rows(store, "select status, offers from call order by offers")
            assert found == [{"status": "ringing", "offers": 1}, {"status": "abandoned", "offers": 2}]
            assert rows(store, "select status from call where uid = ?", again) == [{"status": "ringing"}]


@pytest.mark.promise("M11")
@pytest.mark.parametrize("seed", range(4))
def test_calls_do_not_depend_on_the_order_of_arrival(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ops: dict[int, list[Op]] = {n: [] for n in (1, 2, 3)}
    for n in range(90):
        replica = chance.choice([1, 2, 3])
        at = 1_000_000 + chance.randrange(40_000)
        number, key = chance.choice(["", "+621", "+622"]), chance.choice(["", "", "a", "b"])
        body = {"number": number, "e164": "", "identity": "mobile", "display": "", "dialled": "112", "key": key,
                "sip_call_id": "", "desk": f"Meja {replica}", "at": at}  # fmt: skip
        uid = bytes([n]) * 16
        for kind, more in (("offer.rang", body), ("offer.ended", {"at": at + 9, "reason": "cancelled"})):
            seq = len(ops[replica]) + 1
            ops[replica].append(Op(replica, seq, stamp(at), uid, kind, 1, b"", "AMB", at, more))
    found = []
    for turn in range(3):
        with desk(tmp_path, 20 + turn) as store:
            queues = {number: list(queue) for number, queue in ops.items()}
            while any(queues.values()):
                queue = queues[chance.choice([number for number, left in queues.items() if left])]
                portion = chance.randint(1, 40)
                merge(store, *queue[:portion])
                del queue[:portion]
            found.append(rows(store, "select uid, offer, offers, status, rang_at, ended_at from call order by uid"))
    assert found[0] == found[1] == found[2]
    assert 3 < len(found[0]) < 90


@pytest.mark.promise("M11")
def test_a_ring_told_twice_counts_as_the_earlier_one(tmp_path: Path) -> None:
    """Two replicas tell of one offer differently; the calls are those of the earlier telling, in either order."""
    uids = [bytes([n]) * 16 for n in (1, 2, 3)]

    def rang(replica: int, seq: int, uid: bytes, at: int, hlc: int) -> Op:
        body = {"number": "+621", "e164": "", "identity": "mobile", "display": "", "dialled": "112", "key": "",
                "sip_call_id": "", "desk": f"Meja {replica}", "at": at}  # fmt: skip
        return Op(replica, seq, hlc, uid, "offer.rang", 1, b"", "AMB", at, body)

    early, late = rang(1, 1, uids[0], 1_000, 50), rang(2, 1, uids[0], 90_000, 60)
    others = [rang(3, 1, uids[1], 1_500, 70), rang(3, 2, uids[2], 90_500, 80)]
    found = []
    for turn, order in enumerate(([*others, late, early], [early, late, *others])):
        with desk(tmp_path, 30 + turn) as store:
            for op in order:
                merge(store, op)
            found.append(rows(store, "select uid, offers, rang_at from call order by uid"))
    assert (
        found[0]
        == found[1]
        == [
            {"uid": uids[0], "offers": 2, "rang_at": 1_000},
            {"uid": uids[2], "offers": 1, "rang_at": 90_500},
        ]
    )


def test_assignments_and_links_stand_whatever_came_first(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        offer = one.write(rings()).result(10).value
        incident = one.write(opens(call=offer)).result(10).value

        def plan(tx: Tx) -> bytes:
            uid = tx.uid()
            body = {"incident": incident, "agency": "damkar", "channel": "phone", "unit": "", "at": tx.now()}
            tx.append("assignment.planned", uid, body)
            return uid

        assignment = one.write(plan).result(10).value
        done = one.write(
            lambda tx: tx.append("assignment.notified", assignment, {"at": tx.now(), "proof": "call"})
        ).result(10)
        assert done.changes.incidents == {incident} and done.changes.calls == {offer}
        assert rows(one, "select status from incident") == [{"status": "dispatched"}]
        ties = rows(one, "select source, kind, target, live from link")
        assert ties == [{"source": incident, "kind": "call", "target": offer, "live": 1}]
        # The assignment's author is another replica, heard before the incident's.
        ops = [parse(s.raw).op for s in one.page({}, 10) if s.seq > 2]
        parted = [op._replace(replica=5, seq=n) for n, op in enumerate(ops, 1)]
        merge(two, *parted)
        assert rows(two, "select status from incident") == []
        two.merge(admitted(two, one.page({}, 2))).result(10)
        assert rows(two, "select status from incident") == [{"status": "dispatched"}]


def test_closing_and_reopening(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        incident = one.write(opens()).result(10).value
        one.write(lambda tx: tx.append("incident.closed", incident, {"at": 50, "disposition": "handled"})).result(10)
        assert rows(one, "select status, open, closed_at, disposition from incident") == [
            {"status": "closed", "open": 0, "closed_at": 50, "disposition": "handled"}
        ]
        exchange(one, two)
        two.write(lambda tx: tx.append("incident.reopened", incident, {"at": 60, "reason": "again"})).result(10)
        one.write(lambda tx: tx.append("incident.closed", incident, {"at": 70, "disposition": "false"})).result(10)
        exchange(one, two)
        assert [rows(store, "select status, disposition from incident") for store in (one, two)] == [
            [{"status": "draft", "disposition": ""}]
        ] * 2
        two.write(lambda tx: tx.append("incident.closed", incident, {"at": 80, "disposition": "done"})).result(10)
        exchange(one, two)
        assert rows(one, "select status, closed_at, disposition from incident") == [
            {"status": "closed", "closed_at": 80, "disposition": "done"}
        ]


def test_where_a_person_is_signed_in(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        uid = enrol_person(store, "op1")
        for kind, name, at, seat in (
            ("signed_in", "Meja 1", 10, {"desk": "Meja 1", "since_at": 10}),
            ("signed_in", "Meja 2", 20, {"desk": "Meja 2", "since_at": 20}),
            ("signed_out", "Meja 2", 30, {"desk": "Meja 1", "since_at": 10}),
            ("signed_out", "Meja 1", 40, {"desk": "", "since_at": None}),
        ):
            body = {"desk": name, "at": at}
            store.write(lambda tx, k=kind, b=body: tx.append(f"person.{k}", uid, b)).result(10)
            assert rows(store, "select desk, since_at from person") == [seat]
