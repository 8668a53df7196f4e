"""One connection to PostgreSQL that speaks the SQL of `workstation.store`, so that the fold and its rows run here too.

Statements mark values with `?`; lists of marks become arrays, for the number of marks would make each a statement of
its own to plan. Texts keep out what PostgreSQL cannot store in one: NUL, and surrogates that stand alone.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final

import psycopg
from msgspec import Struct
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format, TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from sync.log import LogAway

_MARKS: Final = re.compile(r"\bin \(\?((?:,\s*\?)*)\)|\?|'[^']*'")
CONNECT_S: Final = 5
_FETCHED: Final = 2_000
DEFAULTS: Final = {
    "application_name": "tahuri-hub",
    "connect_timeout": CONNECT_S,
    # A server that went away without a word is noticed by these.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "target_session_attrs": "read-write",
    "client_encoding": "utf8",
}
"""What a connection has unless the URL says otherwise."""
_SESSION: Final = (
    # Acknowledged means on disk, and on a synchronous standby's, whatever the server's default; stricter ones stay.
    """select set_config('synchronous_commit', 'on', false)
       where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')""",
    # Whoever holds the turn and is frozen gives it back.
    "set idle_in_transaction_session_timeout = '15s'",
    "set lock_timeout = '15s'",
    "set statement_timeout = '60s'",
    "set jit = off",
)


class Column(Struct, frozen=True):
    """What kind of value a column takes: int8, float8, text or bytea."""

    name: str
    kind: str


class Database:
    """The connection of one thread at a time, in autocommit mode. Raises LogAway where the server is not to be had."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.tables: Mapping[str, Mapping[str, Column]] = {}
        """The columns of each table, once `learn` has looked."""
        self.staged: set[str] = set()
        """Temporary tables this connection has made."""

    @property
    def in_transaction(self) -> bool:
        return self._connection.info.transaction_status != TransactionStatus.IDLE

    @property
    def broken(self) -> bool:
        """Whether the server is lost to this connection."""
        return self._connection.broken or self._connection.closed

    @property
    def raw(self) -> psycopg.Connection[Any]:
        """The driver's own, for what only PostgreSQL has."""
        return self._connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.RawCursor[Any]:
        """Run one statement; its rows are here when it returns, or, within a `pipeline`, when that is left."""
        query, counts = translated(sql)
        cursor = psycopg.RawCursor(self._connection)
        try:
            cursor.execute(query, gathered(values, counts) if counts else values, binary=True)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise away(error) from error
        return cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> psycopg.RawCursor[Any]:
        """Run one statement for each row of values, sent together."""
        query, counts = translated(sql)
        cursor = psycopg.RawCursor(self._connection)
        try:
            cursor.executemany(query, [gathered(row, counts) if counts else row for row in rows])
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise away(error) from error
        return cursor

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement without values, a thousand or two in memory; within a transaction."""
        self.execute(f"declare rows no scroll cursor for {sql}")
        while rows := self.execute(f"fetch {_FETCHED} from rows").fetchall():
            yield from rows
        self.execute("close rows")

    def pipeline(self) -> AbstractContextManager[object]:
        """A block whose statements go out together; their rows can be had once it is left."""
        return _Pipeline(self._connection)

    def copy_in(self, table: str, names: Sequence[str], packed: bytes) -> None:
        """Write rows packed as PostgreSQL's binary COPY has them (its manual, COPY, "Binary Format")."""
        sql = f"copy {table} ({', '.join(names)}) from stdin (format binary)"
        try:
            with self._connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
                copy.write(packed)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise away(error) from error

    def learn(self) -> None:
        """Look which columns the tables have."""
        sql = """select c.relname, a.attname, t.typname from pg_attribute a join pg_class c on c.oid = a.attrelid
                 join pg_type t on t.oid = a.atttypid where c.relnamespace = current_schema()::regnamespace
                 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped"""
        tables: dict[str, dict[str, Column]] = {}
        for table, name, kind in self.execute(sql).fetchall():
            tables.setdefault(table, {})[name] = Column(name, kind)
        self.tables = tables

    def rollback(self) -> None:
        """Take back what is under way, where there still is a server to take it back."""
        self.staged.clear()
        if not self.broken and self.in_transaction:
            self.execute("rollback")

    def close(self) -> None:
        self._connection.close()


