"""A small centre for the tests: a hub's store, a desk with its journal and copies, exchanging by the real admission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.admission import admit
from sync.frame import cut, pack_frame, salted
from tests.store.desks import KEY, opens
from tests.store.sites import SITE_KEY, enrol_device, found
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds, Uid
from workstation.settings import DeskSettings, Settings, StoreSettings
from workstation.store import Store, Tx, copies
from workstation.store.copies import Copy

NOW = 1_795_284_767_000
HUB = 9


class Place:
    """One desk's folder and settings; its record is opened and closed as the test goes."""

    def __init__(self, folder: Path, clock: HandClock, *, seed: int = 3, number: int = 3) -> None:
        self.folder, self.clock, self.ids = folder, clock, SeededIds(seed, clock)
        self.settings = Settings(
            DeskSettings(name=f"Meja {number}", prefix=f"AMB-{number}", site="AMB"),
            StoreSettings(folder=str(folder), key="file"),
        )
        folder.mkdir(parents=True, exist_ok=True)

    def keep_key(self, key: bytes = KEY) -> None:
        self.settings.places.key.write_text(key.hex())
        self.settings.places.key.chmod(0o600)

    @property
    def record(self) -> Path:
        return self.settings.places.store

    def open(self, key: bytes = KEY) -> Store:
        return Store.open(
            self.record, key, clock=self.clock, ids=self.ids, site="AMB", outbox=self.settings.outbox
        )  # fmt: skip

    def copy(self) -> Copy:
        self.clock.advance(1000)
        return copies.make(self.record, KEY, self.settings.copies, "AMB-3", self.clock.now_ms())


@contextmanager
def a_hub(folder: Path, clock: HandClock, replica: int = HUB) -> Iterator[Store]:
    """A hub that founded the tests' site."""
    path = folder / f"hub-{replica}.db"
    with Store.open(path, KEY, replica=replica, clock=clock, ids=SeededIds(replica, clock), site="AMB") as hub:
        if "AMB" not in hub.trust().rosters:
            found(hub)
            enrol_device(hub, hub, "Hub", "hub")
        yield hub


def join(hub: Store, desk: Store) -> None:
    """The desk becomes a device of the hub's site."""
    desk.believe("AMB", SITE_KEY.public)
    enrol_device(hub, desk, f"Meja {desk.replica}")


def give(source: Store, target: Store) -> None:
    """All the target lacks, by frames that it admits or refuses."""
    while page := source.page(target.vector(), 1000):
        for ops in cut(page):
            packed = pack_frame(ops, source.salts(salted(ops)))
            target.merge(admit(packed, *target.reached(), target.salts, target.trust())).result(20)


def sync(desk: Store, hub: Store) -> None:
    """Both have what either had, and the desk knows what the hub has."""
    give(hub, desk)
    give(desk, hub)
    desk.acked(hub.vector()).result(20)
    give(hub, desk)


def noted(desk: Store, incident: Uid, count: int = 1, words: str = "catatan") -> None:
    """Notes in one transaction."""

    def act(tx: Tx) -> None:
        for n in range(count):
            tx.append("incident.noted", incident, {"text": f"{words} {n} " + "x" * 150, "at": tx.now()})

    desk.write(act).result(20)


def opened(desk: Store, number: str = "AMB-3-0001") -> Uid:
    return desk.write(opens(number)).result(20).value


def dots(store: Store) -> set[tuple[int, int]]:
    """Every op a record has."""
    return set(store.read(lambda db: db.execute("select replica, seq from op").fetchall()).result(20))
