"""How long what is typed takes to the disk: each field by itself, read from the encrypted file by another process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from workstation.demo.desks import Centre, DeskAtHand

SAVED_MS = 250
"""From a field's last key to the disk, and what a crash may cost."""

Taken = dict[str, list[int]]
"""Each field's writes in order, ms."""


class Written(Struct, frozen=True):
    """A field, the keys that lead to it, and what is typed into it, one text after the other.

    `stored` is what the record then holds, where that is not the text itself.
    """

    name: str
    column: str
    keys: tuple[str, ...]
    texts: tuple[str, ...]
    stored: Mapping[str, str] = {}


TYPES = {"bk": "structure_fire", "bd": "vehicle_fire"}
PLACE = Written("place", "village", ("Alt+L", "Ctrl+A"), ("batu", "batu me", "batu m"))
TYPE = Written("type", "type", ("Alt+J",), ("bk", "bd", "bk"), TYPES)
TRIES = 8
"""How often a field is written before its best counts as late."""
CODE = "81."
"""What a village's code begins with (Maluku)."""


def landmark_of(text: str) -> Written:
    """The landmark, which ends as `text`."""
    return Written("landmark", "landmark", ("Alt+P", "Ctrl+A"), (f"{text} 1", f"{text} 2", text))


def write_fire(centre: Centre, desk: DeskAtHand, landmark: str) -> Taken:
    """Place, landmark and type of a fire by keys, each three times, and again while none of its writes was in time: the
    machine may be busy with something else. Gives each write's way to the disk; raises NotInTime when one is not there
    after 20 s.
    """
    taken = {PLACE.name: write(centre, desk, PLACE)}
    desk.key("Return")
    centre.until(lambda: _on_disk(desk, PLACE.column).startswith(CODE), 20, "the village's code on disk")
    for field in (landmark_of(landmark), TYPE):
        taken[field.name] = write(centre, desk, field)
    return taken


def late(taken: Taken) -> Taken:
    """Give the fields that never came to the disk in time: judged each by its best write, never one for another."""
    return {name: times for name, times in taken.items() if min(times) > SAVED_MS}


def write(centre: Centre, desk: DeskAtHand, field: Written) -> list[int]:
    """Type each text and wait until this process reads it from the desk's file; the last one stays.

    Gives the ms from the last key's going down, by the desk's clock, to after that look; looks are some 20 ms apart.
    """
    taken = [_write(centre, desk, field, text) for text in field.texts]
    while min(taken) > SAVED_MS and len(taken) < TRIES:
        taken += [_write(centre, desk, field, text) for text in field.texts[-2:]]
    return taken


def _write(centre: Centre, desk: DeskAtHand, field: Written, text: str) -> int:
    desk.key(*field.keys)
    last_key_at = desk.type(text)
    stored = field.stored.get(text, text)
    centre.until(partial(_holds, desk, field.column, stored), 20, f"{field.name} on disk")
    return centre.clock.now_ms() - last_key_at


def _holds(desk: DeskAtHand, column: str, stored: str) -> bool:
    return _on_disk(desk, column) == stored


def _on_disk(desk: DeskAtHand, column: str) -> str:
    """What the newest incident has in a column, "" while there is none."""
    rows = desk.on_disk(f"select {column} from incident order by id desc limit 1")  # noqa: S608 - one of ours
    return str(rows[0][0] or "") if rows else ""
