"""The nightly look: the record is looked through and copied once a day, by the desk itself, while nobody works (D5).

What came of it is kept beside the record, where the status bar and the doctor find it. A desk that was off at night, or
busy, does it as soon as it can; one that is never quiet does it all the same after `PATIENCE_MS`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock
from workstation.domain.sentence import NOTHING, Sentence
from workstation.service import care, retention
from workstation.service.care import Night
from workstation.settings import RetentionSettings, Settings
from workstation.store import Store, StoreFailed, Tx, check, copies
from workstation.store.check import PutOff
from workstation.store.copies import CopyFailed
from workstation.store.errors import StoreClosed

log = logging.getLogger("store")
QUIET_S: Final = 120.0
"""Nobody works when nothing was written at this desk for so long."""
PATIENCE_MS: Final = 6 * 3_600_000
TURN_S: Final = 30.0
"""How often it is asked whether it is time."""


class Nightly:
    """Started with the desk, ended before its store is closed. `told` hears after each look, on a thread of its own."""

    def __init__(
        self,
        store: Store,
        key: bytes | None,
        settings: Settings,
        clock: Clock,
        told: Callable[[], object] = lambda: None,
        turn_s: float = TURN_S,
    ) -> None:
        self._store, self._key, self._settings, self._clock = store, key, settings, clock
        self._told, self._turn_s = told, turn_s
        self._touched_s = clock.monotonic_s() - QUIET_S
        self._pressing = False
        self._closing = threading.Event()
        self._stop_listening = store.listen(self._written)
        self._thread = threading.Thread(target=self._run, name="desk-nightly", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End, in the middle of a look if need be: it is done again another time."""
        self._closing.set()
        self._stop_listening()
        if self._thread.ident is not None:
            self._thread.join()

    def turn(self) -> bool:
        """Look and copy where that is due and nobody works; says whether it was done."""
        now = self._clock.now_ms()
        before = self._store.read(care.night).result()
        since = due_since(before.at, now, self._settings.store.night_at, ZoneInfo(self._settings.desk.zone))
        self._pressing = since is not None and now - since > PATIENCE_MS
        if since is None or not self._free():
            return False
        try:
            night = self._look(now, before)
        except PutOff:
            return False
        self._store.write(lambda tx: _keep(tx, night, self._settings.retention)).result()
        self._told()
        return True

    def _look(self, now: int, before: Night) -> Night:
        """Raises PutOff when somebody begins to work."""
        store, own = self._settings.store, self._settings.copies
        faults = check.whole(self._store.path, self._key, self._free)
        if faults:
            log.error("the record is not whole: %s", "; ".join(faults))
            # A copy of a damaged record would push out one that is whole.
            return Night(now, tuple(faults), before.copied_at, NOTHING)
        copied_at, failed = before.copied_at, NOTHING
        try:
            prefix = self._settings.desk.prefix
            copy = copies.make(self._store.path, self._key, own, prefix, now, self._free)
            copies.prune(own, prefix, store.copies, copy)
            beside = copies.attachments(self._store.shelf, own, prefix, self._free)
            beside.sweep(self._store.attachments, now)
            copied_at = now
        except CopyFailed as error:
            log.error("no nightly copy: %s", error)
            failed = error.sentence
        return Night(now, (), copied_at, failed)

    def _free(self) -> bool:
        if self._closing.is_set():
            return False
        return self._pressing or self._clock.monotonic_s() - self._touched_s >= QUIET_S

    def _written(self, changes: Changes) -> None:
        if changes.local:
            self._touched_s = self._clock.monotonic_s()

    def _run(self) -> None:
        while not self._closing.wait(self._turn_s):
            try:
                self.turn()
            except (StoreClosed, StoreFailed) as error:
                log.warning("the nightly look is put off: %s", error)
            except Exception:  # whatever it was, the next night has its look
                log.exception("the nightly look is put off")


def _keep(tx: Tx, night: Night, rules: RetentionSettings) -> None:
    tx.set_meta(care.NIGHT, night.packed())
    tx.set_meta(check.SUSPECT, int(bool(night.faults)))
    if not night.faults:
        retention.forget_looks(tx, rules)


def due_since(last_at: int, now: int, night_at: str, zone: ZoneInfo) -> int | None:
    """Since when a look is due, ms UTC; None where one was made after the newest time set for it."""
    hour, minute = map(int, night_at.split(":"))
    here = datetime.fromtimestamp(now / 1000, zone)
    night = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if night > here:
        night -= timedelta(days=1)
    at = int(night.timestamp() * 1000)
    # A look dated ahead of the clock was made under a wrong one: it says nothing.
    return None if at <= last_at <= now else at


def word(store: Store, clock: Clock) -> Sentence:
    """What the person at the desk is to know of the record itself, NOTHING where all is well. Waits for the disk."""
    enrolled = any(store.replica in roster.by_replica for roster in store.trust().rosters.values())
    fault = store.outbox_fault
    return store.read(lambda db: care.standing(db, clock.now_ms(), enrolled=enrolled, outbox_fault=fault)).result()
