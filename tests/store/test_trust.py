"""Ops that need a person's signature: without it they are kept, and have no effect (S10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync.opwire import pack, parse
from tests.store.desks import admitted, desk, desks, edits, exchange, opens, rows
from tests.store.sites import BY_SITE, SITE_KEY, enrol_person, found, key_of, uid_of
from workstation.domain.ids import Uid
from workstation.domain.kinds import OpInvalid
from workstation.signing import Signer
from workstation.store import Store, Tx, reads
from workstation.store.schema import VOID


def settle(store: Store, incident: Uid, value: str, by: str, signer: Signer | None = None) -> Any:
    """Have a person settle the village, signed with their key or another's."""

    def act(tx: Tx) -> None:
        state = tx.state(incident)
        assert state
        put = {"village": [value, state.seen_dots("village")]}
        tx.append("incident.settled", incident, {"set": put}, uid_of(by), signer=signer or key_of(by))

    return store.write(act)


def village(store: Store) -> list[dict[str, Any]]:
    return rows(store, "select village, rivals from incident")


def forged(source: Store, target: Store, change: Any) -> list[Any]:
    """The newest op of `source` as a desk would send it that leaves out our checks."""
    newest = source.page(target.vector(), 1000)[-1]
    op = change(parse(newest.raw).op)
    return admitted(target, [*source.page(target.vector(), 1000)[:-1], newest._replace(raw=pack(op))])


@pytest.mark.promise("S10")
def test_a_service_cannot_write_what_its_person_may_not(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        enrol_person(store, "lead", "lead")
        enrol_person(store, "op", "operator", by="lead")
        incident = store.write(opens()).result(10).value
        before = store.vector()
        for by, signer in (("op", None), ("lead", key_of("op")), ("nobody", None)):
            with pytest.raises(OpInvalid, match="not signed"):
                settle(store, incident, "Silale", by, signer).result(10)
        assert store.vector() == before, "nothing of it stands"
        settle(store, incident, "Silale", "lead").result(10)
        assert village(store) == [{"village": "Silale", "rivals": 0}]


@pytest.mark.promise("S10", "M8")
@pytest.mark.parametrize("forgery", ["unsigned", "another's", "operator", "changed"])
def test_what_a_rogue_desk_wrote_without_the_right_is_kept_and_has_no_effect(tmp_path: Path, forgery: str) -> None:
    with desks(tmp_path, 2) as (rogue, honest):
        for store in (rogue, honest):
            found(store)
        enrol_person(rogue, "lead", "lead")
        enrol_person(rogue, "op", "operator", by="lead")
        incident = rogue.write(opens()).result(10).value
        rogue.write(edits(incident, village="Batu Merah")).result(10)
        exchange(rogue, honest)
        settle(rogue, incident, "Silale", "lead").result(10)
        change = {
            "unsigned": lambda op: op._replace(signature=b""),
            "another's": lambda op: op._replace(signature=key_of("op").sign(b"x")),
            "operator": lambda op: op._replace(person=uid_of("op")),
            "changed": lambda op: op._replace(body={"set": {"village": ["Amahusu", op.body["set"]["village"][1]]}}),
        }[forgery]
        honest.merge(forged(rogue, honest, change)).result(10)
        assert village(honest) == [{"village": "Batu Merah", "rivals": 0}]
        kept = honest.read(lambda db: db.execute("select flags from op where kind = 'incident.settled'").fetchall())
        assert kept.result(10) == [(VOID,)], "kept, flagged, forwarded"
        assert len(honest.page({}, 1000)) == honest.vector()[1]


@pytest.mark.promise("S10", "M8")
def test_whether_a_signature_counts_does_not_depend_on_what_came_first(tmp_path: Path) -> None:
    """The settling comes from one desk, the grant that makes it right from another, in either order."""
    with desks(tmp_path, 4) as (one, two, first, second):
        for store in (one, two, first, second):
            found(store)
        enrol_person(one, "lead", "lead")
        enrol_person(one, "op", "operator", by="lead")
        incident = one.write(opens()).result(10).value
        one.write(edits(incident, village="Batu Merah")).result(10)
        exchange(one, two)
        granted = {"role": "lead", "at": 1}
        one.write(
            lambda tx: tx.append("person.granted", uid_of("op"), granted, uid_of("lead"), signer=key_of("lead"))
        ).result(10)  # fmt: skip
        two.merge(admitted(two, one.page(two.vector(), 1000))).result(10)
        settle(two, incident, "Silale", "op").result(10)
        grant_last = one.page({1: one.vector()[1] - 1}, 10)
        early = one.page({}, one.vector()[1] - 1)
        for store, order in ((first, (early, grant_last, two)), (second, (early, two, grant_last))):
            for source in order:
                ops = source.page(store.vector(), 1000, {2}) if isinstance(source, Store) else source
                store.merge(admitted(store, ops)).result(10)
        assert village(second) == village(first) == [{"village": "Silale", "rivals": 0}]
        assert first.digest() == second.digest()
        assert rows(second, "select n from signed where void = 1") == []


@pytest.mark.promise("S10")
def test_a_retirement_that_is_heard_late_takes_back_what_was_done_after_it(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        for store in (one, two):
            found(store)
        for login in ("lead", "gone"):
            enrol_person(one, login, "lead")
        incident = one.write(opens()).result(10).value
        one.write(edits(incident, village="Batu Merah")).result(10)
        exchange(one, two)
        retired = {"reason": "left the service", "at": 1}
        one.write(
            lambda tx: tx.append("person.retired", uid_of("gone"), retired, uid_of("lead"), signer=key_of("lead"))
        ).result(10)  # fmt: skip
        settle(two, incident, "Silale", "gone").result(10)  # their desk has not heard of it
        assert village(two) == [{"village": "Silale", "rivals": 0}]
        exchange(one, two)
        assert village(one) == village(two) == [{"village": "Batu Merah", "rivals": 0}]
        assert one.digest() == two.digest()
        assert rows(two, "select role from person where login = 'gone'") == [{"role": ""}]


@pytest.mark.promise("S10")
def test_a_failed_act_teaches_the_rosters_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        enrol_person(store, "lead", "lead")

        def fails(tx: Tx) -> None:
            body = {"login": "x", "name": "X", "role": "lead", "key": key_of("x").public, "sealed": b""}
            tx.append("person.enrolled", uid_of("x"), body, signer=SITE_KEY)
            raise ValueError("taken back")

        incident = store.write(opens()).result(10).value
        with pytest.raises(ValueError):
            store.write(fails).result(10)
        with pytest.raises(OpInvalid):
            settle(store, incident, "Silale", "x").result(10)
        assert set(store.trust().rosters["AMB"].people) == {uid_of("lead")}


@pytest.mark.promise("S10", "D1")
def test_the_rosters_are_there_again_after_a_restart(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        enrol_person(store, "lead", "lead")
        incident = store.write(opens()).result(10).value
    with desk(tmp_path) as store:
        settle(store, incident, "Silale", "lead").result(10)
        assert village(store) == [{"village": "Silale", "rivals": 0}]
        made = store.read(reads.roster).result(10)
        assert [parse(raw).op.kind for raw, _ in made] == ["person.enrolled"] and BY_SITE.person == b""
