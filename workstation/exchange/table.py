"""A CSV of unit responses read into calls: rows of one call come together wherever they stand, broken ones named."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from workstation.exchange.mapping import FIELDS, TIMES, MappingWrong, TableMap, Unreadable, point
from workstation.exchange.records import Record, Records

LONGEST = 4000
"""Characters of one value; a longer one is a broken row, mostly a quote that never closes."""


class Rejected(Struct, frozen=True):
    """A row that stays out, and why. `row` is the line of the file it begins at, as a text editor counts.

    The file's first line is 1 and blank lines count. A spreadsheet counts the same until a value holds a line break.
    """

    row: int
    reason: str


class Response(Struct):
    """One unit's part in a call; `row` as in `Rejected`; times in ms UTC, None = not recorded."""

    row: int
    unit: str
    unit_type: str
    dispatch: int | None
    response: int | None
    on_scene: int | None
    available: int | None


class CallRecord(Struct):
    """One call of the table with all its units, what is equal in all its rows taken from the first."""

    number: str
    received: int
    entry: int | None
    words: Mapping[str, str]
    point: tuple[float, float] | None
    units: list[Response] = field(default_factory=list)


class Table(Struct):
    """A file read whole: its calls in the order they were received, and the rows that could not be read.

    `rows` counts every row below the header, good or rejected.
    """

    rows: int
    calls: list[CallRecord]
    rejected: list[Rejected]
    digest: str


def read(path: Path, mapping: TableMap) -> Table:
    """Read the file; raises OSError, and `MappingWrong` where its header lacks a needed column."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    table = Table(0, [], [], digest.hexdigest())
    calls: dict[str, CallRecord] = {}
    # Bytes that are not UTF-8 become U+FFFD, so that only their own row is lost.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = Records(file)
        head = records.next()
        if head is None:
            raise MappingWrong(f"{path.name} is empty")
        if head.fault:
            raise MappingWrong(f"{path.name}: the header can't be read: {head.fault}")
        places = mapping.find(head.values)
        while (record := records.next()) is not None:
            table.rows += 1
            try:
                named = _fitting(record, len(head.values), places)
            except Unreadable as error:
                table.rejected.append(Rejected(record.line, _blamed(error, record)))
                records.give_back()
                continue
            try:
                _legible(named)
                _take(calls, record.line, named, mapping)
            except Unreadable as error:
                table.rejected.append(Rejected(record.line, str(error)))
    table.calls = sorted(calls.values(), key=lambda call: (call.received, call.number))
    return table


def _fitting(record: Record, columns: int, places: Mapping[str, int]) -> dict[str, str]:
    """The record's values by field; raises Unreadable where it has not the table's shape, as after a stray quote."""
    if record.fault:
        raise Unreadable(f"not CSV: {record.fault}")
    if len(record.values) != columns:
        raise Unreadable(f"{len(record.values)} values, the header has {columns}")
    named = {name: record.values[place].strip() for name, place in places.items()}
    for name, value in named.items():
        if len(value) > LONGEST:
            raise Unreadable(f"{name}: {len(value)} characters, at most {LONGEST}")
    return named


def _blamed(error: Unreadable, record: Record) -> str:
    return f"a quote in this line does not close where it should ({error})" if record.lines > 1 else str(error)


def _legible(named: Mapping[str, str]) -> None:
    for name, value in named.items():
        if "\ufffd" in value or "\x00" in value:
            raise Unreadable(f"{name}: not UTF-8 text")


def _take(calls: dict[str, CallRecord], row: int, named: Mapping[str, str], mapping: TableMap) -> None:
    for name in ("call", "unit"):
        if not named[name]:
            raise Unreadable(f"{name}: missing")
    times: dict[str, int | None] = {}
    for name in TIMES:
        try:
            times[name] = mapping.time(named.get(name, ""))
        except Unreadable as error:
            raise Unreadable(f"{name}: {error}") from None
    received = times["received"]
    if received is None:
        raise Unreadable("received: missing")
    call = calls.get(named["call"])
    if call is None:
        # Few words, many rows: equal texts are kept once.
        words = {name: sys.intern(named.get(name, "")) for name in FIELDS if name not in TIMES}
        call = CallRecord(named["call"], received, times["entry"], words, point(named.get("point", "")))
        calls[call.number] = call
    elif any(unit.unit == named["unit"] for unit in call.units):
        raise Unreadable(f"unit: {named['unit']} is in call {call.number} already")
    kind = sys.intern(named.get("unit_type", ""))
    stamps = (times["dispatch"], times["response"], times["on_scene"], times["available"])
    call.units.append(Response(row, named["unit"], kind, *stamps))
