"""Connections to read by, lent to whoever asks; each read sees the log as of one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from sync.hub.log.pg.connection import Database
from sync.log import LogAway
from workstation.domain.sentence import say
from workstation.store import StoreClosed

T = TypeVar("T")
MOST: Final = 4
"""Reads at one time; who comes after them waits."""


class Readers:
    """A few connections, made when they are needed."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._places = threading.Semaphore(MOST)
        self._gate = threading.Lock()
        self._idle: list[Database] = []
        self._closed = False

    def ask(self, fn: Callable[[Database], T]) -> T:
        """What `fn` finds. Raises LogAway, StoreClosed, and what `fn` raises."""
        with self._places:
            with self._gate:
                if self._closed:
                    raise StoreClosed(say("record.closed"))
                db = self._idle.pop() if self._idle else None
            if db is not None:
                try:
                    return self._once(db, fn)
                except LogAway:
                    if not db.broken:
                        raise
            # The one at hand had died since it was last used, or there was none.
            return self._once(self._connect(), fn)

    def _once(self, db: Database, fn: Callable[[Database], T]) -> T:
        try:
            db.execute("begin isolation level repeatable read read only")
            value = fn(db)
            db.execute("commit")
            return value
        except BaseException:
            self._recover(db)
            raise
        finally:
            self._give_back(db)

    def _recover(self, db: Database) -> None:
        try:
            db.rollback()
        except LogAway:
            db.close()

    def _give_back(self, db: Database) -> None:
        with self._gate:
            if not self._closed and not db.broken:
                self._idle.append(db)
                return
        db.close()

    def close(self) -> None:
        """Close what is idle now, the rest as it comes back."""
        with self._gate:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()
