"""What is let in: ops of enrolled devices, whole and in order; everything else is refused by name, and not applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sync.admission import Trust, admit, events_of
from sync.frame import pack_frame, sealing
from sync.opwire import ProtocolError, pack, parse, unpack
from sync.protocol import Admitted, ChainBroken, Gap, SaltMissing, Stored, Stranger
from tests.store.desks import desk, opens
from tests.store.sites import enrol_device, enrol_person, found, key_of, uid_of
from workstation.domain.ids import Uid
from workstation.domain.roster import rosters
from workstation.signing import Key, verify
from workstation.store import Store
from workstation.store.schema import LATE


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "hub").mkdir()
    with desk(tmp_path / "hub", 9) as store:
        found(store)
        enrol_device(store, store, "Hub", "hub")
        yield store


@pytest.fixture
def one(tmp_path: Path, hub: Store) -> Iterator[Store]:
    """A desk the hub knows, with ten ops of its own."""
    with desk(tmp_path, 1) as store:
        enrol_device(hub, store, "Meja 1")
        for n in range(10):
            store.write(opens(f"AMB-1-{n:04d}")).result(10)
        yield store


def frame_for(source: Store, hub: Store, ops: Iterable[Stored] | None = None) -> bytes:
    return pack_frame(list(ops) if ops is not None else source.page(hub.vector(), 1000))


def let_in(hub: Store, packed: bytes) -> list[Admitted]:
    return admit(packed, *hub.reached(), hub.salts, hub.trust())


@pytest.mark.promise("S11", "M1")
def test_a_devices_run_is_let_in_and_its_seal_kept_at_its_end(hub: Store, one: Store) -> None:
    admitted = let_in(hub, frame_for(one, hub))
    assert [a.op.seq for a in admitted] == list(range(1, 11))
    assert [bool(a.seal) for a in admitted] == [False] * 9 + [True]
    hub.merge(admitted).result(10)
    assert hub.heads()[1] == one.heads()[1]
    assert let_in(hub, frame_for(one, hub, one.page({}, 1000))) == [], "known ops are skipped by identity"


@pytest.mark.promise("S11")
def test_a_relay_passes_on_what_it_cannot_change(tmp_path: Path, hub: Store, one: Store) -> None:
    hub.merge(let_in(hub, frame_for(one, hub))).result(10)
    (tmp_path / "late").mkdir()
    with desk(tmp_path / "late", 2) as late:
        found(late)
        while page := hub.page(late.vector(), 4):
            late.merge(admit(pack_frame(page), *late.reached(), late.salts, late.trust())).result(10)
        assert late.heads() == hub.heads() and late.digest() == hub.digest()


@pytest.mark.promise("S11", "M1")
@pytest.mark.parametrize("where", ["body", "header", "first", "last"])
def test_what_a_relay_changed_is_refused(hub: Store, one: Store, where: str) -> None:
    ops = one.page({}, 1000)
    at = {"first": 0, "last": 9}.get(where, 4)
    op = unpack(ops[at].raw)
    changed = op._replace(site="TUAL") if where == "header" else op._replace(body={**op.body, "number": "AMB-1-6666"})
    ops[at] = ops[at]._replace(raw=pack(changed))
    with pytest.raises(ChainBroken):
        let_in(hub, pack_frame(ops))


@pytest.mark.promise("S11", "S3")
def test_what_a_relay_left_out_or_turned_round_is_refused(hub: Store, one: Store) -> None:
    ops = one.page({}, 1000)
    with pytest.raises(Gap) as gap:
        let_in(hub, pack_frame(ops[:3] + ops[4:]))
    assert (gap.value.replica, gap.value.expected, gap.value.got, gap.value.vector) == (1, 4, 5, hub.vector())
    with pytest.raises(Gap):
        let_in(hub, pack_frame([ops[1], ops[0], *ops[2:]]))
    cut_short = [*ops[:5], ops[5]._replace(seal=ops[9].seal)]
    with pytest.raises(ChainBroken):
        let_in(hub, pack_frame(cut_short))


@pytest.mark.promise("S9", "S11")
def test_a_device_nobody_enrolled_is_a_stranger(tmp_path: Path, hub: Store) -> None:
    with desk(tmp_path, 5) as stranger:
        stranger.write(opens()).result(10)
        with pytest.raises(Stranger, match="no device"):
            let_in(hub, frame_for(stranger, hub))


@pytest.mark.promise("S9")
def test_a_device_signs_with_its_own_key_alone(hub: Store, one: Store) -> None:
    ops = one.page({}, 1000)
    thief = Key(b"thief".ljust(32))
    forged = thief.sign(sealing(1, 10, one.heads()[1]))
    with pytest.raises(ChainBroken):
        let_in(hub, pack_frame([*ops[:-1], ops[-1]._replace(seal=forged)]))


@pytest.mark.promise("S11")
def test_a_device_writes_for_its_own_site_and_what_devices_of_its_kind_write(tmp_path: Path, hub: Store) -> None:
    (tmp_path / "other").mkdir()
    with desk(tmp_path / "other", 6) as other:
        enrol_device(hub, other, "Hub 2", "hub")
        other.write(opens()).result(10)
        with pytest.raises(Stranger, match="a hub does not write"):
            let_in(hub, frame_for(other, hub))
    with Store.open(tmp_path / "away.db", bytes(32), replica=7, site="TUAL") as away:
        away.write(opens()).result(10)
        enrol_device(hub, away, "Meja 7", site=hub.site)
        with pytest.raises(Stranger, match="belongs to the site 'AMB'"):
            let_in(hub, frame_for(away, hub))


@pytest.mark.promise("S9")
def test_what_a_retired_device_wrote_and_others_bring_is_kept_and_flagged(hub: Store, one: Store) -> None:
    """Refused, it would keep every desk that took it before it had heard of that out of step for ever."""
    lead = enrol_person(hub, "lead", "lead")
    hub.merge(let_in(hub, frame_for(one, hub, one.page({}, 1000)))).result(10)
    device = next(d for d in hub.trust().rosters[hub.site].devices.values() if d.replica == 1)
    body = {"replica": 1, "upto": 10, "at": 1, "reason": "stolen"}
    hub.write(
        lambda tx: tx.append("device.retired", device.entity, body, lead, signer=key_of("lead"))
    ).result(10)  # fmt: skip
    one.write(opens("AMB-1-9999")).result(10)
    hub.merge(let_in(hub, frame_for(one, hub))).result(10)
    flagged = hub.read(lambda db: db.execute("select seq from op where replica = 1 and flags = ?", [LATE]).fetchall())
    assert [seq for (seq,) in flagged.result(10)] == list(range(11, one.vector()[1] + 1))


@pytest.mark.promise("S5", "S11")
def test_two_histories_of_one_replica_show_even_when_nothing_is_new(tmp_path: Path, hub: Store, one: Store) -> None:
    hub.merge(let_in(hub, frame_for(one, hub))).result(10)
    seals = one.page({}, 1000)
    wrong = one.device.sign(sealing(1, 10, bytes(32)))  # its own device says: my tenth op leads elsewhere
    with pytest.raises(ChainBroken):
        let_in(hub, pack_frame([*seals[:-1], seals[-1]._replace(seal=wrong)]))


@pytest.mark.promise("S9")
def test_a_device_enrolled_in_the_same_frame_is_known(tmp_path: Path, hub: Store, one: Store) -> None:
    """As a fresh desk gets it: the hub's own chain says who the hub is, and who the desk is."""
    hub.merge(let_in(hub, frame_for(one, hub))).result(10)
    (tmp_path / "fresh").mkdir()
    with desk(tmp_path / "fresh", 3) as fresh:
        found(fresh)
        admitted = admit(pack_frame(hub.page({}, 1000)), *fresh.reached(), fresh.salts, fresh.trust())
        assert {a.op.replica for a in admitted} == {1, 9}


