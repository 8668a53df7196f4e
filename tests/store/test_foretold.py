"""Entities told before their ops: whatever comes in whatever order, the record ends by saying what the ops say (S6)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from sync.snapshot.form import Folded, Foretold, cut, open_piece, pack_piece
from tests.store.desks import admitted, desk, desks, edits, exchange, opens, rings, rows
from tests.store.sites import enrol_person, found, key_of
from workstation.domain.ids import Uid
from workstation.store import Store, Tx, reads


def tell(source: Store, target: Store, part: Any = "all", **more: Any) -> dict[int, int]:
    """Have `target` take in what `source` says now; gives how far that goes."""

    def visit(vector: Any, entities: Any) -> tuple[dict[int, int], list[Foretold]]:
        taken = [entity for some in cut(entities) for entity in open_piece(*pack_piece(some))]
        return dict(vector), taken

    vector, entities = source.foretold.folded(part, visit)
    target.foretold.take(entities, more.get("vector", vector), b"note").result(10)
    return vector


def pull(source: Store, target: Store, most: int = 10_000) -> None:
    target.merge(admitted(target, source.page(target.vector(), most))).result(10)


def prove(store: Store) -> None:
    while store.foretold.prove(7):
        pass


def told(store: Store) -> int:
    return int(rows(store, "select count(*) as n from entity where told <> 0")[0]["n"])


def some_past(store: Store, count: int = 12) -> list[Uid]:
    made = []
    for n in range(count):
        offer = store.write(rings(number=f"+62811{n}")).result(10).value
        made.append(store.write(opens(f"AMB-{store.replica}-{n:04d}", offer)).result(10).value)
        store.write(edits(made[-1], village=f"Desa {n}", injured=n)).result(10)
        store.write(lambda tx: tx.append("incident.noted", made[-1], {"text": "satu", "at": 1})).result(10)
    for n in range(0, count, 2):
        store.write(edits(made[n], village=f"Dusun {n}")).result(10)
    return made


@pytest.mark.promise("S6", "M8")
@pytest.mark.parametrize("seed", range(6))
def test_told_entities_and_ops_in_pieces_of_any_size_end_as_the_ops_alone(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with desks(tmp_path, 3) as (hub, fresh, plain):
        made = some_past(hub)
        tell(hub, fresh, "open" if seed % 2 else "all")
        assert told(fresh) > 0 and fresh.vector() == {}
        if not seed % 2:
            assert fresh.digest() == hub.digest()
        # Meanwhile both go on: the hub beyond what it told, the desk on what it was told.
        for incident in chance.sample(made, 4):
            hub.write(edits(incident, village=f"hub {seed}")).result(10)
            fresh.write(edits(incident, injured=seed, village="meja")).result(10)
        while fresh.vector().get(hub.replica, 0) < hub.vector()[hub.replica]:
            pull(hub, fresh, chance.randint(1, 9))
            if chance.random() < 0.2:
                tell(hub, fresh)  # another snapshot, begun anew further on
        exchange(hub, fresh, plain)
        assert fresh.digest() == hub.digest() == plain.digest()
        prove(fresh)
        assert told(fresh) == 0 and fresh.digest() == hub.digest()
        sql = "select uid, number, village, status, open, rivals from incident order by uid"
        assert rows(fresh, sql) == rows(plain, sql)
        sql = "select uid, number, status, offers from call order by uid"
        assert rows(fresh, sql) == rows(plain, sql)


@pytest.mark.promise("S6", "D5")
def test_what_was_told_is_still_known_as_such_after_a_restart(tmp_path: Path) -> None:
    with desk(tmp_path, 1) as hub:
        some_past(hub)
        with desk(tmp_path, 2) as fresh:
            tell(hub, fresh)
            pull(hub, fresh, 11)
        with desk(tmp_path, 2) as fresh:
            assert told(fresh) > 0 and fresh.kept("snapshot") == b"note"
            pull(hub, fresh)
            assert fresh.digest() == hub.digest()
            prove(fresh)
            assert told(fresh) == 0 and fresh.digest() == hub.digest()


@pytest.mark.promise("S6", "S11")
@pytest.mark.expected_log("are not what their ops say")
def test_states_that_are_not_what_the_ops_say_are_put_right(tmp_path: Path) -> None:
    with desks(tmp_path, 3) as (hub, liar, fresh):
        made = some_past(hub)
        pull(hub, liar)
        liar.write(edits(made[3], village="bohong")).result(10)  # an op that it keeps to itself
        tell(liar, fresh, vector=hub.vector())
        village = "select village from incident where uid = ?"
        assert rows(fresh, village, made[3]) == [{"village": "bohong"}]
        pull(hub, fresh)
        assert fresh.digest() != hub.digest()
        prove(fresh)
        assert fresh.digest() == hub.digest() and rows(fresh, village, made[3]) == rows(hub, village, made[3])


def erase(store: Store, *entities: Uid) -> None:
    lead = enrol_person(store, "lead", "lead")

    def act(tx: Tx) -> None:
        uid = tx.uid()
        ordered = {"entities": list(entities), "reason": "90 days are over", "at": tx.now()}
        tx.append("erasure.ordered", uid, ordered, lead, signer=key_of("lead"))
        tx.append("record.erased", uid, {"entities": list(entities), "at": tx.now()}, lead, signer=key_of("lead"))

    store.write(act).result(10)


@pytest.mark.promise("S6", "M2")
@pytest.mark.parametrize("where", ["hub", "fresh"])
def test_an_erasure_takes_the_bodies_of_what_was_only_told(tmp_path: Path, where: str) -> None:
    with desks(tmp_path, 2) as (hub, fresh):
        found(hub), found(fresh)
        made = some_past(hub, 4)
        hub.write(edits(made[0], caller_name="Rahasia", landmark="Gereja")).result(10)
        tell(hub, fresh)
        erase({"hub": hub, "fresh": fresh}[where], made[0])
        said = "select caller_name, landmark from incident where uid = ?"
        if where == "fresh":
            assert rows(fresh, said, made[0]) == [{"caller_name": "", "landmark": ""}], "before its ops have come"
            kept = rows(fresh, "select state from entity where uid = ?", made[0])[0]["state"]
            assert b"Rahasia" not in kept and b"Gereja" not in kept
        exchange(hub, fresh)
        for store in (hub, fresh):
            assert rows(store, said, made[0]) == [{"caller_name": "", "landmark": ""}]
        prove(fresh)
        assert fresh.digest() == hub.digest() and told(fresh) == 0


@pytest.mark.promise("S6", "M9")
def test_what_is_written_next_comes_after_what_was_told(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (hub, fresh):
        hub._author.clock.advance(30_000)  # type: ignore[attr-defined]
        incident = hub.write(opens()).result(10).value
        hub.write(edits(incident, village="Batu Merah")).result(10)
        tell(hub, fresh)
        fresh.write(edits(incident, village="Hative")).result(10)
        exchange(hub, fresh)
        opened, first, second = sorted(
            hub.read(lambda db: reads.ops_of(db, incident)).result(10), key=lambda op: op.hlc
        )
        assert second.replica == fresh.replica and opened.replica == first.replica == hub.replica


@pytest.mark.promise("S6", "S5")
def test_states_that_know_more_of_our_own_ops_than_we_do_are_refused(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (hub, fresh):
        some_past(hub, 2)
        with pytest.raises(ValueError, match="which is this one's"):
            tell(hub, fresh, vector={**hub.vector(), fresh.replica: 3})
        assert told(fresh) == 0 and fresh.digest() != hub.digest()


@pytest.mark.promise("S6")
def test_a_record_with_states_to_prove_tells_none_to_others(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (hub, fresh):
        some_past(hub, 2)
        tell(hub, fresh)
        with pytest.raises(LookupError):
            fresh.foretold.folded("all", lambda vector, entities: None)
        pull(hub, fresh)
        prove(fresh)
        fresh.foretold.folded("all", lambda vector, entities: None)


@pytest.mark.promise("S6")
def test_a_state_too_long_for_a_piece_is_left_to_its_ops() -> None:
    long = Folded(b"a" * 16, False, bytes(2 << 20))
    short = [Folded(bytes([n]) * 16, False, bytes(100_000)) for n in range(9)]
    runs = list(cut([*short[:4], long, *short[4:]]))
    assert [folded for run in runs for folded in run] == short and len(runs) == 3


@pytest.mark.promise("S6", "S10")
def test_what_is_folded_anew_before_all_of_it_is_here_takes_the_rest_as_it_comes(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (hub, fresh):
        found(hub)
        lead = enrol_person(hub, "lead", "lead")
        incident = hub.write(opens()).result(10).value
        settled = {"set": {"village": ["Batu Merah", []]}}
        hub.write(lambda tx: tx.append("incident.settled", incident, settled, lead, signer=key_of("lead"))).result(10)
        before = hub.vector()[hub.replica]
        hub.write(edits(incident, landmark="Gong")).result(10)
        tell(hub, fresh)
        pull(hub, fresh, before)
        assert fresh.vector() == {hub.replica: before}
        found(fresh)  # only now the settling counts here, and its incident is folded from what there is
        pull(hub, fresh)
        assert fresh.digest() == hub.digest()
        prove(fresh)
        assert fresh.digest() == hub.digest() and told(fresh) == 0
