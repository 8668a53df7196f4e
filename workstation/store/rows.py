"""Writing a projected row so that only what differs is touched: each index left alone is a page less in the commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workstation.store.cipher import Connection

Row = tuple[Any, ...]


class Table:
    """One projected table. Names come from this package only, never from an op."""

    def __init__(self, name: str, columns: Sequence[str], key: str = "id") -> None:
        self.name, self.columns = name, tuple(columns)
        self._key = self.columns.index(key)
        names, marks = ", ".join(columns), ",".join("?" * len(columns))
        self._look = f"select {names} from {name} where {key} = ?"  # noqa: S608
        self._insert = f"insert into {name} ({names}) values ({marks})"  # noqa: S608
        self._where = f"where {key} = ?"

    def put(self, connection: Connection, row: Row, old: Row | None = None, *, fresh: bool = False) -> bool:
        """Write a whole row, new or not; true when that changed anything. A value of `KEEP` leaves what is there.

        `old` is the row on disk where the caller knows it, `fresh` that there is none.
        """
        if old is None and not fresh:
            old = connection.execute(self._look, [row[self._key]]).fetchone()
        if old is None:
            connection.execute(self._insert, row)
            return True
        changed = [at for at, value in enumerate(row) if value is not KEEP and not _same(value, old[at])]
        if not changed:
            return False
        sets = ", ".join(f"{self.columns[at]} = ?" for at in changed)
        values = [row[at] for at in changed]
        connection.execute(f"update {self.name} set {sets} {self._where}", [*values, row[self._key]])  # noqa: S608
        return True


class _Keep:
    """The type of KEEP."""


KEEP = _Keep()


def _same(new: object, old: object) -> bool:
    return new == old and (type(new) is type(old) or isinstance(new, int) == isinstance(old, int))
