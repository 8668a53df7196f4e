"""Who looked at whose data, when and why: lines beside the record that are only added to (promise D6).

The log is this machine's own and never travels. The file refuses to change a line or to drop one before its time, and
each line carries the hash of all before it, so that a line changed or taken out behind the program's back is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from workstation.domain.ids import Uid
from workstation.store.cipher import Connection

FROM: Final = "access_from"
"""Under this name `meta` keeps from when on lines are kept, ms UTC."""
_BEFORE: Final = "access_before"
"""The hash of the newest line that was dropped."""
_COLUMNS: Final = "at, person, role, view, about, rows, why"


class Line(Struct, frozen=True, array_like=True):
    """One look: `at` ms UTC; `person` b"" = nobody signed in; `view` what was asked; `about` which one, or which span;
    `rows` how many were given; `why` the reason that was said, "" = none was asked for.
    """

    at: int
    person: Uid
    role: str
    view: str
    about: str
    rows: int
    why: str


def add(db: Connection, lines: Iterable[Line]) -> int:
    """Add lines in the transaction that is open, the same look once a minute; gives how many are new."""
    head, added = _head(db), 0
    for line in lines:
        after = _next(head, line)
        sql = f"insert or ignore into access ({_COLUMNS}, head) values (?,?,?,?,?,?,?,?)"  # noqa: S608 - names of ours
        if db.execute(sql, [*_values(line), after]).rowcount > 0:
            head, added = after, added + 1
    return added


def lines(db: Connection, from_at: int, to_at: int, limit: int) -> list[Line]:
    """The lines of a span of time, the newest first."""
    sql = f"select {_COLUMNS} from access where at >= ? and at < ? order by at desc, n desc limit ?"  # noqa: S608
    return [Line(*row) for row in db.execute(sql, [from_at, to_at, limit])]


def broken(db: Connection) -> int:
    """The number of the first line that is not what was written, 0 = all are."""
    head, last = _dropped(db), 0
    for n, kept, *values in db.execute(f"select n, head, {_COLUMNS} from access order by n"):  # noqa: S608
        head = _next(head, Line(*values))
        if head != kept or (last and n != last + 1):
            return int(n)
        last = n
    return 0


def forget(db: Connection, before: int) -> int:
    """Drop the lines older than `before` (ms UTC), whose time is over; gives how many went.

    They are dropped from the oldest on: a line from a clock that ran ahead keeps those after it a little longer.
    """
    row = db.execute("select min(n) from access where at >= ?", [before]).fetchone()
    last = db.execute("select max(n) from access").fetchone()[0] or 0
    upto = (row[0] if row[0] is not None else last + 1) - 1
    kept = db.execute("select head from access where n = ?", [upto]).fetchone()
    if kept is None:
        return 0
    newest = db.execute("select max(at) from access where n <= ?", [upto]).fetchone()[0]
    put = "insert or replace into meta values (?, ?)"
    db.execute(put, [FROM, max(before, newest + 1)])
    db.execute(put, [_BEFORE, kept[0]])
    return db.execute("delete from access where n <= ?", [upto]).rowcount


def _head(db: Connection) -> bytes:
    row = db.execute("select head from access order by n desc limit 1").fetchone()
    return bytes(row[0]) if row else _dropped(db)


def _dropped(db: Connection) -> bytes:
    row = db.execute("select v from meta where k = ?", [_BEFORE]).fetchone()
    return bytes(row[0]) if row else b""


def _values(line: Line) -> list[object]:
    return [line.at, line.person, line.role, line.view, line.about, line.rows, line.why]


def _next(head: bytes, line: Line) -> bytes:
    return hashlib.sha256(head + msgspec.msgpack.encode(line)).digest()
