"""Desks for tests: real store, real services, a clock moved by hand; and the exchange of two of them without a hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.store.desks import admitted
from tests.store.sites import found
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds, Uid
from workstation.geo.gazetteer import Gazetteer
from workstation.service import calls, intake
from workstation.service.catalogue import Catalogue
from workstation.service.desk import Desk
from workstation.settings import DeskSettings, Settings
from workstation.store import Store

KEY = bytes(range(32))
NOW = 1_795_284_767_000  # 22 November 2026, 03:12:47 at the centre (UTC+9)


@contextmanager
def a_desk(folder: Path, number: int = 3, clock: HandClock | None = None, seed: int = 0) -> Iterator[Desk]:
    """A desk "Meja n" whose record lies in the folder; `seed` makes its replica and ids. Closed at the end."""
    clock = clock or HandClock(NOW)
    ids = SeededIds(seed or number, clock)
    settings = Settings(DeskSettings(name=f"Meja {number}", prefix=f"AMB-{number}"))
    store = Store.open(folder / f"desk{number}.db", KEY, clock=clock, ids=ids, site="ambon")
    found(store)
    desk = Desk(store, clock=clock, ids=ids, catalogue=Catalogue.load(), gazetteer=Gazetteer.load(), settings=settings)
    try:
        yield desk
    finally:
        desk.close()
        store.close()


def exchange(*desks: Desk) -> None:
    """Every desk gets what the others wrote, through the same pages and merges the hub uses."""
    for reader in desks:
        for writer in desks:
            if reader is not writer:
                reader.store.merge(admitted(reader.store, writer.store.page(reader.store.vector(), 1000))).result()


def hand(desk: Desk) -> HandClock:
    """The desk's clock, to be moved."""
    assert isinstance(desk.clock, HandClock)
    return desk.clock


def ring(desk: Desk, number: str = "081200004417", *, key: str = "", dialled: str = "112") -> Uid:
    """A call that rings now at this desk; gives its offer."""
    offer = desk.ids.uid()
    calls.rang(desk, calls.Ring(offer, number, desk.clock.now_ms(), dialled=dialled, key=key)).result()
    return offer


def opened(desk: Desk, offer: Uid = b"") -> Uid:
    """An incident opened at this desk."""
    incident = desk.ids.uid()
    intake.open_incident(desk, incident, offer).result()
    return incident
