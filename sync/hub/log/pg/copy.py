"""Rows as PostgreSQL's binary COPY takes them: its manual, COPY, "Binary Format"; numbers big-endian.

A row is a count of fields, and each field its length and its bytes; -1 is null. Packed column by column, and the ops,
which are most of all there is, by a format of their own: a driver's call for each row costs twice as much.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import Any, Final

from sync.hub.log.pg.connection import text_bytes

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL: Final = struct.pack(">h", -1)
_NULL: Final = struct.pack(">i", -1)
_length: Final = struct.Struct(">i").pack
_whole: Final = struct.Struct(">iq").pack
_number: Final = struct.Struct(">id").pack
_op_numbers: Final = struct.Struct(">hiqiqiqiqi").pack
_op_times: Final = struct.Struct(">iqiqi").pack
_op_head: Final = struct.Struct(">i32si").pack


def _bytes(values: Iterable[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


def _texts(values: Iterable[str | None]) -> list[bytes]:
    return _bytes(None if value is None else text_bytes(value) for value in values)


def _wholes(values: Iterable[int | None]) -> list[bytes]:
    return [_NULL if value is None else _whole(8, value) for value in values]


def _numbers(values: Iterable[float | None]) -> list[bytes]:
    return [_NULL if value is None else _number(8, value) for value in values]


_PACKERS: Final[dict[str, Callable[[Iterable[Any]], list[bytes]]]] = {
    "bytea": _bytes,
    "text": _texts,
    "int8": _wholes,
    "float8": _numbers,
}


def packed(kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows whose columns are of these kinds (`connection.Column`)."""
    columns = [_PACKERS[kind](values) for kind, values in zip(kinds, zip(*rows, strict=True), strict=True)]
    count = repeat(struct.pack(">h", len(kinds)), len(rows))
    return b"".join((_HEAD, *chain.from_iterable(zip(count, *columns, strict=True)), _TAIL))


def packed_ops(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows of the table `op`: n, replica, seq, entity, kind, at, flags, raw, head, seal."""
    parts = [_HEAD]
    push = parts.append
    kinds: dict[str, bytes] = {}
    for n, replica, seq, entity, kind, at, flags, raw, head, seal in rows:
        name = kinds.get(kind)
        if name is None:
            name = kinds[kind] = text_bytes(kind)
        push(_op_numbers(10, 8, n, 8, replica, 8, seq, 8, entity, len(name)))
        push(name)
        push(_op_times(8, at, 8, flags, len(raw)))
        push(raw)
        if seal is None:
            push(_op_head(32, head, -1))
        else:
            push(_op_head(32, head, len(seal)))
            push(seal)
    push(_TAIL)
    return b"".join(parts)
