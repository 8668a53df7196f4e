"""Retention: bodies and salts are gone everywhere, the chain still verifies, what comes later is erased too (M2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.opwire import parse
from tests.store.desks import admitted, desk, desks, edits, exchange, opens, rings, rows
from tests.store.sites import enrol_person, found, key_of
from tests.waiting import wait_until
from workstation.domain.ids import Uid
from workstation.store import Store, Tx, reads

FOUND = "select count(*) as hits from search where search match ?"


def erase(store: Store, *entities: Uid) -> None:
    lead = enrol_person(store, "lead", "lead")

    def act(tx: Tx) -> None:
        uid = tx.uid()
        ordered = {"entities": list(entities), "reason": "90 days are over", "at": tx.now()}
        tx.append("erasure.ordered", uid, ordered, lead, signer=key_of("lead"))
        tx.append("record.erased", uid, {"entities": list(entities), "at": tx.now()}, lead, signer=key_of("lead"))

    store.write(act).result(10)


def told(store: Store, incident: Uid) -> list[tuple[str, dict[str, object]]]:
    return [(op.kind, op.body) for op in store.read(lambda db: reads.ops_of(db, incident)).result(10)]


@pytest.mark.promise("M2")
def test_nothing_of_an_erased_incident_is_left_and_the_chain_still_verifies(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, caller_name="Rahasia", landmark="Gereja Silo")).result(10)
        store.write(lambda tx: tx.append("incident.noted", incident, {"text": "luka bakar", "at": 1})).result(10)
        other = store.write(opens("AMB-1-0002")).result(10).value
        store.write(edits(other, landmark="Masjid")).result(10)
        wait_until(lambda: rows(store, FOUND, "silo")[0]["hits"] == 1, 10)
        heads = store.heads()
        erase(store, incident)
        assert store.heads()[1] != heads[1] and store.read(reads.broken_chains).result(10) == {}
        assert told(store, incident) == [("incident.opened", {}), ("incident.edited", {}), ("incident.noted", {})]
        row = rows(store, "select caller_name, landmark, number, opened_at > 0 as stamped from incident order by id")
        assert row[0] == {"caller_name": "", "landmark": "", "number": "", "stamped": 1}
        assert row[1]["landmark"] == "Masjid"
        assert rows(store, FOUND, "silo")[0]["hits"] == 0 and rows(store, FOUND, "masjid")[0]["hits"] == 1
        state = store.read(lambda db: reads.state(db, incident)).result(10)
        assert state is not None and state.salts == [] and state.registers == {}
        store.write(lambda tx: tx.db.execute("insert into search (search) values ('integrity-check')")).result(10)
    with desk(tmp_path) as store:
        assert store.read(reads.broken_chains).result(10) == {}


@pytest.mark.promise("M2")
def test_the_words_are_gone_from_the_file_itself(tmp_path: Path) -> None:
    with desk(tmp_path, key=None) as store:
        found(store)
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, caller_name="Kasrahasia")).result(10)
        assert b"Kasrahasia" in b"".join(file.read_bytes() for file in tmp_path.iterdir())
        erase(store, incident)
        wait_until(lambda: b"Kasrahasia" not in b"".join(file.read_bytes() for file in tmp_path.iterdir()), 10)


@pytest.mark.promise("M2", "M8")
def test_every_desk_erases_and_what_was_written_elsewhere_meanwhile_too(tmp_path: Path) -> None:
    with desks(tmp_path, 3) as (one, two, late):
        for store in (one, two, late):
            found(store)
        incident = one.write(opens()).result(10).value
        exchange(one, two)
        two.write(edits(incident, landmark="ditulis sementara")).result(10)  # its first op on it, with its salt
        two.write(lambda tx: tx.append("incident.noted", incident, {"text": "lagi", "at": 1})).result(10)
        erase(one, incident)
        one.merge(admitted(one, two.page(one.vector(), 1))).result(10)  # its salt comes with this, and goes at once
        assert one.salts([(2, incident)]) == {}
        page = two.page(one.vector(), 10)
        salts = two.salts([(2, incident)])
        one.merge([op._replace(salt=salts[2, incident]) for op in with_salt(one, page, salts)]).result(10)
        for source, target in ((one, two), (two, one), (one, late), (two, late)):
            target.merge(admitted(target, source.page(target.vector(), 1000))).result(10)
        for store in (one, two, late):
            assert {kind: body for kind, body in told(store, incident)} == {
                "incident.opened": {}, "incident.edited": {}, "incident.noted": {}
            }  # fmt: skip
            assert store.read(reads.broken_chains).result(10) == {}
        assert one.digest() == two.digest() == late.digest()
        assert one.heads() == two.heads() == late.heads()


def with_salt(target: Store, page: list, salts: dict) -> list:  # type: ignore[type-arg]
    """Ops admitted with salts the target no longer has, as they come along when it asks for them."""
    from sync.opwire import next_head
    from sync.protocol import Admitted

    _, heads = target.reached()
    made = []
    for stored in page:
        parsed = parse(stored.raw)
        salt = parsed.op.salt or salts[parsed.op.replica, parsed.op.entity]
        before = heads[parsed.op.replica]
        heads[parsed.op.replica] = next_head(before, parsed, salt)
        made.append(Admitted(parsed.op, stored.raw, before, heads[parsed.op.replica], stored.seal, salt))
    return made


@pytest.mark.promise("M2")
def test_an_erasure_reaches_an_entity_that_has_not_arrived(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        for store in (one, two):
            found(store)
        incident = one.write(opens("AMB-1-7777")).result(10).value
        erase(two, incident)
        two.merge(admitted(two, one.page(two.vector(), 10))).result(10)
        assert told(two, incident) == [("incident.opened", {})]
        assert two.heads()[1] == one.heads()[1]


@pytest.mark.promise("M2", "S10")
def test_an_erasure_nobody_had_the_right_to_erases_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        found(store)
        enrol_person(store, "lead", "lead")
        incident = store.write(opens("AMB-1-7777")).result(10).value
        body = {"entities": [incident], "at": 1}
        with pytest.raises(ValueError, match="not signed"):
            store.write(
                lambda tx: tx.append("record.erased", tx.uid(), body, b"x" * 16, signer=key_of("x"))
            ).result(10)  # fmt: skip
        assert told(store, incident)[0][1]["number"] == "AMB-1-7777"


@pytest.mark.promise("M2")
def test_nobody_is_tied_to_what_was_erased(tmp_path: Path) -> None:
    """Not the call to its incident, nor the incident to the one it counted as, nor its agencies to it."""
    with desk(tmp_path) as store:
        found(store)
        call = store.write(rings()).result(10).value
        told_of, other = (store.write(opens(f"AMB-1-{n}", call)).result(10).value for n in (1, 2))

        def tie(tx: Tx) -> tuple[Uid, Uid]:
            link, sent = tx.uid(), tx.uid()
            tx.append("link.made", link, {"kind": "duplicate", "from": other, "to": told_of, "at": 1})
            tx.append("assignment.planned", sent, {"incident": told_of, "agency": "damkar", "channel": "phone",
                                                   "unit": "", "at": 1})  # fmt: skip
            tx.append("assignment.notified", sent, {"at": 2, "proof": "call"})
            return link, sent

        link, sent = store.write(tie).result(10).value
        heads = "select uid = head as alone, status from incident order by id"
        assert rows(store, heads) == [{"alone": 1, "status": "dispatched"}, {"alone": 0, "status": "duplicate"}]
        erase(store, told_of, link, sent)
        assert rows(store, heads) == [{"alone": 1, "status": "draft"}] * 2
        assert rows(store, "select source, target from link where live = 1") == [{"source": other, "target": call}]
