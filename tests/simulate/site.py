"""The site before the first call: its key, people, hubs and desks, enrolled once and copied for each seed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.simulate.turns import EPOCH_MS
from tests.store import sites
from tests.store.desks import exchange
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds
from workstation.store import Store

NAMES: Final = ("hub", "central", "desk-1", "desk-2", "desk-3", "desk-4", "desk-5")
HUBS: Final = ("hub", "central")
_MEMORY: Final = Path("/dev/shm")


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for the run's files, in memory where the machine has such: the power is ours to take, not the disk's."""
    with tempfile.TemporaryDirectory(prefix="tahuri-sim-", dir=_MEMORY if _MEMORY.is_dir() else None) as made:
        yield Path(made)


def found(where: Path, key: bytes, site: str) -> None:
    """Make the records of all machines at `where`/NAME.db, in step, closed."""
    clock = HandClock(EPOCH_MS - 3_600_000)
    with ExitStack() as stack:
        stores: list[Store] = []
        for number, name in enumerate(NAMES, 1):
            ids = SeededIds(number, clock)
            store = Store.open(where / f"{name}.db", key, replica=number, clock=clock, ids=ids, site=site)
            stores.append(stack.enter_context(store))
        hub, *others = stores
        for store in stores:
            sites.found(store)
        for name, store in zip(NAMES, stores, strict=True):
            sites.enrol_device(hub, store, name, "hub" if name in HUBS else "desk")
            clock.advance(1000)
        from tests.simulate.people import ROSTER

        for login, role in ROSTER.items():
            sites.enrol_person(hub, login, role)
        exchange(*stores)
        assert len({store.digest() for store in [hub, *others]}) == 1
    for name in NAMES:
        (where / f"{name}.db.lock").unlink()
