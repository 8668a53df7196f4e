"""How another system's table is read: a TOML file names its columns, its times and its words; errors name the entry."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

FIELDS = (
    "call", "unit", "unit_type", "type", "group", "priority", "disposition", "address", "city", "district", "point",
    "received", "entry", "dispatch", "response", "on_scene", "available",
)  # fmt: skip
TIMES = ("received", "entry", "dispatch", "response", "on_scene", "available")
NEEDED = ("call", "unit", "received")
ISO = "iso"
MILLISECONDS = 1000
EARLIEST_MS = 0
LATEST_MS = 4_102_444_800_000
"""The first moments of 1970 and of 2100, UTC: a record of another time is a slip, and ids hold no time before 1970."""


class MappingWrong(Exception):
    """A mapping that cannot be used, or a table without a column it needs; the text says which."""


class Unreadable(Exception):
    """A row, or a value of it, that cannot be read."""


class TableMap(Struct, frozen=True):
    """One publication's table: aliases of each column, time formats tried in order, and its words in ours.

    `name` begins the join key of every call, so that two publications cannot meet in one call number.
    """

    name: str
    zone: ZoneInfo
    times: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    call_type: str
    channel: str
    types: Mapping[str, str]
    priorities: Mapping[str, int]
    agencies: Mapping[str, str]
    agency: str
    dispositions: Mapping[str, str]
    disposition: str

    def find(self, header: Sequence[str]) -> dict[str, int]:
        """Say where each field's column stands; raises `MappingWrong` where a needed one is not there.

        Column names are compared without case, spaces, dashes and underscores: publications change those from year to
        year.
        """
        places = {_bare(name): place for place, name in reversed(list(enumerate(header)))}
        found: dict[str, int] = {}
        for field in FIELDS:
            wanted = [_bare(alias) for alias in self.columns.get(field, ())]
            place = next((places[alias] for alias in wanted if alias in places), None)
            if place is not None:
                found[field] = place
            elif field in NEEDED:
                names = " or ".join(self.columns.get(field, ())) or field
                raise MappingWrong(f"the table has no column for {field}: {names} is expected")
        return found

    def time(self, written: str) -> int | None:
        """Read a time, ms UTC; "" is None. Raises `Unreadable`."""
        words = written.strip()
        if not words:
            return None
        for form in self.times:
            try:
                at = datetime.fromisoformat(words) if form == ISO else datetime.strptime(words, form)
            except ValueError:
                continue
            try:
                local = at if at.tzinfo is not None else at.replace(tzinfo=self.zone)
                ms = int(local.timestamp() * MILLISECONDS)
            except (OverflowError, ValueError):  # the first and the last day of the calendar, by their zone
                ms = LATEST_MS
            if not EARLIEST_MS <= ms < LATEST_MS:
                raise Unreadable(f"{words[:40]!r} is not a time from 1970 to 2099")
            return ms
        raise Unreadable(f"{words[:40]!r} is not a time in any form of the mapping")


_POINT = re.compile(r"\(?\s*(?:POINT\s*\()?\s*(-?\d+(?:\.\d+)?)[,\s]\s*(-?\d+(?:\.\d+)?)\s*\)?\)?", re.IGNORECASE)


def point(written: str) -> tuple[float, float] | None:
    """Read a point as (lat, lon): "(37.7, -122.4)" or "POINT (-122.4 37.7)"; None of anything else."""
    found = _POINT.fullmatch(written.strip())
    if found is None:
        return None
    first, second = float(found[1]), float(found[2])
    lat, lon = (second, first) if "point" in written.lower() else (first, second)
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None


def load(path: Path) -> TableMap:
    """Read a mapping file; raises `MappingWrong`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingWrong(f"{path.name}: {error}") from None
    try:
        return _made(table)
    except KeyError as error:
        raise MappingWrong(f"{path.name}: {error.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError, ZoneInfoNotFoundError) as error:
        raise MappingWrong(f"{path.name}: {error}") from None


def _made(table: Mapping[str, Any]) -> TableMap:
    columns = {field: tuple(str(alias) for alias in aliases) for field, aliases in table["columns"].items()}
    if unknown := columns.keys() - set(FIELDS):
        raise MappingWrong(f"columns: {', '.join(sorted(unknown))} is not a field; known are {', '.join(FIELDS)}")
    ours = table["ours"]
    return TableMap(
        name=str(table["name"]),
        zone=ZoneInfo(table["zone"]),
        times=tuple(str(form) for form in table["times"]),
        columns=columns,
        call_type=ours["call_type"],
        channel=ours["channel"],
        types=dict(table.get("types", {})),
        priorities={word: int(number) for word, number in table.get("priorities", {}).items()},
        agencies=dict(table.get("agencies", {})),
        agency=ours["agency"],
        dispositions=dict(table.get("dispositions", {})),
        disposition=ours["disposition"],
    )


def _bare(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).casefold()
