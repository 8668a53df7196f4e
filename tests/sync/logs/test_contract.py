"""What sync asks of any log: what is taken in, what is refused, what is given on, and what is known of it."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sync.frame import sealing
from sync.opwire import parse
from sync.protocol import ChainBroken, Gap, Stored
from tests.domain.histories import played
from tests.store.desks import SALT, admitted, desk, desks, edits, merge, opens, wire
from tests.sync.logs.places import HubLog, Place, read, rows
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock, ms_of, stamp
from workstation.domain.kinds import OpInvalid
from workstation.domain.merge import fold
from workstation.domain.ops import Op
from workstation.signing import verify
from workstation.store import Store, StoreClosed, reads
from workstation.store.states import pack_state

MADE = ("entity", "incident", "link", "offer", "call", "assignment", "person", "attachment", "signed")


def take(log: HubLog, source: Store, limit: int = 10_000) -> list[Stored]:
    """Have the log take in what it lacks of a desk's; gives that."""
    ops = source.page(log.vector(), limit)
    log.merge(admitted(log, ops)).result(20)
    return ops


def made_of(log: HubLog) -> dict[str, list[Any]]:
    """All rows that are made from ops."""
    return {name: rows(log, f"select * from {name} order by 1, 2") for name in MADE}


@pytest.mark.promise("S1", "S2", "S7")
def test_what_is_taken_in_is_known_given_on_and_still_there_after_a_restart(tmp_path: Path, place: Place) -> None:
    with desk(tmp_path) as source, place.open() as log:
        incident = source.write(opens()).result(10).value
        source.write(edits(incident, village="Silale", type="bencana.flood")).result(10)
        given = take(log, source)
        assert log.vector() == log.sealed() == source.vector() and log.heads() == source.heads()
        assert log.reached() == (source.vector(), source.heads())
        assert log.page({}, 100) == given, "the author's exact bytes, and its seal"
        assert log.digest() == source.digest()
        known = (log.replica, log.epoch, log.device.public, log.vector(), log.heads(), log.sealed(), log.digest())
    with place.open() as log:
        again = (log.replica, log.epoch, log.device.public, log.vector(), log.heads(), log.sealed(), log.digest())
        assert again == known and log.page({}, 100) == given
        assert read(log, reads.broken_chains) == {}


@pytest.mark.promise("M8", "S7")
@pytest.mark.parametrize("seed", range(3))
def test_it_folds_like_the_domain_and_like_a_desk_in_any_arrival(tmp_path: Path, log: HubLog, seed: int) -> None:
    """Random histories, the replicas interleaved by chance, in random portions: states, rows and digests are equal."""
    chance = random.Random(seed)
    acts = ["edit", "edit", "note", "close", "reopen", "open", "correct", "hear", "alien"]
    steps = [
        (chance.randrange(3), chance.choice(acts), chance.randrange(2), chance.choice(["village", "priority"]),
         *chance.choices(range(50), k=2))
        for _ in range(120)
    ]  # fmt: skip
    history = played(steps)
    queues = {number: [op for op in history if op.replica == number] for number in (1, 2, 3)}
    with desk(tmp_path, 9) as other:
        while any(queues.values()):
            queue = queues[chance.choice([number for number, left in queues.items() if left])]
            portion = chance.choice([1, 2, 6, 20])
            merge(log, *queue[:portion])
            merge(other, *queue[:portion])
            del queue[:portion]
        for uid, state in fold(history).items():
            found = read(log, lambda db, uid=uid: reads.state(db, uid))  # type: ignore[misc]
            assert found is not None and {salt for _, salt in found.salts} <= {SALT}
            found.salts.clear()
            assert pack_state(found) == pack_state(state)
        assert log.digest() == other.digest()
        assert made_of(log) == made_of(other)  # type: ignore[arg-type]


@pytest.mark.promise("M11", "M6", "S7")
@pytest.mark.parametrize("seed", range(3))
def test_calls_assignments_and_merged_incidents_are_the_same_rows_as_on_a_desk(
    tmp_path: Path, log: HubLog, seed: int
) -> None:
    """Two desks that ring, answer, open, notify, tie and untie; a third has all of it, in other portions."""
    chance = random.Random(seed)
    clock = HandClock()
    with desk(tmp_path, 1, clock=clock) as one, desk(tmp_path, 2, clock=clock) as two, desk(tmp_path, 3) as third:
        sources = (one, two)
        work = [_Shift(store, f"Meja {at}", chance) for at, store in enumerate(sources, 1)]
        for _ in range(12):
            for shift in work:
                for _ in range(chance.randint(1, 6)):
                    shift.act()
                    clock.advance(chance.choice([1, 700, 1500, 5000]))
            for source in sources:
                for target in (log, third):
                    if chance.random() < 0.7:
                        target.merge(
                            admitted(target, source.page(target.vector(), chance.choice([3, 40])))  # type: ignore[arg-type]
                        ).result(20)
        for source in sources:
            while source.vector().items() - log.vector().items():
                take(log, source, 7)
            third.merge(admitted(third, source.page(third.vector(), 10_000))).result(10)
        names = ("number", "status", "head", "rivals", "flags", "closed_at", "disposition", "call", "own_seq")
        for sql in (
            f"select uid, {', '.join(names)} from incident order by uid",
            "select uid, call, caller, status, rang_at, answered_at, ended_at, reason, desk from offer order by uid",
            "select * from call order by uid",
            "select uid, incident, agency, step, flags, reason, notified_at, done_at from assignment order by uid",
            "select source, target, kind, live from link order by source, target, kind, live",
        ):
            assert rows(log, sql) == rows(third, sql) != []  # type: ignore[arg-type]
        assert log.digest() == third.digest()


