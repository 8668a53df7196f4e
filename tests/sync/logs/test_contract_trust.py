"""Who is believed by any log: devices, people, signed kinds, and bodies taken away for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.admission import admit
from sync.frame import pack_frame
from sync.hub.log import LogRefused, postgres
from sync.opwire import pack, parse
from sync.protocol import ChainBroken, Stranger
from tests.store.desks import admitted, desk, edits, opens
from tests.store.sites import SITE_KEY, enrol_person, found, key_of, uid_of
from tests.sync.logs.places import HubLog, Place, read, rows
from workstation import site as sites
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds, Uid
from workstation.domain.kinds import OpInvalid
from workstation.domain.ops import Op
from workstation.domain.roster import enrolment
from workstation.signing import Key
from workstation.store import Store, Tx, reads
from workstation.store.schema import VOID


def join(log: HubLog, device: Store) -> Uid:
    """Have the log invite a desk and take down its proof."""
    code = Key(device.replica.to_bytes(32, "big"))
    uid = b"device".ljust(15, b"\0") + bytes([device.replica])
    body = {"name": f"Meja {device.replica}", "role": "desk", "key": code.public, "at": 1}
    log.append("device.invited", uid, body, signer=SITE_KEY).result(10)
    proof = code.sign(enrolment(log.site, uid, device.replica, device.device.public))
    body = {"replica": device.replica, "key": device.device.public, "proof": proof, "at": 1}
    log.append("device.enrolled", uid, body).result(10)
    return uid


def enrol(log: HubLog, login: str, role: str = "lead") -> Uid:
    body = {"login": login, "name": login.title(), "role": role, "key": key_of(login).public, "sealed": b"sealed"}
    log.append("person.enrolled", uid_of(login), body, signer=SITE_KEY).result(10)
    return uid_of(login)


def let_in(log: HubLog, source: Store) -> None:
    """Push what the log lacks, through every check."""
    frame = pack_frame(source.page(log.vector(), 1000), source.salts([]))
    log.merge(admit(frame, *log.reached(), log.salts, log.trust())).result(10)


@pytest.mark.promise("S9", "S10", "S7")
def test_a_founded_log_believes_its_devices_and_still_does_after_a_restart(tmp_path: Path, place: Place) -> None:
    with desk(tmp_path) as one, desk(tmp_path, 2) as stranger:
        with place.open() as log:
            sites.found(log, SITE_KEY, "Hub", "hub", SeededIds(4), 1)
            uid = join(log, one)
            enrol(log, "lead")
            one.write(opens()).result(10)
            stranger.write(opens("AMB-2-0001")).result(10)
            let_in(log, one)
            with pytest.raises(Stranger, match="no device"):
                let_in(log, stranger)
            said = log.roster()
            assert [parse(raw).op.kind for raw, _ in said] == [
                "device.invited", "device.enrolled", "device.invited", "device.enrolled", "person.enrolled"
            ]  # fmt: skip
        with place.open() as log:
            roster = log.trust().rosters["AMB"]
            assert set(roster.by_replica) == {log.replica, 1} and set(roster.people) == {uid_of("lead")}
            assert roster.key == SITE_KEY.public and log.roster() == said
            body = {"replica": 1, "upto": log.vector()[1], "at": 1, "reason": "stolen"}
            log.append("device.retired", uid, body, person=uid_of("lead"), signer=key_of("lead")).result(10)
            one.write(opens("AMB-1-0002")).result(10)
            let_in(log, one)  # by way of somebody who had it before they heard of that
            assert log.vector()[1] > body["upto"]


@pytest.mark.promise("S10")
def test_it_writes_nothing_that_needs_a_right_without_one(log: HubLog) -> None:
    log.believe("AMB", SITE_KEY.public)
    enrol(log, "lead")
    enrol(log, "op", "operator")
    before, people = log.vector(), set(log.trust().rosters["AMB"].people)
    body = {"name": "Meja 9", "role": "desk", "key": bytes(32), "at": 1}
    for person, signer in ((uid_of("op"), key_of("op")), (uid_of("lead"), key_of("op")), (b"", key_of("lead"))):
        with pytest.raises(OpInvalid, match="not signed"):
            log.append("device.invited", b"i" * 16, body, person=person, signer=signer).result(10)
    other = {"login": "x", "name": "X", "role": "lead", "key": key_of("x").public, "sealed": b""}
    with pytest.raises(OpInvalid):
        log.append("person.enrolled", uid_of("x"), other, person=uid_of("x"), signer=key_of("x")).result(10)
    assert log.vector() == before and set(log.trust().rosters["AMB"].people) == people, "it taught the rosters nothing"
    log.append("device.invited", b"i" * 16, body, person=uid_of("lead"), signer=key_of("lead")).result(10)


def settled(source: Store, incident: Uid, value: str, by: str) -> None:
    def act(tx: Tx) -> None:
        state = tx.state(incident)
        assert state
        put = {"village": [value, state.seen_dots("village")]}
        tx.append("incident.settled", incident, {"set": put}, uid_of(by), signer=key_of(by))

    source.write(act).result(10)


FORGED: dict[str, Callable[[Op], Op]] = {
    "unsigned": lambda op: op._replace(signature=b""),
    "another's": lambda op: op._replace(signature=key_of("op").sign(b"x")),
    "operator": lambda op: op._replace(person=uid_of("op")),
    "changed": lambda op: op._replace(body={"set": {"village": ["Amahusu", op.body["set"]["village"][1]]}}),
}


@pytest.mark.promise("S10", "M8")
@pytest.mark.parametrize("forgery", FORGED)
def test_what_was_written_without_the_right_is_kept_and_has_no_effect(
    tmp_path: Path, log: HubLog, forgery: str
) -> None:
    with desk(tmp_path) as rogue:
        found(rogue)
        log.believe("AMB", SITE_KEY.public)
        enrol_person(rogue, "lead", "lead")
        enrol_person(rogue, "op", "operator", by="lead")
        incident = rogue.write(opens()).result(10).value
        rogue.write(edits(incident, village="Batu Merah")).result(10)
        log.merge(admitted(log, rogue.page({}, 100))).result(10)
        settled(rogue, incident, "Silale", "lead")
        newest = rogue.page(log.vector(), 100)[-1]
        forged = newest._replace(raw=pack(FORGED[forgery](parse(newest.raw).op)))
        log.merge(admitted(log, [forged])).result(10)
        assert rows(log, "select village, rivals from incident") == [{"village": "Batu Merah", "rivals": 0}]
        assert rows(log, "select flags from op where kind = 'incident.settled'") == [{"flags": VOID}]
        assert len(log.page({}, 1000)) == log.vector()[1], "kept and forwarded"


@pytest.mark.promise("S10", "M8")
def test_whether_a_signature_counts_does_not_depend_on_what_came_first(tmp_path: Path, log: HubLog) -> None:
    """The settling comes from one desk, the grant that makes it right from another, and later."""
    with desk(tmp_path, 1) as one, desk(tmp_path, 2) as two:
        for store in (one, two):
            found(store)
        log.believe("AMB", SITE_KEY.public)
        enrol_person(one, "lead", "lead")
        enrol_person(one, "op", "operator", by="lead")
        incident = one.write(opens()).result(10).value
        one.write(edits(incident, village="Batu Merah")).result(10)
        known = one.page({}, 100)
        granted = {"role": "lead", "at": 1}
        one.write(
            lambda tx: tx.append("person.granted", uid_of("op"), granted, uid_of("lead"), signer=key_of("lead"))
        ).result(10)  # fmt: skip
        two.merge(admitted(two, one.page({}, 100))).result(10)
        settled(two, incident, "Silale", "op")
        log.merge(admitted(log, known)).result(10)
        log.merge(admitted(log, two.page(log.vector(), 100, {2}))).result(10)
        assert rows(log, "select village from incident") == [{"village": "Batu Merah"}]
        assert rows(log, "select role from person where login = 'op'") == [{"role": "operator"}]
        log.merge(admitted(log, one.page(log.vector(), 100))).result(10)
        assert rows(log, "select village, rivals from incident") == [{"village": "Silale", "rivals": 0}]
        assert rows(log, "select role from person where login = 'op'") == [{"role": "lead"}]
        assert rows(log, "select n from signed where void = 1") == []
        assert log.digest() == two.digest()


def erase(source: Store, *entities: Uid) -> None:
    lead = enrol_person(source, "lead", "lead")

    def act(tx: Tx) -> None:
        uid = tx.uid()
        ordered = {"entities": list(entities), "reason": "90 days are over", "at": tx.now()}
        tx.append("erasure.ordered", uid, ordered, lead, signer=key_of("lead"))
        tx.append("record.erased", uid, {"entities": list(entities), "at": tx.now()}, lead, signer=key_of("lead"))

    source.write(act).result(10)


def told(log: HubLog, incident: Uid) -> list[tuple[str, dict[str, Any]]]:
    return [(op.kind, op.body) for op in read(log, lambda db: reads.ops_of(db, incident))]


@pytest.mark.promise("M2")
def test_bodies_that_were_taken_away_are_gone_also_those_that_come_later(tmp_path: Path, log: HubLog) -> None:
    with desk(tmp_path, 1) as one, desk(tmp_path, 2) as two:
        for store in (one, two):
            found(store)
        log.believe("AMB", SITE_KEY.public)
        incident = one.write(opens("AMB-1-7777")).result(10).value
        one.write(edits(incident, caller_name="Rahasia", landmark="Gereja Silo")).result(10)
        other = one.write(opens("AMB-1-0002")).result(10).value
        one.write(edits(other, landmark="Masjid")).result(10)
        two.merge(admitted(two, one.page({}, 100))).result(10)
        two.write(edits(incident, landmark="ditulis sementara")).result(10)
        log.merge(admitted(log, one.page({}, 100))).result(10)
        later = admitted(log, two.page(log.vector(), 100))
        heads = log.heads()
        erase(one, incident)
        log.merge(admitted(log, one.page(log.vector(), 100))).result(10)
        log.merge(later).result(10)
        two.merge(admitted(two, one.page(two.vector(), 100))).result(10)
        assert log.heads() == two.heads() and log.heads()[1] != heads[1]
        assert read(log, reads.broken_chains) == {}
        assert [body for _, body in told(log, incident)] == [{}, {}, {}]
        assert b"Rahasia" not in b"".join(stored.raw for stored in log.page({}, 100))
        found_rows = rows(log, "select caller_name, landmark, number from incident order by id")
        assert found_rows == [{"caller_name": "", "landmark": "", "number": ""},
                              {"caller_name": "", "landmark": "Masjid", "number": "AMB-1-0002"}]  # fmt: skip
        assert log.salts([(1, incident), (2, incident)]) == {}
        assert log.digest() == two.digest()


@pytest.mark.promise("M2", "S10")
def test_an_erasure_nobody_had_the_right_to_erases_nothing_until_somebody_has(tmp_path: Path, log: HubLog) -> None:
    with desk(tmp_path) as one:
        found(one)
        incident = one.write(opens("AMB-1-7777")).result(10).value
        log.merge(admitted(log, one.page({}, 100))).result(10)
        erase(one, incident)
        log.merge(admitted(log, one.page(log.vector(), 100))).result(10)  # it does not know the site yet
        assert told(log, incident)[0][1]["number"] == "AMB-1-7777"
        log.believe("AMB", SITE_KEY.public)
        assert told(log, incident) == [("incident.opened", {})]
        assert log.digest() == one.digest() and read(log, reads.broken_chains) == {}


@pytest.mark.promise("S5")
def test_two_histories_show_through_every_check(tmp_path: Path, log: HubLog) -> None:
    (tmp_path / "clone").mkdir()
    sites.found(log, SITE_KEY, "Hub", "hub", SeededIds(4), 1)
    with desk(tmp_path) as one, desk(tmp_path / "clone") as clone:
        join(log, one)
        incident = one.write(opens()).result(10).value
        clone.write(opens("AMB-1-6666")).result(10)
        assert one.device.public == clone.device.public, "a cloned disk has the key"
        let_in(log, one)
        clone.write(edits(incident, village="Silale")).result(10)
        with pytest.raises(ChainBroken):
            let_in(log, clone)


def test_a_database_does_not_tell_the_devices_key(database: str) -> None:
    """Neither the key file nor the database alone can speak as the hub."""
    with postgres.open_log(database, bytes(32), clock=HandClock(), ids=SeededIds(1), site="AMB") as log:
        kept = read(log, lambda db: db.execute("select v from meta").fetchall())
        device = log.device
    for (value,) in kept:
        assert len(value) != 32 or Key(value).public != device.public
    with pytest.raises(LogRefused, match="key file"):
        postgres.open_log(database, bytes([1] * 32), clock=HandClock(), ids=SeededIds(1), site="AMB")