@pytest.mark.promise("S9")
def test_without_the_sites_key_nobody_is_known(tmp_path: Path, hub: Store) -> None:
    with desk(tmp_path, 4) as lonely, pytest.raises(Stranger):
        admit(pack_frame(hub.page({}, 1000)), *lonely.reached(), lonely.salts, lonely.trust())


@pytest.mark.promise("M2")
def test_a_salt_that_was_erased_here_is_asked_for_and_a_wrong_one_does_not_fit(hub: Store, one: Store) -> None:
    first = one.page({}, 1000)
    hub.merge(let_in(hub, pack_frame(first))).result(10)
    entity = unpack(first[0].raw).entity
    one.write(lambda tx: tx.append("incident.noted", entity, {"text": "x", "at": 1})).result(10)
    page = one.page(hub.vector(), 10)

    def none(_: Iterable[tuple[int, Uid]]) -> dict[tuple[int, Uid], bytes]:
        return {}

    with pytest.raises(SaltMissing):
        admit(pack_frame(page), *hub.reached(), none, hub.trust())
    salts = one.salts([(1, entity)])
    assert admit(pack_frame(page, salts), *hub.reached(), none, hub.trust())[0].op.entity == entity
    with pytest.raises(ChainBroken):
        admit(pack_frame(page, {(1, entity): bytes(16)}), *hub.reached(), none, hub.trust())


def test_what_is_no_frame_is_refused_by_name(hub: Store) -> None:
    with pytest.raises(ProtocolError):
        let_in(hub, b"no frame")


@pytest.mark.promise("S10")
def test_a_roster_told_by_a_stranger_is_believed_from_the_sites_key_on(hub: Store) -> None:
    enrol_person(hub, "lead", "lead")
    key = hub.trust().rosters[hub.site].key
    told = hub.roster()
    roster = rosters({hub.site: key}, events_of(told), verify)[hub.site]
    assert set(roster.people) == {uid_of("lead")} and set(roster.by_replica) == {9}
    forged = [(pack(unpack(raw)._replace(person=b"", signature=bytes(64))), salt) for raw, salt in told]
    assert not rosters({hub.site: key}, events_of(forged), verify)[hub.site].by_replica
    assert not rosters({hub.site: Key(bytes(32)).public}, events_of(told), verify)[hub.site].people
    assert isinstance(hub.trust(), Trust) and parse(told[0][0]).op.kind == "device.invited"
