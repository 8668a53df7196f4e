"""From a site's hub up to the central one, and to a central one of two sites: real hub processes (promises S1, S7)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sync.central import Central
from tests.sync.desks import Desk, in_step
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until


def folder(tmp_path: Path, name: str) -> Path:
    made = tmp_path / name
    made.mkdir()
    return made


def enrolled(desk: Desk, url: str) -> Desk:
    """Become a device of the site, and know so oneself: what a desk shows a hub that has not heard of it."""
    desk.connect(url)
    known = desk.store.trust
    wait_until(lambda: desk.store.replica in known().rosters[desk.store.site].by_replica, 20, what="its own enrolment")
    desk.disconnect()
    return desk


@pytest.mark.promise("S1", "S7")
def test_what_a_desk_writes_reaches_the_central_hub_and_a_desk_there(tmp_path: Path) -> None:
    """Desk, site's hub, central hub; a desk that only reaches the central one gets it, and answers by the same way."""
    central = Central(folder(tmp_path, "central"), site="pusat")
    site = HubProcess(folder(tmp_path, "site"))
    central.joins(site)
    with (
        central,
        HubProcess(site.folder, uplink=central.url) as hub,
        Desk(tmp_path, "desk-1") as near,
        Desk(tmp_path, "desk-2") as far,
    ):
        near.connect(hub.url)
        enrolled(far, hub.url).connect(central.url)
        incident = near.open_incident("AMB-1-0001")
        wait_until(lambda: in_step([near, far]), 20, what="the far desk in step")
        far.note(incident, "dari jauh")
        wait_until(lambda: in_step([near, far]), 20, what="the near desk in step")
        far.told(state="up", unsent=0)


@pytest.mark.promise("S4", "S7")
def test_a_site_goes_on_while_the_central_hub_is_away_and_loses_nothing(tmp_path: Path) -> None:
    central = Central(folder(tmp_path, "central"), site="pusat")
    site = HubProcess(folder(tmp_path, "site"))
    central.joins(site)
    with central:
        url, port = central.url, central.address[1]
    with (
        HubProcess(site.folder, uplink=url) as hub,
        Desk(tmp_path, "desk-1") as one,
        Desk(tmp_path, "desk-2") as two,
        Desk(tmp_path, "desk-3") as far,
    ):
        for desk in (one, two):
            desk.connect(hub.url)
        enrolled(far, hub.url)
        incident = one.open_incident("AMB-1-0001")
        one.notes(incident, 2500)
        wait_until(lambda: in_step([one, two]), 30, what="the site in step without the central hub")
        central.start(port)
        two.note(incident, "sesudah tersambung")
        far.connect(central.url)
        wait_until(lambda: in_step([one, two, far]), 60, what="the backlog beyond the central hub")
        assert len({desk.store.digest() for desk in (one, two, far)}) == 1
        central.kill()


@pytest.mark.promise("S7", "S9")
def test_a_central_hub_of_two_sites_gives_neither_what_is_the_others(tmp_path: Path) -> None:
    central = Central(folder(tmp_path, "central"), site="pusat")
    sites = {name: HubProcess(folder(tmp_path, name), site=name) for name in ("AMB", "TUL")}
    for site in sites.values():
        central.joins(site)
    with ExitStack() as stack:
        stack.enter_context(central)
        near, far = {}, {}
        for n, (name, site) in enumerate(sites.items()):
            hub = stack.enter_context(HubProcess(site.folder, site=name, uplink=central.url))
            near[name] = stack.enter_context(Desk(tmp_path, f"desk-{2 * n}", site=name))
            far[name] = stack.enter_context(Desk(tmp_path, f"desk-{2 * n + 1}", site=name))
            near[name].connect(hub.url)
            near[name].open_incident(f"{name}-1-0001")
            enrolled(far[name], hub.url).connect(central.url)
        for name in sites:
            wait_until(lambda name=name: in_step([near[name], far[name]]), 30, what=f"{name} in step")  # type: ignore[misc]
            assert near[name].store.digest() == far[name].store.digest()
        replicas = {name: {desk.store.replica for desk in (near[name], far[name])} for name in sites}
        for here, there in (("AMB", "TUL"), ("TUL", "AMB")):
            for desk in (near[here], far[here]):
                assert not replicas[there] & desk.store.vector().keys(), "the other site stays unknown"