class _Shift:
    """Somebody at a desk who does what comes to mind."""

    def __init__(self, store: Store, name: str, chance: random.Random) -> None:
        self.store, self.name, self.chance = store, name, chance
        self.offers: list[bytes] = []
        self.incidents: list[bytes] = []
        self.assignments: list[bytes] = []
        self.links: list[bytes] = []

    def act(self) -> None:
        acts = [self.ring, self.ring, self.open, self.answer, self.end, self.plan, self.step, self.tie, self.untie]
        acts += [self.close, self.edit]
        self.chance.choice(acts)()

    def append(self, kind: str, entity: bytes, body: dict[str, Any]) -> None:
        self.store.write(lambda tx: tx.append(kind, entity, {"at": tx.now(), **body})).result(10)

    def uid(self, kept: list[bytes]) -> bytes:
        kept.append(self.store.write(lambda tx: tx.uid()).result(10).value)
        return kept[-1]

    def ring(self) -> None:
        number = self.chance.choice(["", "+628111", "+628112"])
        key = self.chance.choice(["", "", "k1", "k2"])
        body = {"number": number, "e164": number, "identity": "mobile", "display": "", "dialled": "112", "key": key,
                "sip_call_id": "x", "desk": self.name}  # fmt: skip
        self.append("offer.rang", self.uid(self.offers), body)

    def answer(self) -> None:
        if self.offers:
            self.append("offer.answered", self.chance.choice(self.offers), {})

    def end(self) -> None:
        if self.offers:
            self.append("offer.ended", self.chance.choice(self.offers), {"reason": "caller_hung_up"})

    def open(self) -> None:
        call = self.chance.choice([*self.offers, b""])
        uid = self.uid(self.incidents)
        self.append("incident.opened", uid, {"number": f"{self.name}-{len(self.incidents)}", "call": call,
                                             "desk": self.name})  # fmt: skip

    def edit(self) -> None:
        if self.incidents:
            self.store.write(
                edits(self.chance.choice(self.incidents), village=self.chance.choice("abc"), priority=2)
            ).result(10)  # fmt: skip

    def close(self) -> None:
        if self.incidents:
            self.append("incident.closed", self.chance.choice(self.incidents), {"disposition": "done"})

    def plan(self) -> None:
        if self.incidents:
            body = {"incident": self.chance.choice(self.incidents), "agency": "SAR", "channel": "radio", "unit": "1"}
            self.append("assignment.planned", self.uid(self.assignments), body)

    def step(self) -> None:
        if self.assignments:
            step, more = self.chance.choice([("notified", {"proof": "call"}), ("departed", {}), ("done", {})])
            self.append(f"assignment.{step}", self.chance.choice(self.assignments), more)

    def tie(self) -> None:
        if len(self.incidents) > 1:
            source, target = self.chance.sample(self.incidents, 2)
            body = {"kind": "duplicate", "from": source, "to": target}
            self.append("link.made", self.uid(self.links), body)

    def untie(self) -> None:
        if self.links:
            self.append("link.undone", self.chance.choice(self.links), {"reason": "not the same"})


@pytest.mark.promise("S3")
def test_known_ops_are_skipped_whoever_brings_them(tmp_path: Path, log: HubLog) -> None:
    with desks(tmp_path, 2) as (one, two):
        for n in range(6):
            one.write(opens(f"AMB-1-{n:04d}")).result(10)
        first, rest = one.page({}, 3), one.page({}, 10)
        late, early = admitted(log, rest), admitted(log, first)
        log.merge(early).result(10)
        digest = log.digest()
        log.merge(early).result(10)
        assert log.digest() == digest and log.vector() == {1: 3}
        log.merge(late).result(10)
        assert log.vector() == {1: 6}
        two.merge(admitted(two, rest)).result(10)
        log.merge(admitted(log, two.page({}, 10))).result(10)
        assert log.digest() == two.digest() and len(log.page({}, 100)) == 6
        both = wire(Op(8, 1, stamp(1), b"e" * 16, "incident.noted", 1, b"", "AMB", 1, {"text": "x", "at": 1}))
        twice = admitted(log, both) * 2
        log.merge(twice).result(10)
        assert log.vector() == {1: 6, 8: 1}


