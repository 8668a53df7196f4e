"""Desks of one LAN without a hub, over real multicast DNS and TLS on loopback (promise S8)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sync.hub.log.sqlite import open_log
from sync.replica import Lan
from sync.replica.discovery import KIND, nearby
from sync.replica.enrolling import NotJoined, join
from tests.store.sites import SITE_KEY
from tests.sync.desks import KEY, Desk, in_step
from tests.sync.hubs import CODES, HubThread
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.domain.rows import Sync
from workstation.service.status import travelled
from workstation.site import SECRET_BYTES, Code

LOOPBACK = Lan(interfaces=("127.0.0.1",), after_s=0.3, look_s=0.1)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[list[Desk]]:
    """Three enrolled desks that are in step, and no hub any more."""
    ids = SystemIds()
    with ExitStack() as stack:
        made = [stack.enter_context(Desk(tmp_path, f"desk-{n}")) for n in range(3)]
        with open_log(tmp_path / "hub.db", KEY, clock=SystemClock(), ids=ids, site="AMB") as log, HubThread(log) as hub:
            for desk in made:
                desk.connect(hub.url)
            wait_until(lambda: in_step(made, log), what="three desks in step with the hub")
            for desk in made:
                desk.disconnect()
        yield made


def beside(desk: Desk) -> list[str]:
    return list(desk.status.beside) if desk.status else []


@pytest.mark.promise("S8")
def test_desks_without_a_hub_find_each_other_and_exchange(desks: list[Desk]) -> None:
    incident = desks[0].open_incident("AMB-1-0001")
    for desk in desks:
        desk.connect(NOBODY, lan=LOOPBACK, joining=False)
    wait_until(lambda: in_step(desks), 20, what="the desks in step by themselves")
    desks[1].edit(incident, landmark="dekat masjid")
    desks[2].note(incident, "asap tebal")
    wait_until(lambda: in_step(desks), 20, what="live writes at every desk")
    assert len({desk.store.digest() for desk in desks}) == 1
    assert all(desk.values(incident, "landmark") == {"dekat masjid"} for desk in desks)
    # Each says whom it reaches, that the hub does not have it, and that another desk does.
    for desk in desks:
        wait_until(lambda desk=desk: beside(desk), 10, what="who is beside")  # type: ignore[misc]
        status = desk.told(state="down")
        assert status.unsent > 0 and set(status.beside) <= {"Meja 0", "Meja 1", "Meja 2"} - {desk.name}
        wait_until(lambda desk=desk: desk.store.beside() == desk.store.unsent()[0], 20, what="all of it elsewhere")  # type: ignore[misc]
    far = desks[0].store.read(travelled).result()
    assert far.row(far.beside) is Sync.BESIDE and far.row(far.beside + 1) is not Sync.BESIDE


@pytest.mark.promise("S8")
def test_the_hub_takes_over_when_it_is_back_and_gets_everything_once(desks: list[Desk], tmp_path: Path) -> None:
    ids = SystemIds()
    desks[0].open_incident("AMB-1-0001")
    with open_log(tmp_path / "hub.db", KEY, clock=SystemClock(), ids=ids, site="AMB") as log:
        with HubThread(log) as hub:
            url = hub.url
        for desk in desks:
            desk.connect(url, lan=LOOPBACK, joining=False)
        wait_until(lambda: in_step(desks), 20, what="the desks in step by themselves")
        before = sum(log.vector().values())
        with HubThread(log, port=int(url.rpartition(":")[2])):
            wait_until(lambda: in_step(desks, log), 20, what="the hub in step")
            for desk in desks:
                status = desk.told(state="up", unsent=0, beside=())
                assert status.elsewhere == 0
            assert sum(log.vector().values()) == before + 3 or log.vector() == desks[0].store.vector()


@pytest.mark.promise("S8")
def test_a_desk_cut_from_the_hub_goes_through_one_that_reaches_it(desks: list[Desk], tmp_path: Path) -> None:
    """Whatever its number: the desk that reaches the hub is visited first."""
    ids = SystemIds()
    reaching = max(desks, key=lambda desk: desk.store.replica)
    cut = [desk for desk in desks if desk is not reaching]
    with (
        open_log(tmp_path / "hub.db", KEY, clock=SystemClock(), ids=ids, site="AMB") as log,
        HubThread(log) as hub,
    ):
        reaching.connect(hub.url, lan=LOOPBACK, joining=False)
        for desk in cut:
            desk.connect(NOBODY, lan=LOOPBACK, joining=False)
        incident = cut[0].open_incident("AMB-1-0001")
        wait_until(lambda: in_step(desks, log), 20, what="all in step")
        reaching.note(incident, "lewat meja yang tersambung")
        wait_until(lambda: in_step(desks, log), 20, what="all in step again")
        assert "up" in {status.state for status in reaching.statuses}


@pytest.mark.promise("S8", "S9")
def test_a_stranger_on_the_lan_gets_and_gives_nothing(desks: list[Desk], tmp_path: Path) -> None:
    """A machine that says it is a desk of the site, and one of another site, change nothing; nor does noise."""
    other = Desk(tmp_path, "desk-9")
    with other:
        other.store.believe("AMB", SITE_KEY.public)  # it knows the site, but was never invited
        for desk in [*desks, other]:
            desk.connect(NOBODY, lan=LOOPBACK, joining=False)
        other.open_incident("AMB-9-0001")
        desks[0].open_incident("AMB-1-0001")
        wait_until(lambda: in_step(desks), 20, what="the desks in step by themselves")
        wait_until(lambda: any(beside(desk) for desk in desks), 10)
        assert other.store.replica not in desks[0].store.vector()
        assert desks[0].store.replica not in other.store.vector() and not beside(other)


@pytest.mark.promise("S8")
def test_announcements_that_lie_are_passed_over(desks: list[Desk]) -> None:
    closed = socket.create_server(("127.0.0.1", 0))

    async def announce() -> None:
        async with AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only) as zeroconf:
            for n, said in enumerate((
                {"site": "AMB", "replica": "1", "hub": "1"},
                {"site": "AMB", "replica": "x" * 40, "hub": "1"},
                {"site": "AMB", "replica": "99999999999999999999"},
                {"site": "OTHER", "replica": "2"},
                {},
            )):  # fmt: skip
                info = AsyncServiceInfo(
                    KIND, f"lie-{n}.{KIND}", port=closed.getsockname()[1], properties=said, server=f"lie-{n}.local.",
                    parsed_addresses=["127.0.0.1"],
                )  # fmt: skip
                await zeroconf.async_register_service(info, cooperating_responders=True)
            for desk in desks:
                desk.connect(NOBODY, lan=LOOPBACK, joining=False)
            await asyncio.to_thread(wait_until, lambda: in_step(desks), 30, what="the desks in step all the same")

    desks[0].open_incident("AMB-1-0001")
    with closed:
        asyncio.run(announce())


@pytest.mark.promise("S8", "S9")
def test_a_desk_of_the_lan_enrols_a_new_one_with_the_hub_down(desks: list[Desk], tmp_path: Path) -> None:
    for desk in desks[:2]:
        desk.connect(NOBODY, lan=LOOPBACK, joining=False)
    wait_until(lambda: any(beside(desk) for desk in desks[:2]), 20, what="two desks side by side")
    new = Desk(tmp_path, "desk-7")
    with new:
        found = asyncio.run(nearby("AMB", ("127.0.0.1",), 10.0))
        assert found and {neighbour.replica for neighbour in found} <= {desk.store.replica for desk in desks[:2]}
        with pytest.raises(NotJoined):
            asyncio.run(join(found[0].urls[0], Code(b"x" * SECRET_BYTES, CODES[7].site), new.store, SystemIds()))
        assert asyncio.run(join(found[0].urls[0], CODES[7], new.store, SystemIds())) == "Meja 7"
        new.connect(NOBODY, lan=LOOPBACK, joining=False)
        new.open_incident("AMB-7-0001")
        wait_until(lambda: in_step([*desks[:2], new]), 20, what="the new desk in step")
