"""How whole rows get into PostgreSQL: by COPY, and those that may be there by way of a temporary table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sync.hub.log.pg.connection import Database
from sync.hub.log.pg.copy import packed, packed_ops
from workstation.store.rows import Row, Rows, Table

FEW: Final = 8
"""Rows that are sent as statements: a COPY costs two journeys."""


class CopiedRows(Rows):
    """Writes rows with few journeys, however many they are.

    PostgreSQL writes a changed row anew as a whole, so nothing is gained by naming what differs.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._db = db

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        if len(rows) < FEW:
            super().add(table, rows)
        elif table.name == "op":
            self._db.copy_in(table.name, table.columns, packed_ops(rows))
        else:
            self._copy(table, table.name, rows)

    def save(self, table: Table, rows: Sequence[tuple[Row, bool]]) -> None:
        self.put(table, [(row, None, new) for row, new in rows])

    def put(self, table: Table, rows: Sequence[tuple[Row, Row | None, bool]]) -> None:
        self.add(table, [row for row, _, new in rows if new])
        self._over(table, [row for row, old, new in rows if not new and row != old])

    def _over(self, table: Table, rows: Sequence[Row]) -> None:
        """Write rows of which some, or all, are there."""
        if not rows:
            return
        if len(rows) < FEW:
            self._db.executemany(f"{table.insert} {table.resolve}", rows)
            return
        stage, names = f"stage_{table.name}", ", ".join(table.columns)
        if stage not in self._db.staged:
            # Filled and emptied within a transaction, it never reaches the server's log.
            self._db.execute(f"create temp table if not exists {stage} (like {table.name}) on commit delete rows")
            self._db.staged.add(stage)
        self._copy(table, stage, rows)
        self._db.execute(
            f"insert into {table.name} ({names}) select {names} from {stage} {table.resolve}"  # noqa: S608 - names of ours
        )
        self._db.execute(f"delete from {stage}")  # noqa: S608 - a name of ours; a truncate would write the catalogue

    def _copy(self, table: Table, into: str, rows: Sequence[Row]) -> None:
        columns = self._db.tables[table.name]
        kinds = [columns[name].kind for name in table.columns]
        self._db.copy_in(into, table.columns, packed(kinds, rows))