class _Pipeline:
    """psycopg's own, with a lost server told as such."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._whole = connection.pipeline()

    def __enter__(self) -> object:
        return self._whole.__enter__()

    def __exit__(self, *fault: Any) -> None:
        try:
            self._whole.__exit__(*fault)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise away(error) from error


def connect(url: str, **more: object) -> Database:
    """A connection for one thread. Raises psycopg's own errors: at start they are sorted by `opening`."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    parameters: dict[str, Any] = {**DEFAULTS, **given, **more}
    connection = psycopg.Connection.connect(autocommit=True, **parameters)
    try:
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_dumper(str, _Text)
        connection.adapters.register_dumper(list, _Array)
        for statement in _SESSION:
            connection.execute(statement.encode())
    except BaseException:
        connection.close()
        raise
    return Database(connection)


def text_bytes(value: str) -> bytes:
    """A text as PostgreSQL can store it: what it cannot shows as the replacement character."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


class _Text(StrBinaryDumper):
    """Texts as `text`, which no value breaks."""

    def dump(self, obj: str) -> bytes:
        return text_bytes(obj)


class _Array(Dumper):
    """Lists of uids, numbers or texts as arrays: of a thousand uids the driver's own way takes two milliseconds."""

    format = Format.BINARY

    def get_key(self, obj: list[Any], format: PyFormat) -> tuple[type, type]:
        return (list, type(obj[0]) if obj else bytes)

    def upgrade(self, obj: list[Any], format: PyFormat) -> _Array:
        array = _Array(list)
        array._kind = type(obj[0]) if obj else bytes
        array.oid = _ARRAYS[array._kind][0]
        return array

    def dump(self, obj: list[Any]) -> bytes:
        _, element, encoded = _ARRAYS[self._kind]
        head = struct.pack(">iiIii", 1, 0, element, len(obj), 1) if obj else struct.pack(">iiI", 0, 0, element)
        parts = [head]
        for value in obj:
            packed = encoded(value)
            parts += (_length(len(packed)), packed)
        return b"".join(parts)

    _kind: type = bytes


_length: Final = struct.Struct(">i").pack
_ARRAYS: Final[dict[type, tuple[int, int, Callable[[Any], bytes]]]] = {
    bytes: (1001, 17, lambda value: value),
    int: (1016, 20, struct.Struct(">q").pack),
    str: (1009, 25, text_bytes),
}
"""By the type of the values: the array's oid and the element's, which are the same in every PostgreSQL."""


@lru_cache(maxsize=1024)
def translated(sql: str) -> tuple[bytes, tuple[int, ...]]:
    """The statement as PostgreSQL has it, and what each mark takes; () where each takes one value.

    A list takes as many as it says with a minus, even where that is one.
    """
    counts: list[int] = []

    def mark(found: re.Match[str]) -> str:
        whole = found[0]
        if whole[0] == "'":
            return whole
        counts.append(1 if whole == "?" else -whole.count("?"))
        return f"${len(counts)}" if whole == "?" else f"= any(${len(counts)})"

    query = _MARKS.sub(mark, sql).encode()
    return query, tuple(counts) if any(count < 0 for count in counts) else ()


def gathered(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    """The values, those of each list together as one."""
    made: list[Any] = []
    at = 0
    for count in counts:
        if count < 0:
            made.append(list(values[at : at - count]))
            at -= count
        else:
            made.append(values[at])
            at += 1
    return made


def away(error: psycopg.Error) -> Exception:
    """What a failing server is to those who asked; never its own words, which may name what is written."""
    return LogAway(f"the database does not do it now ({error.sqlstate or type(error).__name__})")