@pytest.mark.promise("S3")
def test_a_gap_is_refused_with_the_vector_and_nothing_of_it_applied(tmp_path: Path, log: HubLog) -> None:
    with desks(tmp_path, 2) as (one, two):
        for n in range(6):
            one.write(opens(f"AMB-1-{n:04d}")).result(10)
        two.write(opens("AMB-2-0001")).result(10)
        whole = admitted(log, one.page({}, 10))
        log.merge(whole[:2]).result(10)
        digest = log.digest()
        behind = admitted(log, two.page({}, 10))
        # Together with what another desk brings: that is taken.
        refused, taken = log.merge([*behind, *whole[3:]]), log.merge(behind)
        with pytest.raises(Gap) as gap:
            refused.result(10)
        told = (gap.value.replica, gap.value.expected, gap.value.got, gap.value.vector)
        taken.result(10)
        assert told[:3] == (1, 3, 4) and told[3][1] == 2
        assert log.vector() == {1: 2, 2: 1} and log.digest() != digest
        log.merge(whole[2:]).result(10)
        assert log.vector() == {1: 6, 2: 1}


@pytest.mark.promise("S5", "M1")
def test_another_history_of_a_replica_is_refused_and_nothing_of_it_applied(tmp_path: Path, log: HubLog) -> None:
    (tmp_path / "clone").mkdir()
    with desk(tmp_path) as one, desk(tmp_path / "clone") as clone:
        first = one.write(opens("AMB-1-0001")).result(10).value
        clone.merge(admitted(clone, one.page({}, 10))).result(10)  # the same number, the same ops so far
        one.write(edits(first, village="Silale")).result(10)
        clone.write(edits(first, village="Waihaong")).result(10)
        clone.write(edits(first, village="Amahusu")).result(10)
        cloned = admitted(log, clone.page({}, 10))
        take(log, one)
        digest = log.digest()
        with pytest.raises(ChainBroken) as broken:
            log.merge(cloned).result(10)
        assert (broken.value.replica, broken.value.seq) == (1, 3)
        assert log.vector() == {1: 2} and log.digest() == digest
        with desk(tmp_path, 2) as two:  # and the log goes on
            two.write(opens("AMB-2-0001")).result(10)
            take(log, two)
        assert log.vector() == {1: 2, 2: 1}


@pytest.mark.promise("S1", "S11")
def test_pages_go_in_arrival_order_resume_anywhere_and_end_where_all_is_sealed(tmp_path: Path, log: HubLog) -> None:
    with desks(tmp_path, 3) as (one, two, late):
        for n in range(10):
            for store in (one, two):
                store.write(opens(f"n{n}")).result(10)
                take(log, store)
        whole = log.page({}, 100)
        assert [(s.replica, s.seq) for s in whole] == [(r, s) for s in range(1, 11) for r in (1, 2)]
        assert log.page({1: 10, 2: 9}, 100) == whole[-1:]
        assert log.page(log.vector(), 100) == [] and log.page({1: 99, 2: 99}, 100) == []
        assert [s.replica for s in log.page({}, 100, {2})] == [2] * 10 and log.page({}, 100, set()) == []
        while part := log.page(late.vector(), 3):
            assert len(part) <= 3 and all(s.seal for s in part)
            late.merge(admitted(late, part)).result(10)
        assert late.digest() == log.digest() and late.heads() == log.heads()
        for n in range(7):
            one.write(opens(f"together {n}")).result(10)
        together = take(log, one)
        assert log.page({1: 10, 2: 10}, 3) == together, "a run that was signed as one is not torn apart"
        unsealed = [s._replace(seal=b"") for s in wire(_note(8, 1), _note(8, 2))]
        log.merge(admitted(log, unsealed)).result(10)
        assert log.vector()[8] == 2 and log.sealed().get(8, 0) == 0
        assert log.page({1: 17, 2: 10}, 10) == []


def _note(replica: int, seq: int) -> Op:
    return Op(replica, seq, stamp(seq), b"n" * 16, "incident.noted", 1, b"", "AMB", seq, {"text": f"{seq}", "at": 1})


