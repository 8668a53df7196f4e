"""Desks and a hub with no wire between them: enrolled as IT would, and from then on only what is carried by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sync.courier.giving import Made, Order, give
from sync.courier.taking import Taken, take
from sync.hub.log.sqlite import open_log
from sync.hub.stores import HubLog
from sync.log import DeskLog
from tests.store.sites import SITE_KEY
from tests.sync.desks import KEY, Desk
from tests.sync.hubs import CODES, prepare
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.site import proof
from workstation.store import Store

CLOCK, IDS = SystemClock(), SystemIds()


def enrol(hub: HubLog, desk: Desk) -> None:
    """Put a desk on the hub's roster by its own code; the desk itself learns the site's key alone."""
    code = CODES[int(desk.name.rpartition("-")[2])]
    devices = hub.trust().rosters[hub.site].devices
    invitation = next(uid for uid, device in devices.items() if device.invitation == code.key.public)
    body = proof(desk.store, invitation, code, hub.site) | {"at": CLOCK.now_ms()}
    hub.append("device.enrolled", invitation, body).result(10)
    desk.store.believe(hub.site, SITE_KEY.public)


@contextmanager
def apart(folder: Path, count: int = 2) -> Iterator[tuple[Store, list[Desk]]]:
    """A hub and so many desks, Meja 1, Meja 2, …, enrolled; nothing has been exchanged yet."""
    with ExitStack() as stack:
        hub = stack.enter_context(open_log(folder / "hub.db", KEY, clock=CLOCK, ids=IDS, site="AMB"))
        prepare(hub)
        desks = [stack.enter_context(Desk(folder, f"desk-{n}")) for n in range(1, count + 1)]
        for desk in desks:
            enrol(hub, desk)
        yield hub, desks


def carry(log: DeskLog, place: Path, *to: str, everything: bool = False) -> Made:
    """Make a bundle."""
    return give(log, Order(place, to, everything), CLOCK.now_ms(), IDS.secret)


def bring(source: DeskLog, target: DeskLog, file: Path, *to: str, everything: bool = False) -> Taken:
    """Make a bundle and take it in."""
    return take(target, carry(source, file, *to, everything=everything).path)
