"""Machines: a desk or a hub with its disk, its clock and its wires, that goes off at any moment and comes back.

Everything that runs on one is the product's own: the store, the sync worker (`Replica`), the visits of neighbours, and
the routes.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
from collections.abc import Callable, Coroutine
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Final

from sync.hub.log.sqlite import open_log
from sync.protocol import PROTOCOL
from sync.replica import Lan, Replica, Timing
from sync.replica.discovery import Neighbour
from sync.replica.neighbours import Neighbours
from sync.replica.session import Asker
from sync.serve import Feed, Limits
from sync.serving import build
from tests.simulate.power import Disk, PowerCut
from tests.simulate.turns import DeskClock, Loop
from tests.simulate.wire import HERE, Net
from workstation.domain.hlc import ms_of
from workstation.domain.ids import SeededIds
from workstation.domain.ops import Dot
from workstation.domain.rows import LinkStatus
from workstation.store import Store

KEY: Final = bytes(range(32))
SITE: Final = "AMB"
_TIMING: Final = Timing(poll_s=20.0, greet_s=20.0, answer_s=5.0, watchdog_s=40.0, report_s=2.0)
_LIMITS: Final = Limits(heartbeat_s=10.0)


class Machine:
    """One of them. `up` is the machine it keeps in step with, "" = none; `replica` 0 = as its file says."""

    def __init__(self, name: str, folder: Path, loop: Loop, net: Net, seed: int, *, hub: bool, up: str) -> None:
        self.name, self.hub, self.up, self.loop, self._net = name, hub, up, loop, net
        # Not hash(): that is another one in every process.
        own = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:6], "big")
        self.rng = Random(own)
        self.clock = DeskClock(loop)
        self._own = own
        self.disk = Disk(folder / f"{name}.db", self.rng, self._fell)
        self.speaks = PROTOCOL
        self.anew = False
        """Its record was made anew, and its device is not enrolled yet."""
        self.store: Store | None = None
        self.app: Any = None
        self.feed: Feed | None = None
        self.gone = False
        """Left the site for good: stolen, retired."""
        self.twin: Machine | None = None
        """Another machine that writes the same replica; what either writes meanwhile is `contested`."""
        self.contested: dict[Dot, bytes] = {}
        self.others: dict[Dot, bytes] = {}
        """Of a history that another machine's took the place of, what lay here, too: it is to stay."""
        self.status: LinkStatus | None = None
        self.faults: list[str] = []
        self.crashes = self.life = self.visits = 0
        self.written: dict[Dot, bytes] = {}
        """What a person here was told is kept: dot to the hash of the op's bytes' chain there."""
        self._tasks: dict[asyncio.Task[Any], None] = {}  # a set's order would be that of addresses in memory
        self._context = contextvars.copy_context()
        self._context.run(HERE.set, self)
        self.when_on: Callable[[], None] = lambda: None

    @property
    def serves(self) -> bool:
        return self.store is not None and not self.disk.off and not self.gone

    def spawn(self, job: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this machine: it ends when the machine does."""
        task = self.loop.create_task(job, context=self._context.copy())
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, PowerCut) and self.serves:
            self.faults.append(f"{self.name}: a task ended with {error!r}")

    @cached_property
    def ids(self) -> SeededIds:
        return SeededIds(self._own, self.clock)

    # --- on and off
    def open(self, replica: int | None = None) -> Store:
        """Open the record, and nothing more."""
        if self.hub and replica is None:
            store = open_log(self.disk.path, KEY, clock=self.clock, ids=self.ids, site=SITE)
        else:
            store = Store.open(self.disk.path, KEY, replica=replica, clock=self.clock, ids=self.ids, site=SITE)
        self.disk.durable = store.vector()
        return store

    def start(self, replica: int | None = None) -> None:
        """Power on: the record is opened, and everything begins that a desk or hub does."""
        self.disk.on()
        self.life += 1
        self.store = store = self.open(replica)
        store.listen(lambda _changes: self._look_at_clock(store))
        self.replica = Replica(
            store, f"http://{self.up}" if self.up else "", self.ids.secret, self.clock, self.rng.random, self._said,
            desk=self.name, site=SITE, timing=_TIMING,
        )  # fmt: skip
        self.replica._unlisten = store.listen(lambda _changes: self.replica.wake())
        self.spawn(self.replica._main())
        heard = None
        if not self.hub:
            self.spawn(self._neighbourly(store))
            heard = self._heard
        self.app, self.feed = build(store, self.ids.secret, clock=self.clock, limits=_LIMITS, heard=heard)

    async def _neighbourly(self, store: Store) -> None:
        """Ready to visit, and to note what visitors hold."""
        await asyncio.sleep(0.1)
        self.neighbours = Neighbours(
            store, Lan(), self.ids.secret, self.clock, Asker(self.name, SITE), _TIMING, self.replica._reporter
        )
        store.listen(lambda _changes: self.loop.call_soon_threadsafe(self.neighbours.wake.set))

    def _heard(self, replica: int, vector: dict[int, int]) -> None:
        if hasattr(self, "neighbours"):
            self.neighbours._heard(replica, vector)

    async def visit(self, other: Machine, for_s: float) -> None:
        """Exchange with a neighbour for a while, as desks do while no hub answers."""
        if other.store is None or not hasattr(self, "neighbours"):
            return
        self.visits += 1
        try:
            async with asyncio.timeout(for_s):
                await self.neighbours._session(Neighbour(other.store.replica, (f"http://{other.name}",), False))
        except TimeoutError:
            return
        finally:
            self.visits -= 1

    def _said(self, status: LinkStatus) -> None:
        self.status = status

    def _look_at_clock(self, store: Store) -> None:
        if self.disk.off:
            return
        last_ms = ms_of(store._author.hlc.last)
        if last_ms > self.clock.bound_ms() + 1:
            self.faults.append(f"{self.name}: its clock was pulled {last_ms - self.clock.bound_ms()} ms too far")

    def _fell(self) -> None:
        """On whatever thread noticed it."""
        self.crashes += 1
        self.loop.call_soon_threadsafe(self.clear)

    def clear(self) -> None:
        """What ran here runs no more, and the files are as they were when the power went."""
        store, self.store = self.store, None
        for task in list(self._tasks):
            task.cancel()
        self.status = None
        if hasattr(self, "neighbours"):
            del self.neighbours
        if store is not None:
            store.close()
            self.when_on()

    def stop(self) -> None:
        """Shut down in order."""
        self.clear()
        self.disk.on()

    # --- looked at from outside
    def raws(self) -> dict[Dot, bytes]:
        """Every op had here, with the chain's hash at it."""
        assert self.store is not None
        rows = self.store.read(lambda db: db.execute("select replica, seq, head from op").fetchall()).result()
        return {(replica, seq): head for replica, seq, head in rows}
