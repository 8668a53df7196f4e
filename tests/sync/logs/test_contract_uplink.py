"""What a log remembers of the hub above it, on either database; and a site's hub on PostgreSQL below a central one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.postgres import postgres
from tests.sync.central import Central
from tests.sync.desks import Desk, in_step
from tests.sync.logs.hub import PgHub
from tests.sync.logs.places import HubLog, Place
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock


def note(log: HubLog, text: str) -> None:
    log.append("incident.noted", b"p" * 16, {"text": text, "at": 1}).result(10)


@pytest.mark.promise("S2", "S4")
def test_what_the_hub_above_has_is_remembered_over_a_restart_and_taken_back_when_it_is_less(place: Place) -> None:
    clock = HandClock()
    with place.open(clock=clock) as log:
        assert log.unsent() == (0, None) and log.acked_vector() == {} and log.beside() == 0
        log.acked({log.replica: 0, 77: 9}).result(10)
        oldest = clock.now_ms()
        for n in range(4):
            note(log, f"{n}")
            clock.advance(1000)
        assert log.unsent() == (4, oldest)
        log.acked({log.replica: 3}).result(10)
        assert log.unsent() == (1, oldest + 3000) and log.acked_vector() == {log.replica: 3}
        log.told_beside({log.replica: 4}).result(10)
        assert log.beside() == 1
        log.told_beside({log.replica: 2}).result(10)
        assert log.beside() == 1, "what another peer has on disk stays there"
        log.told_refused(4, "frame").result(10)
        log.told_refused(4, "op").result(10)
    with place.open(clock=clock) as log:
        assert log.unsent() == (1, oldest + 3000) and log.acked_vector() == {log.replica: 3} and log.beside() == 1
        note(log, "sesudahnya")
        assert log.unsent()[0] == 2 and log.acked_vector() == {log.replica: 3}, "a commit leaves it as it is"
        log.acked({}).result(10)
        assert log.unsent() == (5, oldest)


@pytest.mark.promise("S1", "S4", "S7")
def test_a_sites_hub_on_postgresql_keeps_a_central_one_on_sqlite_in_step(tmp_path: Path) -> None:
    """Both ways; then its database goes away for a while, and what the central one heard meanwhile comes after."""
    (tmp_path / "central").mkdir()
    with postgres() as server, server.database() as name:
        central = Central(tmp_path / "central", site="pusat")
        site = PgHub(tmp_path / "site", server, name)
        central.joins(site)
        with (
            central,
            PgHub(tmp_path / "site", server, name, uplink=central.url) as hub,
            Desk(tmp_path, "desk-1") as near,
            Desk(tmp_path, "desk-2") as far,
        ):
            near.connect(hub.url)
            incident = near.open_incident("AMB-1-0001")
            far.connect(hub.url)  # until it has the roster that names it, which a central hub asks for
            wait_until(lambda: in_step([near, far]), 20, what="both in step at the site")
            far.disconnect()
            far.connect(central.url)
            near.note(incident, "dari dekat")
            wait_until(lambda: in_step([near, far]), 20, what="the far desk in step")
            far.note(incident, "dari jauh")
            wait_until(lambda: in_step([near, far]), 20, what="the near desk in step")
            server.stop()
            wait_until(lambda: "does not answer" in hub.told(), what="the hub says so")
            far.notes(incident, 1_500)
            near.note(incident, "selagi basis data mati")
            far.told(state="up", unsent=0, deadline_s=30)
            server.start()
            wait_until(lambda: in_step([near, far]), 60, what="both in step again")
            assert near.store.digest() == far.store.digest()
            assert hub.held() == near.store.vector() and "Traceback" not in hub.told()
            assert hub.stop() == 0
