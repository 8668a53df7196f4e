"""How whole rows get into a database: the tables by name, and the way that suits SQLite.

A row is written so that only what differs is touched: each index left alone is a page less in the commit. A database
that lies behind a wire has another way (`sync.hub.log`): there each statement costs a journey.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workstation.store.cipher import Connection

Row = tuple[Any, ...]
_SOME = 400
"""Values of one statement."""


class Table:
    """One table of the record. Names come from this package only, never from an op."""

    def __init__(self, name: str, columns: Sequence[str], key: str = "id") -> None:
        self.name, self.columns, self.key = name, tuple(columns), key
        self.at = self.columns.index(key)
        """Where a row has its key."""
        names, marks = ", ".join(columns), ",".join("?" * len(columns))
        sets = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
        self.look = f"select {names} from {name} where {key} in ({{0}})"  # noqa: S608
        self.insert = f"insert into {name} ({names}) values ({marks})"  # noqa: S608
        self.resolve = f"on conflict ({key}) do update set {sets}"
        """What goes behind an insert of rows of which some may be there."""

    def found(self, connection: Connection, keys: Iterable[Any]) -> dict[Any, Row]:
        """The rows with these keys, as they are on disk."""
        return {row[self.at]: row for row in select_in(connection, self.look, keys)}


class Rows:
    """Writes rows the way that suits SQLite."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Write rows that surely are new."""
        if rows:
            self._connection.executemany(table.insert, rows)

    def save(self, table: Table, rows: Sequence[tuple[Row, bool]]) -> None:
        """Write rows that are worth writing whole, each with whether there surely is none of its key."""
        if rows:
            self._connection.executemany(f"{table.insert} {table.resolve}", [row for row, _ in rows])

    def put(self, table: Table, rows: Sequence[tuple[Row, Row | None, bool]]) -> None:
        """Write what differs: each row with the one on disk, where it is known, and whether there surely is none."""
        self.add(table, [row for row, _, new in rows if new])
        olds = table.found(self._connection, [row[table.at] for row, old, new in rows if old is None and not new])
        for row, old, new in rows:
            if not new:
                self._put(table, row, old or olds.get(row[table.at]))

    def _put(self, table: Table, row: Row, old: Row | None) -> None:
        if old is None:
            self._connection.execute(table.insert, row)
            return
        changed = [at for at, value in enumerate(row) if not _same(value, old[at])]
        if changed:
            sets = ", ".join(f"{table.columns[at]} = ?" for at in changed)
            values = [row[at] for at in changed]
            sql = f"update {table.name} set {sets} where {table.key} = ?"  # noqa: S608
            self._connection.execute(sql, [*values, row[table.at]])


def select_in(connection: Connection, sql: str, values: Iterable[Any], *more: str) -> list[Any]:
    """Rows of a statement whose `{0}` takes these values, some hundreds at a time; `{1}` and on take names of ours."""
    wanted = list(values)
    rows: list[Any] = []
    for start in range(0, len(wanted), _SOME):
        some = wanted[start : start + _SOME]
        rows += connection.execute(sql.format(",".join("?" * len(some)), *more), some).fetchall()
    return rows


def _same(new: object, old: object) -> bool:
    return new == old and (type(new) is type(old) or isinstance(new, int) == isinstance(old, int))
