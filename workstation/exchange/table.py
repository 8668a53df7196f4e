"""A CSV of unit responses read into calls: rows of one call come together wherever they stand, broken ones named."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from workstation.exchange.mapping import FIELDS, TIMES, MappingWrong, TableMap, Unreadable, point

LONGEST = 4000
"""Characters of one value; a longer one is a broken row, mostly a quote that never closes."""


class Rejected(Struct, frozen=True):
    """A row that stays out: its number in the file as a spreadsheet counts (the header is 1), and why."""

    row: int
    reason: str


class Response(Struct):
    """One unit's part in a call; times in ms UTC, None = not recorded."""

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
    """A file read whole: its calls in the order they were received, and the rows that could not be read."""

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
        lines = csv.reader(file)
        header = next(lines, None)
        if header is None:
            raise MappingWrong(f"{path.name} is empty")
        places = mapping.find(header)
        for row, values in _rows(lines, table):
            try:
                _take(calls, row, _named(values, header, places), mapping)
            except Unreadable as error:
                table.rejected.append(Rejected(row, str(error)))
    table.calls = sorted(calls.values(), key=lambda call: (call.received, call.number))
    return table


def _rows(lines: Iterator[list[str]], table: Table) -> Iterator[tuple[int, list[str]]]:
    """Number the rows and go on after one the reader itself gives up on."""
    while True:
        try:
            values = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            table.rows += 1
            table.rejected.append(Rejected(table.rows + 1, f"not CSV: {error}"))
            continue
        if values:
            table.rows += 1
            yield table.rows + 1, values


def _named(values: Sequence[str], header: Sequence[str], places: Mapping[str, int]) -> dict[str, str]:
    if len(values) != len(header):
        raise Unreadable(f"{len(values)} values, the header has {len(header)}")
    named = {name: values[place].strip() for name, place in places.items()}
    for name, value in named.items():
        if len(value) > LONGEST:
            raise Unreadable(f"{name}: {len(value)} characters, at most {LONGEST}")
        if "\ufffd" in value or "\x00" in value:
            raise Unreadable(f"{name}: not UTF-8 text")
    return named


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
