"""Two records and a hub: what is forwarded, flagged, joined, proven and equal."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.protocol import GENESIS, ChainBroken, Stored, chained, open_frame, pack, pack_frame
from tests.domain.histories import played
from tests.store.desks import KEY, desk, desks, edits, exchange, opens, rings, rows
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock, ms_of, stamp
from workstation.domain.merge import fold
from workstation.domain.ops import Op
from workstation.store import Store, Tx, read_digest, read_vector, reads
from workstation.store.cipher import connect
from workstation.store.states import pack_state


def stored(*ops: Op) -> list[Stored]:
    return [Stored(op.replica, op.seq, pack(op)) for op in ops]


def hangs_up(offer: bytes) -> Callable[[Tx], object]:
    """An act: the caller gives up."""
    return lambda tx: tx.append("offer.ended", offer, {"at": tx.now() + 900, "reason": "caller_hung_up"})


@pytest.mark.promise("M1")
def test_every_op_says_who_when_what_and_is_chained(tmp_path: Path) -> None:
    clock = HandClock()
    person = b"p" * 16
    with desk(tmp_path, clock=clock) as store:
        incident = store.write(opens()).result(10).value
        store.write(lambda tx: tx.append("incident.noted", incident, {"text": "x", "at": 1}, person)).result(10)
        first, second = store.page({}, 10)
        op = store.read(lambda db: reads.op(db, (1, 2))).result(10)
        assert op is not None
        assert (op.replica, op.seq, op.entity, op.kind, op.person, op.site) == (
            1,
            2,
            incident,
            "incident.noted",
            person,
            "AMB",
        )
        assert ms_of(op.hlc) == op.at == clock.now_ms() and op.version == 1
        assert first.head == chained(GENESIS, first.raw) and second.head == chained(first.head, second.raw)
        assert store.heads() == {1: second.head}


@pytest.mark.promise("M1")
def test_an_altered_op_is_found_on_disk_and_on_the_way(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        for n in range(5):
            store.write(edits(incident, village=f"v{n}")).result(10)
        page = store.page({}, 10)
        assert store.read(reads.broken_chains).result(10) == {}
    assert [one.seq for one in open_frame(pack_frame(page), {}, {})] == [1, 2, 3, 4, 5, 6]
    forged = [*page]
    forged[2] = page[2]._replace(raw=page[2].raw.replace(b"v1", b"v9"))
    with pytest.raises(ChainBroken):
        open_frame(pack_frame(forged), {}, {})
    connection = connect(tmp_path / "desk-1.db", KEY)
    connection.execute("update op set raw = ? where seq = 3", [forged[2].raw])
    connection.close()
    with desk(tmp_path) as store:
        assert store.read(reads.broken_chains).result(10) == {1: 3}


@pytest.mark.promise("M8")
def test_a_kind_of_tomorrow_is_kept_forwarded_and_harmless(tmp_path: Path) -> None:
    clock = HandClock()
    incident = b"i" * 16
    body = {"number": "AMB-9-1", "call": b"", "desk": "Meja 9", "at": clock.now_ms()}
    known = Op(9, 1, stamp(clock.now_ms()), incident, "incident.opened", 1, b"", "AMB", clock.now_ms(), body)
    alien = Op(
        9,
        2,
        stamp(clock.now_ms(), 1),
        incident,
        "incident.beamed",
        7,
        b"",
        "AMB",
        clock.now_ms(),
        {"to": [{"x": None}]},
    )
    other = alien._replace(seq=3, entity=b"z" * 16, kind="drone.launched")
    # A newer program may put more behind the fields known here: the bytes go on as they are.
    longer = msgspec.msgpack.encode([*msgspec.msgpack.decode(pack(other)), "more", {"salt": b"s"}])
    with desks(tmp_path, 3) as (one, two, three):
        one.merge([*stored(known, alien), Stored(9, 3, longer)]).result(10)
        two.merge(one.page({}, 10)).result(10)
        three.merge(two.page({}, 10)).result(10)
        assert [s.raw for s in three.page({}, 10)] == [pack(known), pack(alien), longer]
        assert one.digest() == two.digest() == three.digest()
        assert [op.kind for op in three.read(lambda db: reads.ops_of(db, incident)).result(10)] == [
            known.kind,
            alien.kind,
        ]
        assert rows(three, "select type from entity order by id") == [{"type": "incident"}, {"type": ""}]


@pytest.mark.promise("M8")
def test_a_value_that_fits_no_column_shows_empty_and_stays(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        incident = one.write(opens()).result(10).value
        odd = {"priority": "d8", "lat": "north", "village": 7, "lon": 1e400, "injured": 1 << 63, "hazards": {"a": [1]}}
        body = {"set": {name: [value, []] for name, value in odd.items()}}
        now = HandClock().now_ms()
        foreign = Op(8, 1, stamp(now), incident, "incident.edited", 1, b"", "AMB", now, body)
        broken = Op(8, 2, stamp(now), incident, "incident.edited", 1, b"", "AMB", now, {"set": "everything"})
        one.merge(stored(foreign, broken)).result(10)
        two.merge(one.page({}, 10)).result(10)
        row = rows(two, "select priority, lat, lon, village from incident")
        assert row == [{"priority": None, "lat": None, "lon": None, "village": ""}]
        state = two.read(lambda db: reads.state(db, incident)).result(10)
        assert state is not None and state.face("priority") == "d8" and state.face("injured") == 1 << 63
        assert one.digest() == two.digest()


@pytest.mark.promise("M9")
def test_a_skewed_clock_is_kept_flagged_and_never_stops_anything(tmp_path: Path) -> None:
    right, ahead = HandClock(), HandClock()
    ahead.advance(86_400_000)
    with desk(tmp_path, 1, clock=right) as one, desk(tmp_path, 2, clock=ahead) as two:
        incident = two.write(opens()).result(10).value
        two.write(edits(incident, village="Silale")).result(10)
        one.merge(two.page({}, 10)).result(10)
        flagged = one.read(reads.skewed).result(10)
        assert [(item.op.seq, item.op.kind) for item in flagged] == [(2, "incident.edited"), (1, "incident.opened")]
        assert flagged[1].desk == "Meja 1"
        one.write(edits(incident, village="Waihaong")).result(10)
        mine = one.read(lambda db: reads.op(db, (1, 1))).result(10)
        assert mine is not None and ms_of(mine.hlc) <= right.now_ms() + 60_000
        exchange(one, two)
        assert rows(one, "select village, rivals from incident") == [{"village": "Waihaong", "rivals": 0}]
        assert one.digest() == two.digest()
        assert two.read(reads.skewed).result(10) == []


def test_what_is_written_after_hearing_of_an_op_is_stamped_after_it(tmp_path: Path) -> None:
    slow, fast = HandClock(), HandClock()
    fast.advance(30_000)
    with desk(tmp_path, 1, clock=slow) as one, desk(tmp_path, 2, clock=fast) as two:
        incident = two.write(opens()).result(10).value
        one.merge(two.page({}, 10)).result(10)
        one.write(edits(incident, village="Silale")).result(10)
        heard, own = one.read(lambda db: reads.ops_of(db, incident)).result(10)
        assert own.hlc > heard.hlc and own.at < heard.at
        stamped = own.hlc
    with desk(tmp_path, 1, clock=slow) as one:  # and after a restart with the clock still behind
        one.write(edits(incident, village="Waihaong")).result(10)
        assert one.read(lambda db: reads.ops_of(db, incident)).result(10)[-1].hlc > stamped


@pytest.mark.promise("M4", "M8")
def test_cut_off_desks_keep_both_values_and_agree(tmp_path: Path) -> None:
    with desks(tmp_path, 3) as (one, two, hub):
        incident = one.write(opens()).result(10).value
        one.write(edits(incident, village="Batu Merah", type="bencana.flood")).result(10)
        exchange(one, two, hub)
        one.write(edits(incident, village="Waihaong")).result(10)
        two.write(edits(incident, village="Urimessing", priority=2)).result(10)
        exchange(one, hub)
        exchange(two, hub)
        exchange(one, hub)
        assert one.digest() == two.digest() == hub.digest()
        for store in (one, two, hub):
            assert rows(store, "select rivals, priority, status from incident") == [
                {"rivals": 1, "priority": 2, "status": "open"}
            ]
            state = store.read(lambda db: reads.state(db, incident)).result(10)
            assert state and {w.value for w in state.registers["village"].values} == {"Waihaong", "Urimessing"}
        two.write(edits(incident, village="Urimessing")).result(10)
        exchange(one, two, hub)
        assert [rows(store, "select village, rivals from incident") for store in (one, two, hub)] == [
            [{"village": "Urimessing", "rivals": 0}]
        ] * 3


@pytest.mark.promise("M8")
@pytest.mark.parametrize("seed", range(6))
def test_the_store_folds_like_the_domain_in_any_arrival(tmp_path: Path, seed: int) -> None:
    """Random histories, each replica's ops in order but the replicas interleaved by chance, in random portions."""
    chance = random.Random(seed)
    acts = ["edit", "edit", "note", "close", "reopen", "open", "correct", "hear", "alien"]
    fields = ["village", "priority", "landmark"]
    steps = [
        (
            chance.randrange(3),
            chance.choice(acts),
            chance.randrange(2),
            chance.choice(fields),
            *chance.choices(range(50), k=2),
        )
        for _ in range(120)
    ]
    log = played(steps)
    queues = {number: [op for op in log if op.replica == number] for number in (1, 2, 3)}
    with desk(tmp_path, 9) as store:
        while any(queues.values()):
            queue = queues[chance.choice([number for number, left in queues.items() if left])]
            portion = chance.randint(1, 6)
            store.merge(stored(*queue[:portion])).result(10)
            del queue[:portion]
        for uid, state in fold(log).items():
            found = store.read(lambda db, uid=uid: reads.state(db, uid)).result(10)  # type: ignore[misc]
            assert found is not None and pack_state(found) == pack_state(state)
        made = everything(store)
        store.write(lambda tx: tx.set_meta("fold", 0)).result(10)
    with desk(tmp_path, 9) as store:  # another version of the fold: all is made anew, and is the same
        assert everything(store) == made
        assert store.write(lambda tx: tx.meta("fold")).result(10).value == 1


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows made from ops."""
    tables = ("entity", "incident", "link", "offer", "call", "assignment", "person")
    return {name: rows(store, f"select * from {name} order by 1, 2") for name in tables}


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
        again = one.write(rings("Meja 1", "")).result(10).value
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
                store.merge(stored(*queue[:portion])).result(10)
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
                store.merge(stored(op)).result(10)
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
        assert rows(one, "select link.call from link") == [{"call": offer}]
        # The assignment's author is another replica, heard before the incident's.
        ops = [op for s in one.page({}, 10) for op in [s] if s.seq > 2]
        parted = [Op(*msgspec.msgpack.decode(s.raw))._replace(replica=5, seq=n) for n, s in enumerate(ops, 1)]
        two.merge(stored(*parted)).result(10)
        assert rows(two, "select status from incident") == []
        two.merge(one.page({}, 2)).result(10)
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
        uid = b"p" * 16
        facts = {"login": "op1", "name": "Operator 1", "role": "operator", "verifier": "$argon2id$"}
        store.write(lambda tx: tx.append("person.enrolled", uid, facts)).result(10)
        for kind, name, at, seat in (
            ("signed_in", "Meja 1", 10, {"desk": "Meja 1", "since_at": 10}),
            ("signed_in", "Meja 2", 20, {"desk": "Meja 2", "since_at": 20}),
            ("signed_out", "Meja 2", 30, {"desk": "Meja 1", "since_at": 10}),
            ("signed_out", "Meja 1", 40, {"desk": "", "since_at": None}),
        ):
            body = {"desk": name, "at": at}
            store.write(lambda tx, k=kind, b=body: tx.append(f"person.{k}", uid, b)).result(10)  # type: ignore[misc]
            assert rows(store, "select desk, since_at from person") == [seat]


def test_pages_go_in_arrival_order_and_resume_anywhere(tmp_path: Path) -> None:
    with desks(tmp_path, 4) as (one, two, hub, late):
        for n in range(10):
            for store in (one, two):
                store.write(opens(f"n{n}")).result(10)
                hub.merge(store.page(hub.vector(), 10)).result(10)
        whole = hub.page({}, 100)
        assert [(s.replica, s.seq) for s in whole] == [(r, s) for s in range(1, 11) for r in (1, 2)]
        assert hub.page({1: 10, 2: 9}, 100) == whole[-1:]
        assert hub.page(hub.vector(), 100) == [] and hub.page({1: 99, 2: 99}, 100) == []
        while part := hub.page(late.vector(), 3):
            assert len(part) <= 3
            late.merge(part).result(10)
        assert late.digest() == hub.digest()
        assert late.heads() == hub.heads()


def test_another_process_reads_digest_and_vector_while_it_is_written(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
        assert read_digest(tmp_path / "desk-1.db", KEY) == store.digest()
        assert read_vector(tmp_path / "desk-1.db", KEY) == store.vector()
        store.write(opens()).result(10)
        assert read_digest(tmp_path / "desk-1.db", KEY) == store.digest()


def test_the_wal_starts_over_and_the_index_is_merged_while_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.store.tidy.WAL_MOST", 1 << 20)
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        for n in range(300):
            store.write(edits(incident, landmark=f"tanjakan {n} " + "x" * 3000)).result(10)
        assert (tmp_path / "desk-1.db-wal").stat().st_size < 12 << 20
        wait_until(lambda: not store._writer._tidy.wanted, what="the index merged")
    assert threading.active_count() < 20