@pytest.mark.promise("M1", "S11")
def test_its_own_ops_are_chained_sealed_by_its_device_and_stamped_after_what_it_heard(
    tmp_path: Path, place: Place
) -> None:
    clock, ahead = HandClock(), HandClock()
    ahead.advance(30_000)
    uid = b"p" * 16
    with desk(tmp_path, clock=ahead) as source, place.open(clock=clock) as log:
        source.write(opens()).result(10)
        take(log, source)
        dots = [log.append("incident.noted", uid, {"text": f"catatan {n}", "at": 1}).result(10) for n in range(3)]
        assert dots == [(log.replica, 1), (log.replica, 2), (log.replica, 3)]
        heard, *own = log.page({}, 10)
        assert [stored.seq for stored in own] == [1, 2, 3] and not own[0].seal
        assert verify(log.device.public, own[-1].seal, sealing(log.replica, 3, log.heads()[log.replica]))
        assert log.sealed()[log.replica] == 3
        stamps = [parse(stored.raw).op.hlc for stored in (heard, *own)]
        assert stamps == sorted(set(stamps)) and ms_of(stamps[1]) >= ahead.now_ms()
        with pytest.raises(OpInvalid):
            log.append("incident.noted", uid, {"text": 7, "at": 1}).result(10)
        assert log.vector()[log.replica] == 3, "nothing of it stands"
    with place.open(clock=clock) as log:  # and after a restart, with the clock still behind
        log.append("incident.noted", uid, {"text": "lagi", "at": 1}).result(10)
        newest = parse(log.page({}, 10)[-1].raw).op
        assert (newest.seq, newest.salt) == (4, b"") and newest.hlc > stamps[-1]
        assert read(log, reads.broken_chains) == {}


@pytest.mark.promise("M2")
def test_salts_are_told_as_far_as_they_are_known(tmp_path: Path, log: HubLog) -> None:
    with desk(tmp_path) as source:
        incidents = [source.write(opens(f"AMB-1-{n}")).result(10).value for n in range(700)]
        take(log, source)
        wanted = [(1, uid) for uid in incidents] + [(2, incidents[0]), (1, b"z" * 16)]
        assert log.salts(wanted) == source.salts(wanted) and len(log.salts(wanted)) == 700
        assert log.salts([]) == {}


def test_a_listener_hears_of_each_commit_once_it_stands_until_it_leaves(tmp_path: Path, log: HubLog) -> None:
    heard: list[tuple[Any, dict[int, int]]] = []
    stop = log.listen(lambda changes: heard.append((changes, log.vector())))
    with desk(tmp_path) as source:
        incident = source.write(opens()).result(10).value
        take(log, source)
        wait_until(lambda: heard, what="the commit is told")
        changes, vector = heard[0]
        assert changes.incidents == {incident} and not changes.local and vector == {1: 1}
        log.append("incident.noted", incident, {"text": "x", "at": 1}).result(10)
        wait_until(lambda: len(heard) == 2, what="its own commit is told")
        stop()
        stop()
        source.write(opens("AMB-1-0002")).result(10)
        take(log, source)
        log.append("incident.noted", incident, {"text": "y", "at": 1}).result(10)
        assert len(heard) == 2


@pytest.mark.expected_log("a listener failed")
def test_a_listener_that_fails_hurts_nobody(tmp_path: Path, log: HubLog) -> None:
    heard = threading.Event()
    log.listen(lambda _: 1 / 0)
    log.listen(lambda _: heard.set())
    with desk(tmp_path) as source:
        source.write(opens()).result(10)
        take(log, source)
    assert heard.wait(10)


@pytest.mark.promise("M9")
def test_a_skewed_clock_is_kept_flagged_and_pulls_nobody_along(tmp_path: Path, place: Place) -> None:
    right, ahead = HandClock(), HandClock()
    ahead.advance(86_400_000)
    with desk(tmp_path, clock=ahead) as source, place.open(clock=right) as log:
        source.write(opens()).result(10)
        take(log, source)
        assert [(item.op.seq, item.desk) for item in read(log, reads.skewed)] == [(1, "Meja 1")]
        log.append("incident.noted", b"p" * 16, {"text": "x", "at": 1}).result(10)
        assert ms_of(parse(log.page({}, 10)[-1].raw).op.hlc) <= right.now_ms() + 60_000


def test_what_waits_is_written_before_it_closes_and_nothing_after(tmp_path: Path, place: Place) -> None:
    with desk(tmp_path) as source:
        for n in range(40):
            source.write(opens(f"AMB-1-{n:04d}")).result(10)
        log = place.open()
        ops = admitted(log, source.page({}, 100))
        waiting: list[Future[Any]] = [log.merge(ops[at : at + 4]) for at in range(0, 40, 4)]
        log.close()
        assert [future.exception(1) for future in waiting] == [None] * 10
        with pytest.raises(StoreClosed):
            log.merge(ops).result(10)
        with pytest.raises(StoreClosed):
            log.page({}, 10)
        log.close()
        with place.open() as again:
            assert again.vector() == {1: 40}
