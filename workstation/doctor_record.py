"""What the doctor asks of the record: its key, its wholeness, its copies, the site's way into it (promises D1, D5)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from workstation import recovery
from workstation.domain.hlc import Clock
from workstation.finding import FAILED, GOOD, LOOK, Check
from workstation.service import care
from workstation.settings import Settings
from workstation.store import StoreFailed, StoreRefused, check, copies
from workstation.store.database import looked_into
from workstation.store.keys import Found, KeyMissing, find
from workstation.store.schema import LATE
from workstation.words import english

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_ANEW: Final = "close the desk and start it again: it makes its record anew; or run recover"


def key(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Where the record's key lies."""
    try:
        found = find(settings)
    except KeyMissing as error:
        yield Check("key", FAILED, str(error), "bring the key back before anything else")
        return
    if found is None:
        made = settings.places.store.exists()
        state, remedy = (FAILED, "bring the key back, or restore a copy") if made else (LOOK, "start the desk once")
        yield Check("key", state, "there is no key" + (" to the record" if made else " yet"), remedy)
    elif found.kept_in == "plain":
        yield Check("key", LOOK, "the record is not encrypted (store.plain)", "set store.plain = false on a real desk")
    elif found.kept_in == "file":
        remedy = "encrypt the disk, or set up a keyring" if sys.platform != "win32" else ""
        yield Check("key", LOOK if remedy else GOOD, f"the key lies in {settings.places.key}, mode 0600", remedy)
    else:
        yield Check("key", GOOD, "the key is in the machine's keyring")


def store(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Whether the record is whole."""
    path = settings.places.store
    if not path.exists():
        yield Check("store", LOOK, "there is no record yet", "start the desk once")
        return
    found = _found(settings)
    if found is None:
        yield Check("store", FAILED, f"{path} cannot be opened without its key", "see `key`")
        return
    try:
        with looked_into(path, found.key) as db:
            ops = db.execute("select count(*) from op").fetchone()[0]
            late = db.execute("select count(*) from op where flags <> 0 and flags & ? <> 0", [LATE]).fetchone()[0]
    except (StoreRefused, StoreFailed) as error:
        what, _, remedy = str(error).rpartition(": ")
        yield Check("store", FAILED, what, _ANEW if what.endswith("is damaged") else remedy)
        return
    if faults := check.whole(path, found.key):
        yield Check("store", FAILED, f"{path} is damaged: {'; '.join(faults)}", _ANEW)
        return
    yield Check("store", GOOD, f"{path}: {ops} ops, whole, every chain leads to its head")
    if late:
        said = f"{late} ops of retired devices came by way of others, and are kept"
        yield Check("retired", LOOK, said, "ask whose device it was; enrol it anew if it is one of yours")


def safety(settings: Settings, clock: Clock) -> Iterator[Check]:
    """The nightly look, the copies, the way in with the site's recovery key, and what lies around."""
    path, found = settings.places.store, _found(settings)
    if not path.exists() or found is None:
        return
    try:
        with looked_into(path, found.key) as db:
            night = care.night(db)
    except (StoreRefused, StoreFailed):
        return  # said by `store`
    yield from _night(night, clock.now_ms())
    yield from _copies(settings, clock.now_ms())
    lying = recovery.read(recovery.place(path))
    if found.key is not None and (lying is None or lying.of != recovery.name_of(found.key)):
        remedy = "run `recovery --site-key FILE` once on any desk of the site"
        yield Check("recovery", LOOK, "if this machine dies, nothing opens its record and its copies", remedy)
    elif found.key is not None:
        yield Check("recovery", GOOD, "the site's recovery key opens the record and its copies")
    for old in sorted((*path.parent.glob(f"{path.name}.damaged-*Z"), *path.parent.glob(f"{path.name}.before-*"))):
        remedy = "remove it once all is there: retention does not reach into it"
        yield Check("old file", LOOK, f"{old} was kept when the record was made anew or migrated", remedy)


def _night(night: care.Night, now: int) -> Iterator[Check]:
    hours = (now - night.at) // _HOUR_MS
    if night.faults:
        told = f"the nightly look found: {'; '.join(night.faults)}"
        yield Check("nightly", FAILED, told, "close the desk and start it again: it is made anew")
    elif night.failed:
        yield Check("nightly", FAILED, english(night.failed), "put that right; the next night tries again")
    elif not night.copied_at:
        yield Check("nightly", LOOK, "the record was not looked through yet", "leave the desk on at night")
    elif now - night.at > 2 * _DAY_MS:
        yield Check("nightly", LOOK, f"the last nightly look was {hours} hours ago", "leave the desk on at night")
    else:
        yield Check("nightly", GOOD, f"looked through {hours} hours ago, found whole, and copied")


def _copies(settings: Settings, now: int) -> Iterator[Check]:
    there = copies.there(settings.copies, settings.desk.prefix)
    if not there:
        yield Check("copies", LOOK, f"there is no copy in {settings.copies}", "run `backup`, or wait for the night")
        return
    days = (now - there[-1].at) // _DAY_MS
    told = f"{len(there)} copies in {settings.copies}, the newest {days} days old"
    old = now - there[-1].at > care.COPY_OLD_MS
    yield Check("copies", LOOK if old else GOOD, told, "see `nightly`" if old else "")


def _found(settings: Settings) -> Found | None:
    try:
        return find(settings)
    except KeyMissing:
        return None
