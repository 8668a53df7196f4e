"""Where a hub's log lies: opened, left and opened again the same way, whichever database it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from sync.hub.log import postgres, sqlite
from sync.hub.log.postgres import PostgresLog
from workstation.domain.hlc import Clock, HandClock
from workstation.domain.ids import Ids, SeededIds
from workstation.store import Connection, Store

T = TypeVar("T")
KEY = bytes(range(32))
HubLog = Store | PostgresLog


class Place(Struct):
    """One database: a file, or one of PostgreSQL's by its URL."""

    kind: str
    path: Path
    url: str = ""

    def open(self, *, clock: Clock | None = None, ids: Ids | None = None, site: str = "AMB") -> HubLog:
        """Open the log that lies here, or make it: a hub named and clocked the same in every test."""
        clock = clock or HandClock()
        ids = ids or SeededIds(9, clock)
        if self.kind == "sqlite":
            return sqlite.open_log(self.path, KEY, clock=clock, ids=ids, site=site)
        return postgres.open_log(self.url, KEY, clock=clock, ids=ids, site=site)


def read(log: HubLog, fn: Callable[[Connection], T]) -> T:
    """What `fn` finds in the log as of one commit."""
    return log.read(fn).result(10) if isinstance(log, Store) else log.read(fn)


def rows(log: HubLog, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows by the names of their columns."""

    def named(db: Connection) -> list[dict[str, Any]]:
        cursor = db.execute(sql, list(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    return read(log, named)
