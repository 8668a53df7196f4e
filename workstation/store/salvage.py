"""Reading what can still be read of a copy, a damaged record, a journal: its ops in the order they arrived (D5).

SQLCipher authenticates every page, so what is read is what was written; a page that was damaged gives an error instead,
and that connection gives nothing more. So ops are asked for by ranges of arrival: a range that fails is cut in two,
on a connection of its own, until what fails is a single op.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from workstation.store import outbox
from workstation.store.accesslog import Line
from workstation.store.cipher import Connection, connect, dbapi2
from workstation.store.schema import SKEWED

log = logging.getLogger("store")
_RANGE: Final = 512
_FAILURES_MOST: Final = 50_000
"""Ranges that may fail before a file is given up on: about a minute."""
_LEAST_ROW: Final = 64
"""Bytes an op takes in a file at least: says how many there can be where the file itself can't."""


class Row(NamedTuple):
    """An op as it lay somewhere: the chain's hash after it, and what else was known."""

    replica: int
    seq: int
    raw: bytes
    head: bytes
    salt: bytes = b""
    seal: bytes = b""
    skewed: bool = False


class Source(NamedTuple):
    """What one place gives beyond ops: how far the hub had each replica, device keys, what lay beside the record."""

    acked: dict[int, int]
    devices: dict[int, bytes]
    meta: dict[str, Any]
    access: list[Line]


KEPT: Final = ("site.", "number.", "note_line", "outages", "former", "access_from")
"""What of `meta` belongs to the desk, not to the file: all that begins so."""


class Salvage:
    """A record's file, whole or damaged; nothing of it is changed. `lost` counts ops it had and could not give."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.path, self._key = path, key
        self.lost = 0
        self._failures = 0
        self._mode = "ro"
        self._db: Connection | None = None
        self.readable = self._readable()

    def _readable(self) -> bool:
        if not self.path.exists():
            return False
        for mode in ("ro", "immutable"):  # a log of the file that can't be used hides the file itself
            self._mode = mode
            if self._ask("select 1 from op limit 1") is not None:
                return True
        return False

    def rows(self) -> Iterator[Row]:
        """Every op that can be read, in order of arrival."""
        if not self.readable:
            return
        last = self.newest()
        for start in range(1, last + 1, _RANGE):
            yield from self._range(start, min(last, start + _RANGE - 1))

    def beside(self) -> Source:
        """What else the file says."""
        if not self.readable:
            return Source({}, {}, {}, [])
        meta = dict(self._ask("select k, v from meta") or [])
        acked = dict(self._ask("select replica, acked from replica") or [])
        devices = {meta["replica"]: meta["device"]} if "replica" in meta and "device" in meta else {}
        kept = {name: value for name, value in meta.items() if name.startswith(KEPT)}
        access = self._ask("select at, person, role, view, about, rows, why from access order by n")
        return Source(acked, devices, kept, [Line(*row) for row in access or []])

    def kept(self, name: str) -> bytes | None:
        """A value that is kept beside the ops, None where there is none, or none that can be read."""
        found = self._ask("select v from meta where k = ?", [name]) if self.readable else None
        return bytes(found[0][0]) if found else None

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def newest(self) -> int:
        """The number of the newest arrival; where the table's end can't be read, as many as the file can hold."""
        found = self._ask("select max(n) from op") or self._ask("select max(n) from op indexed by op_entity")
        return int(found[0][0] or 0) if found else self.path.stat().st_size // _LEAST_ROW

    def _range(self, first: int, last: int) -> Iterator[Row]:
        sql = "select replica, seq, raw, head, seal, flags from op where n between ? and ? order by n"
        found = self._ask(sql, [first, last])
        if found is not None:
            for replica, seq, raw, head, seal, flags in found:
                yield Row(replica, seq, raw, head, b"", seal or b"", bool(flags & SKEWED))
            return
        self._failures += 1
        if first == last or self._failures > _FAILURES_MOST:
            self.lost += last - first + 1
            return
        middle = (first + last) // 2
        yield from self._range(first, middle)
        yield from self._range(middle + 1, last)

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any] | None:
        """The rows of a statement; None where a page of them can't be read."""
        try:
            if self._db is None:
                self._db = connect(self.path, self._key, mode=self._mode)
            return self._db.execute(sql, values).fetchall()
        except dbapi2.DatabaseError as error:
            log.debug("%s: %s", self.path.name, error)
            self.close()
            return None


def journal_rows(folder: Path, key: bytes | None) -> Iterator[Row]:
    """The ops of an outbox journal; one that was written twice counts as it was written last."""
    found: dict[tuple[int, int], Row] = {}
    for segment in outbox.read(folder, key):
        for kept in segment.ops:
            found[kept.replica, kept.seq] = Row(kept.replica, kept.seq, kept.raw, kept.head, kept.salt, kept.seal)
    yield from (found[dot] for dot in sorted(found))


def journal_source(folder: Path, key: bytes | None) -> Source:
    """Who wrote the journal, and in which sites they believed."""
    devices: dict[int, bytes] = {}
    meta: dict[str, Any] = {}
    for segment in outbox.read(folder, key):
        if segment.owner.device:
            devices[segment.owner.replica] = segment.owner.device
        meta |= {f"site.{name}": public for name, public in segment.owner.sites.items()}
    return Source({}, devices, meta, [])
