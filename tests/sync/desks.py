"""Desks for the tests: a real encrypted store with the real sync thread, and what a person would do on it."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from pathlib import Path

from sync.replica import Lan, Replica, Timing
from sync.replica.enrolling import NotJoined, join
from tests.store.sites import SITE_KEY
from tests.sync.hubs import CODES
from tests.waiting import wait_until
from workstation.domain.hlc import Clock, SystemClock
from workstation.domain.ids import SystemIds, Uid
from workstation.domain.ops import Dot
from workstation.domain.rows import LinkStatus
from workstation.store import Store, Tx, reads
from workstation.words import said

KEY = bytes(range(32))
QUICK = Timing(
    retry_least_s=0.05,
    retry_most_s=0.2,
    steady_s=1.0,
    poll_s=2.0,
    greet_s=2.0,
    answer_s=2.0,
    watchdog_s=10.0,
    report_s=0.02,
)
"""The product's pacing, thirty times as fast."""


class Desk:
    """One desk: its store at `folder/NAME.db`, and, once connected, its replica of the hub."""

    def __init__(self, folder: Path, name: str, site: str = "AMB", clock: Clock | None = None) -> None:
        self.name, self.path, self.clock = name, folder / f"{name}.db", clock or SystemClock()
        self.store = Store.open(self.path, KEY, clock=self.clock, ids=SystemIds(), site=site)
        self.statuses: list[LinkStatus] = []
        self._changed = threading.Event()
        self.replica: Replica | None = None

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()
        self.store.close()

    # --- sync
    def join(self, url: str) -> None:
        """Become a device of the site, with the code for this desk's number; where nobody answers, know the site."""
        if self.store.site in self.store.trust().rosters:
            return
        code = CODES[int(self.name.rpartition("-")[2])]
        try:
            asyncio.run(join(url, code, self.store, SystemIds()))
        except NotJoined:
            self.store.believe(self.store.site, SITE_KEY.public)

    def connect(self, url: str, *, timing: Timing = QUICK, joining: bool = True, lan: Lan | None = None) -> None:
        """Begin to exchange with the hub at `url`."""
        rng = random.Random(7)
        if url and joining:
            self.join(url)
        self.replica = Replica(
            self.store,
            url,
            SystemIds().secret,
            self.clock,
            rng.random,
            self.statuses.append,
            desk=self.name,
            site=self.store.site,
            timing=timing,
            lan=lan,
        )
        self.replica.start()

    def disconnect(self) -> None:
        replica, self.replica = self.replica, None
        if replica is not None:
            assert replica.stop(), "the sync thread did not end"

    @property
    def status(self) -> LinkStatus | None:
        return self.statuses[-1] if self.statuses else None

    def until(self, state: str, deadline_s: float = 10.0) -> LinkStatus:
        """Wait until the desk says this of its link."""
        return self.told(state=state, deadline_s=deadline_s)

    def told(self, words: str = "", *, deadline_s: float = 10.0, **fields: object) -> LinkStatus:
        """Wait until the newest status has these fields and a sentence with these words."""
        found: list[LinkStatus] = []

        def look() -> bool:
            found[:] = [
                status
                for status in self.statuses[-1:]
                if words in said(status.sentence, "id") and all(getattr(status, n) == v for n, v in fields.items())
            ]
            return bool(found)

        wait_until(look, deadline_s, what=f"{self.name} tells {fields} {words}")
        return found[0]

    # --- what a person does
    def open_incident(self, number: str) -> Uid:
        def act(tx: Tx) -> Uid:
            uid = tx.uid()
            tx.append("incident.opened", uid, {"number": number, "call": b"", "desk": self.name, "at": tx.now()})
            return uid

        return self.store.write(act).result().value

    def edit(self, incident: Uid, **fields: object) -> Dot:
        """Write registers, replacing what this desk sees."""

        def act(tx: Tx) -> Dot:
            state = tx.state(incident)
            assert state is not None
            writes = {name: [value, [list(dot) for dot in state.seen_dots(name)]] for name, value in fields.items()}
            return tx.append("incident.edited", incident, {"set": writes})

        return self.store.write(act).result().value

    def note(self, incident: Uid, text: str) -> Dot:
        return self.store.write(
            lambda tx: tx.append("incident.noted", incident, {"text": text, "at": tx.now()})
        ).result().value  # fmt: skip

    def notes(self, incident: Uid, count: int) -> None:
        """`count` notes in one transaction."""

        def act(tx: Tx) -> None:
            for n in range(count):
                tx.append("incident.noted", incident, {"text": f"catatan {n} " + "x" * (n % 200), "at": tx.now()})

        self.store.write(act).result()

    def values(self, incident: Uid, field: str) -> set[object]:
        """All live values of a register."""
        state = self.store.read(lambda db: reads.state(db, incident)).result()
        return {write.value for write in state.live(field)} if state else set()


def in_step(desks: Sequence[Desk], log: Store | None = None) -> bool:
    """Whether all hold the same ops."""
    vectors = [desk.store.vector() for desk in desks] + ([log.vector()] if log else [])
    return all(vector == vectors[0] for vector in vectors)


def until_in_step(desks: Sequence[Desk], deadline_s: float = 20.0) -> None:
    """Wait until all hold the same ops and nothing is unsent, then see that they say the same."""
    wait_until(
        lambda: in_step(desks) and all(desk.store.unsent() == (0, None) for desk in desks),
        deadline_s,
        what="desks in step",
    )
    assert len({desk.store.digest() for desk in desks}) == 1
