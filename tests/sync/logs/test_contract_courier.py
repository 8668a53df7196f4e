"""A hub's log takes bundles in and makes them, whatever database keeps it (promises S7, S8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.courier.bundle import NotCarried
from sync.courier.taking import take
from tests.sync.carried import bring, carry, enrol
from tests.sync.desks import Desk
from tests.sync.hubs import prepare
from tests.sync.logs.places import HubLog
from workstation import site as sites
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.signing import Key

pytestmark = pytest.mark.promise("S7", "S8")


def test_a_hub_and_a_desk_are_brought_into_step_by_hand(log: HubLog, tmp_path: Path) -> None:
    prepare(log)
    with Desk(tmp_path, "desk-1", site=log.site) as desk:
        enrol(log, desk)
        bring(log, desk.store, tmp_path / "hello.kurir", "Meja 1")
        incident = desk.open_incident("AMB-1-0001")
        desk.edit(incident, landmark="dekat masjid")
        file = carry(desk.store, tmp_path / "there.kurir", "Hub").path
        assert take(log, file).fresh == 2 and take(log, file).fresh == 0
        assert log.digest() == desk.store.digest() and log.vector() == desk.store.vector()
        receipt = carry(log, tmp_path / "receipt.kurir", "Meja 1")
        assert receipt.ops == 0 and take(desk.store, receipt.path).fresh == 0
        assert desk.store.unsent() == (0, None)
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(NotCarried, match="signature"):
            take(log, file)


def test_a_hub_of_two_sites_gives_neither_the_others(log: HubLog, tmp_path: Path) -> None:
    """A bundle is for devices of one site, and holds that site's ops alone."""
    prepare(log)
    clock, ids = SystemClock(), SystemIds()
    other = Key(bytes([9]) * 32)
    with Desk(tmp_path, "desk-1", site=log.site) as desk, Desk(tmp_path, "desk-2", site="TERNATE") as far:
        enrol(log, desk)
        bring(log, desk.store, tmp_path / "hello.kurir", "Meja 1")
        sites.found(far.store, other, "Meja Ternate", "desk", ids, clock.now_ms())
        far.open_incident("TTE-1-0001")
        by = sites.Signatory(other)
        invitation, code = sites.invite(far.store, "Hub Provinsi", "hub", by, other.public, ids, clock.now_ms())
        body = sites.proof(log, invitation, code, "TERNATE") | {"at": clock.now_ms()}
        far.store.append("device.enrolled", invitation, body).result(10)
        log.believe("TERNATE", other.public)
        assert (
            bring(far.store, log, tmp_path / "far.kurir", "Hub Provinsi").fresh == far.store.vector()[far.store.replica]
        )
        made = carry(log, tmp_path / "near.kurir", "Meja 1", everything=True)
        take(desk.store, made.path)
        assert far.store.replica not in desk.store.vector() and far.store.replica in log.vector()
        # A name is looked for in all sites; together they are of none.
        assert carry(log, tmp_path / "to-far.kurir", "Meja Ternate").readers == ("Meja Ternate",)
        with pytest.raises(NotCarried, match="Meja 1, Meja Ternate"):
            carry(log, tmp_path / "both.kurir", "Meja 1", "Meja Ternate")
