"""Two records and a hub: what is forwarded, flagged, proven and equal."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.frame import sealing
from sync.opwire import GENESIS, next_head, parse
from sync.protocol import Stored
from tests.domain.histories import played
from tests.store.desks import KEY, SALT, admitted, desk, desks, edits, exchange, merge, opens, rows, wire
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock, ms_of, stamp
from workstation.domain.merge import fold
from workstation.domain.ops import Op
from workstation.signing import verify
from workstation.store import Store, Tx, read_digest, read_vector, reads
from workstation.store.cipher import connect
from workstation.store.states import pack_state


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
        opened, noted = parse(first.raw), parse(second.raw)
        assert len(opened.op.salt) == 16 and noted.op.salt == b"", "one salt an entity, in the first op on it"
        head = next_head(next_head(GENESIS, opened, b""), noted, opened.op.salt)
        assert store.heads() == {1: head}
        assert not first.seal and verify(store.device.public, second.seal, sealing(1, 2, head))


@pytest.mark.promise("M1")
def test_an_altered_op_is_found_on_disk(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        for n in range(5):
            store.write(edits(incident, village=f"v{n}")).result(10)
        page = store.page({}, 10)
        assert store.read(reads.broken_chains).result(10) == {}
    connection = connect(tmp_path / "desk-1.db", KEY)
    connection.execute("update op set raw = ? where seq = 3", [page[2].raw.replace(b"v1", b"v9")])
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
    opened, beamed, launched = wire(known, alien, other)
    header, *secret = msgspec.msgpack.decode(launched.raw)
    longer = msgspec.msgpack.encode([[*header, b"", "more", {"salt": b"s"}], *secret])
    with desks(tmp_path, 3) as (one, two, three):
        one.merge(admitted(one, [opened, beamed, Stored(9, 3, longer, bytes(64))])).result(10)
        two.merge(admitted(two, one.page({}, 10))).result(10)
        three.merge(admitted(three, two.page({}, 10))).result(10)
        assert [s.raw for s in three.page({}, 10)] == [opened.raw, beamed.raw, longer]
        assert three.read(reads.broken_chains).result(10) == {}
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
        merge(one, foreign, broken)
        two.merge(admitted(two, one.page({}, 10))).result(10)
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
        one.merge(admitted(one, two.page({}, 10))).result(10)
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
        one.merge(admitted(one, two.page({}, 10))).result(10)
        one.write(edits(incident, village="Silale")).result(10)
        heard, own = one.read(lambda db: reads.ops_of(db, incident)).result(10)
        assert own.hlc > heard.hlc and own.at < heard.at
        stamped = own.hlc
    with desk(tmp_path, 1, clock=slow) as one:  # and after a restart with the clock still behind
        one.write(edits(incident, village="Waihaong")).result(10)
        assert one.read(lambda db: reads.ops_of(db, incident)).result(10)[-1].hlc > stamped


def test_what_was_heard_before_a_restart_is_not_forgotten(tmp_path: Path) -> None:
    slow, fast = HandClock(), HandClock()
    fast.advance(30_000)
    with desk(tmp_path, 1, clock=slow) as one, desk(tmp_path, 2, clock=fast) as two:
        incident = two.write(opens()).result(10).value
        one.merge(admitted(one, two.page({}, 10))).result(10)
    with desk(tmp_path, 1, clock=slow) as one:
        one.write(edits(incident, village="Silale")).result(10)
        heard, own = one.read(lambda db: reads.ops_of(db, incident)).result(10)
        assert own.hlc > heard.hlc


def test_a_copy_of_a_disk_knows_that_the_hub_has_what_its_twin_wrote(tmp_path: Path) -> None:
    with desk(tmp_path / "twin") as twin, desk(tmp_path / "copy") as copy:
        twin.write(opens()).result(10)
        copy.acked(twin.vector()).result(10)  # the hub says so at the first hello, before the op has come
        copy.merge(admitted(copy, twin.page({}, 10))).result(10)
        assert copy.unsent() == (0, None)


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
            assert state and {w.value for w in state.live("village")} == {"Waihaong", "Urimessing"}
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
            merge(store, *queue[:portion])
            del queue[:portion]
        for uid, state in fold(log).items():
            found = store.read(lambda db, uid=uid: reads.state(db, uid)).result(10)  # type: ignore[misc]
            assert found is not None and {salt for _, salt in found.salts} <= {SALT}
            found.salts.clear()
            assert pack_state(found) == pack_state(state)
        made = everything(store)
        store.write(lambda tx: tx.set_meta("fold", 0)).result(10)
    with desk(tmp_path, 9) as store:  # another version of the fold: all is made anew, and is the same
        assert everything(store) == made
        assert store.write(lambda tx: tx.meta("fold")).result(10).value == 1


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows made from ops."""
    tables = ("entity", "incident", "link", "offer", "call", "assignment", "person")
    return {name: rows(store, f"select * from {name} order by 1, 2") for name in tables}


def test_pages_go_in_arrival_order_and_resume_anywhere(tmp_path: Path) -> None:
    with desks(tmp_path, 4) as (one, two, hub, late):
        for n in range(10):
            for store in (one, two):
                store.write(opens(f"n{n}")).result(10)
                hub.merge(admitted(hub, store.page(hub.vector(), 10))).result(10)
        whole = hub.page({}, 100)
        assert [(s.replica, s.seq) for s in whole] == [(r, s) for s in range(1, 11) for r in (1, 2)]
        assert hub.page({1: 10, 2: 9}, 100) == whole[-1:]
        assert hub.page(hub.vector(), 100) == [] and hub.page({1: 99, 2: 99}, 100) == []
        while part := hub.page(late.vector(), 3):
            assert len(part) <= 3
            late.merge(admitted(late, part)).result(10)
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


def test_what_a_peer_lacks_is_found_however_long_the_record_is(tmp_path: Path) -> None:
    """A drain asks for a page a thousand times: one that went through all ops made it as slow as the record is long."""

    def steps(store: Store) -> int:
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        def page(db: Any) -> None:
            db.set_progress_handler(count, 10)
            reads.page(db, {1: store.vector()[1] - 5}, 5, 1, lambda *_: b"s")
            db.set_progress_handler(None, 0)

        store.read(page).result(10)
        return counted

    def notes(tx: Tx, incident: bytes, count: int) -> None:
        for n in range(count):
            tx.append("incident.noted", incident, {"text": f"catatan {n}", "at": 1})

    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        store.write(lambda tx: notes(tx, incident, 20)).result(10)
        short = steps(store)
        store.write(lambda tx: notes(tx, incident, 2000)).result(10)
        assert steps(store) < 2 * short
