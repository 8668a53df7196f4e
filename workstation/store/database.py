"""Opening the file: refused untouched when newer, foreign or under another key; copied before migrating (D1, D3)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workstation.store.cipher import OLDEST, Connection, FileConnection, connect, dbapi2, library_version
from workstation.store.errors import StoreRefused, opening
from workstation.store.schema import STEPS, STEPS_OF, STEPS_TABLE, Step

_PLAIN_HEADER: Final = b"SQLite format 3\x00"


def open_for_writing(
    path: Path,
    key: bytes | None,
    steps: Sequence[Step] = STEPS,
    look: Callable[[Connection], None] = lambda _: None,
) -> Connection:
    """The writer's connection to a file of this program's schema; made when absent, migrated when older.

    `look` is shown a file that is there, through a connection that changes nothing, and raises where it is not to be
    written.

    Raises StoreRefused: SQLite too old, wrong key, plain where encrypted is set or the reverse, newer file, not ours.
    """
    if library_version() < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StoreRefused(
            f"SQLite {dbapi2.sqlite_version} can damage its own file; install sqlcipher3 with {wanted} or newer"
        )
    if path.exists() and path.stat().st_size:
        _examine(path, key, steps, look)
    else:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = connect(path, key)
    try:
        for pragma in ("journal_mode = wal", "synchronous = full", "busy_timeout = 5000", "wal_autocheckpoint = 0",
                       "temp_store = memory", "cache_size = -32768"):  # fmt: skip
            connection.execute(f"pragma {pragma}")
        if lacking(connection, steps):
            from workstation.store.migrate import migrate

            migrate(connection, steps)
    except BaseException:
        connection.close()
        raise
    return connection


def applied(connection: Connection) -> list[str]:
    """The names of the steps this file has, in their order."""
    there = "select 1 from sqlite_master where type = 'table' and name = ?"
    if connection.execute(there, [STEPS_TABLE]).fetchone() is None:
        return []
    made = f"select name from {STEPS_TABLE} where migration_set = ? order by rowid"  # noqa: S608 - a name of ours
    return [name for (name,) in connection.execute(made, [STEPS_OF])]


def lacking(connection: Connection, steps: Sequence[Step]) -> list[str]:
    """The names of the steps this file does not have yet."""
    made = set(applied(connection))
    return [step.name for step in steps if step.name not in made]


def open_for_reading(path: Path, key: bytes | None) -> FileConnection:
    """A reader's connection, which cannot write."""
    connection = connect(path, key, mode="ro")
    try:
        for pragma in ("busy_timeout = 5000", "temp_store = memory", "cache_size = -16384"):
            connection.execute(f"pragma {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def looked_into(path: Path, key: bytes | None, steps: Sequence[Step] = STEPS) -> Iterator[Connection]:
    """A reader's connection to a record that may be another process's, or no record at all.

    Raises StoreRefused for a file this program would not open, StoreFailed where the machine cannot read it.
    """
    with opening(path):
        _header(path, key)
        connection = open_for_reading(path, key)
        try:
            _judge(path, connection, steps)
            yield connection
        finally:
            connection.close()


def _examine(path: Path, key: bytes | None, steps: Sequence[Step], look: Callable[[Connection], None]) -> None:
    """Look at an existing file through a connection that cannot change it, and copy it when it will be migrated.

    A writing connection would fold a leftover WAL into the file on close even where the key is wrong.
    """
    _header(path, key)
    wal = path.with_name(path.name + "-wal")
    left_over = wal.exists() and wal.stat().st_size > 0
    connection = connect(path, key, mode="ro" if left_over else "immutable")
    try:
        _judge(path, connection, steps)
        if applied(connection):
            if pending := lacking(connection, steps):
                _copy(connection, path.with_name(f"{path.name}.before-{pending[0]}"))
            look(connection)
    finally:
        connection.close()


def _header(path: Path, key: bytes | None) -> None:
    """Refuse a plain file where an encrypted one is set; SQLCipher would only say that it is no database."""
    with path.open("rb") as file:
        plain = file.read(len(_PLAIN_HEADER)) == _PLAIN_HEADER
    if plain and key is not None:
        raise StoreRefused(
            f"{path.name} is not encrypted, but the settings ask for an encrypted record; it was left as it is: "
            "set store.plain = true, or name another place"
        )


def _judge(path: Path, connection: Connection, steps: Sequence[Step]) -> None:
    """Refuse another program's file, and one a newer version has written."""
    made = applied(connection)
    others = "select 1 from sqlite_master where type = 'table' and name not in (?, 'sqlite_sequence') limit 1"
    # The table of steps alone is a file of ours, cut short while it was made.
    if not made and connection.execute(others, [STEPS_TABLE]).fetchone() is not None:
        raise StoreRefused(f"{path.name} is a database of another program; it was left as it is: name another place")
    known = {step.name for step in steps}
    if newer := [name for name in made if name not in known]:
        raise StoreRefused(
            f"{path.name} was written by a newer version of this program ({newer[-1]}); "
            "it was left as it is: update this one"
        )


def _copy(connection: Connection, target: Path) -> None:
    """A whole, encrypted copy under the same key, on disk before the first change."""
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    connection.execute("vacuum into ?", [str(partial)])
    partial.chmod(0o600)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
