"""SQLite as this program uses it: SQLCipher's build, encrypted with this desk's key.

Nobody outside `workstation.store` imports sqlcipher3: who reads is handed a `Connection`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from sqlcipher3 import dbapi2

OLDEST: Final = (3, 51, 3)
"""SQLite before this can corrupt a WAL file with two connections at work (fixed in 3.51.3, "WAL-reset bug")."""
KEY_BYTES: Final = 32

__all__ = ["KEY_BYTES", "OLDEST", "Connection", "Cursor", "connect", "dbapi2", "in_memory", "library_version"]


def _as_it_is(value: Any) -> Any:
    return value


# The driver asks each value of these types for a way to adapt it, and finds none by an exception raised and dropped: a
# microsecond a value, half the time of writing an op.
dbapi2.register_adapter(bytes, _as_it_is)
dbapi2.register_adapter(type(None), _as_it_is)


class Cursor(Protocol):
    """Rows of one statement, as DB-API 2.0 (PEP 249) gives them; sqlcipher3 has no type stubs."""

    @property
    def description(self) -> Any: ...
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """One thread's connection, in autocommit mode: what is needed here of PEP 249, of whatever database it is.

    Statements mark values with `?` and keep to the SQL that SQLite and PostgreSQL have in common.
    """

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Cursor: ...
    def close(self) -> None: ...


class FileConnection(Connection, Protocol):
    """A connection to a file of SQLite's, which can be asked every so often whether to go on."""

    def set_progress_handler(self, handler: Callable[[], int] | None, n: int, /) -> None: ...


def library_version() -> tuple[int, ...]:
    """Version of the SQLite inside SQLCipher."""
    return tuple(int(part) for part in dbapi2.sqlite_version.split("."))


def connect(path: Path, key: bytes | None, *, mode: str = "rw") -> FileConnection:
    """A connection in autocommit mode for the calling thread; key None = a plain file, by explicit setting only.

    `mode` is rw, ro, or immutable: that one leaves no trace, and sees no WAL. Says nothing about whether the key fits:
    the first read does.
    """
    uri = path.absolute().as_uri() + ("?immutable=1" if mode == "immutable" else f"?mode={mode}")
    connection: FileConnection = dbapi2.connect(uri, uri=True, isolation_level=None, cached_statements=512)
    connection.execute("pragma cipher_log_level = none")  # else a wrong key writes to the terminal
    if key is not None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, not {KEY_BYTES}")
        connection.execute(f"pragma key = \"x'{key.hex()}'\"")
    return connection


def in_memory() -> Connection:
    """A connection to an empty database that nothing of ever reaches a disk."""
    connection: Connection = dbapi2.connect(":memory:", isolation_level=None)
    return connection
