"""The record's key sealed to the site's offline recovery key: who opens it, who says to whom it is sealed (D1)."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.desks import KEY, desk, desks, exchange
from tests.store.sites import key_of
from workstation import recovery, sealing
from workstation.domain.ids import SeededIds, SystemIds
from workstation.recovery import RecoveryKey, seal_to
from workstation.signing import Key
from workstation.site import (
    SiteKey,
    SiteRefused,
    found,
    make_site_key,
    name_recovery,
    read_site_key,
    renew_recovery,
)
from workstation.store import OpInvalid, Store

PASSWORD = "kata sandi lokasi"
IDS = SeededIds(99)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "COST", sealing.Cost(1, 64, 1))


def beside(store: Store) -> recovery.Sealed | None:
    return recovery.read(recovery.place(store.path))


@given(st.binary(max_size=200))
def test_nothing_but_a_box_opens(box: bytes) -> None:
    assert RecoveryKey(bytes(32)).open(box, b"here") is None


def test_a_box_opens_for_its_owner_in_its_context_alone() -> None:
    owner, other = RecoveryKey(b"a" * 32), RecoveryKey(b"b" * 32)
    box = seal_to(owner.public, KEY, b"here", os.urandom)
    assert owner.open(box, b"here") == KEY
    assert owner.open(box, b"there") is None and other.open(box, b"here") is None
    for at in range(len(box)):
        bent = bytearray(box)
        bent[at] ^= 1
        assert owner.open(bytes(bent), b"here") is None, at
    assert seal_to(owner.public, KEY, b"here", os.urandom) != box


@pytest.mark.promise("D1")
def test_every_device_of_the_site_seals_its_record_to_the_sites_recovery_key(tmp_path: Path) -> None:
    file = tmp_path / "site.key"
    site_key = make_site_key(file, "AMB", PASSWORD, SystemIds())
    with desks(tmp_path, 2) as (one, two):
        assert beside(one) is None
        found(one, site_key, "Meja 1", "desk", IDS, 1)
        two.believe("AMB", site_key.public)
        assert beside(two) is None, "it has not heard of the key yet"
        exchange(one, two)
        for store in (one, two):
            lying = beside(store)
            assert lying is not None and lying.open(read_site_key(file, "AMB", PASSWORD).recovery) == KEY
            assert stat.S_IMODE(recovery.place(store.path).stat().st_mode) == 0o600
            assert KEY.hex() not in recovery.place(store.path).read_text()
    with pytest.raises(SiteRefused, match="password"):
        read_site_key(file, "AMB", "another")
    kept = json.loads(file.read_text())
    assert set(kept) == {"site", "public", "sealed"}, "nothing of the recovery key lies open"


@pytest.mark.promise("D1")
def test_a_renewed_key_is_sealed_to_anew_and_the_file_still_opens_what_was_sealed_before(tmp_path: Path) -> None:
    file = tmp_path / "site.key"
    site_key = make_site_key(file, "AMB", PASSWORD, SystemIds())
    with desk(tmp_path) as store:
        found(store, site_key, "Meja 1", "desk", IDS, 1)
        before = beside(store)
        renewed = renew_recovery(file, "AMB", PASSWORD, SystemIds())
        name_recovery(store, renewed, IDS, 2)
        after = beside(store)
        assert before is not None and after is not None and before.to != after.to
        assert after.open(site_key.recovery) is None, "the old key does not open it"
        read = read_site_key(file, "AMB", PASSWORD)
        assert after.open(read.recovery) == before.open(read.recovery) == KEY
        # Named again later, an old key does not come back: what counts is its number, not the clock.
        name_recovery(store, site_key, IDS, 3)
        assert beside(store) == after
    recovery.place(tmp_path / "desk-1.db").unlink()
    with desk(tmp_path) as store:
        lying = beside(store)
        assert lying is not None and lying.to == renewed.recovery[-1].public, "a lost one is made at the next start"


@pytest.mark.promise("D1", "S10")
@pytest.mark.parametrize("who", ["lead", "it", "another site's key", "nobody"])
def test_nobody_but_the_sites_key_names_the_recovery_key(tmp_path: Path, who: str) -> None:
    site_key = make_site_key(tmp_path / "site.key", "AMB", PASSWORD, SystemIds())
    rogue = RecoveryKey(b"rogue".ljust(32))
    body = {"key": rogue.public, "number": 9, "at": 1}
    with desk(tmp_path) as store:
        store.believe("AMB", site_key.public)
        lead = Store.append(store, "person.enrolled", b"L" * 16, {
            "login": "x", "name": "X", "role": who if who in ("lead", "it") else "lead",
            "key": key_of("x").public, "sealed": b""}, signer=site_key)  # fmt: skip
        lead.result(10)
        found(store, site_key, "Meja 1", "desk", IDS, 1)
        by = {"lead": (b"L" * 16, key_of("x")), "it": (b"L" * 16, key_of("x")), "nobody": (b"", None)}
        person, signer = by.get(who, (b"", Key(b"other".ljust(32))))
        with pytest.raises(OpInvalid, match="not signed"):
            store.append("site.recovery_named", IDS.uid(), body, person=person, signer=signer).result(10)
        lying = beside(store)
        assert lying is not None and lying.to == site_key.recovery[-1].public


@pytest.mark.promise("D1")
def test_a_rogue_devices_naming_has_no_effect_where_it_arrives(tmp_path: Path) -> None:
    """The rogue's own program lets it write what it likes; it travels, is kept, and counts nowhere."""
    site_key = make_site_key(tmp_path / "site.key", "AMB", PASSWORD, SystemIds())
    with desks(tmp_path, 2) as (one, rogue):
        found(one, site_key, "Meja 1", "desk", IDS, 1)
        fake = SiteKey(b"fake".ljust(32), (RecoveryKey(b"rogue".ljust(32)),) * 5)
        rogue.believe("AMB", fake.public)
        name_recovery(rogue, fake, IDS, 5)
        exchange(one, rogue)
        lying = beside(one)
        assert lying is not None and lying.to == site_key.recovery[-1].public


def test_a_box_of_another_records_key_is_not_left_beside_this_one(tmp_path: Path) -> None:
    site_key = make_site_key(tmp_path / "site.key", "AMB", PASSWORD, SystemIds())
    with desk(tmp_path) as store:
        found(store, site_key, "Meja 1", "desk", IDS, 1)
    other = bytes(reversed(KEY))
    recovery.write(recovery.place(tmp_path / "desk-1.db"), "AMB", other, site_key.recovery[-1].public, os.urandom)
    with desk(tmp_path) as store:
        lying = beside(store)
        assert lying is not None and lying.open(site_key.recovery) == KEY


@pytest.mark.expected_log("could not be sealed to the site's recovery key")
def test_a_disk_that_takes_no_file_does_not_stop_the_record(tmp_path: Path) -> None:
    site_key = make_site_key(tmp_path / "site.key", "AMB", PASSWORD, SystemIds())
    with desk(tmp_path) as store:
        partial = recovery.place(store.path).with_name("desk-1.recovery.partial")
        partial.mkdir()
        found(store, site_key, "Meja 1", "desk", IDS, 1)
        assert beside(store) is None
        assert store.append("site.recovery_named", IDS.uid(), {
            "key": site_key.recovery[-1].public, "number": 7, "at": 1}, signer=site_key).result(10)  # fmt: skip
