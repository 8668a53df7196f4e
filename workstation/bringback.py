"""Bringing a desk's record back: `recover` at the desk whose record is damaged or gone, `restore` from another's copy.

Both make a new record out of all there is (`workstation.store.rebuild`) under this machine's key, with a new replica
and a new device key. Nothing is removed: what was there lies beside it under another name. The desk must be enrolled
anew before it can synchronise; what it wrote before and the hub lacks goes along (promises D1, D5, S5).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from sync.attachments.shelf import NoRoom, Shelf
from sync.protocol import PARTED_AS
from workstation import recovery
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.domain.sentence import one_after_another, say
from workstation.recovery import RecoveryKey
from workstation.service import care
from workstation.settings import Settings
from workstation.store import Store, StoreRefused, check, copies, guarded, outbox
from workstation.store.check import Heard, quiet
from workstation.store.cipher import connect, dbapi2
from workstation.store.claim import Claim
from workstation.store.errors import StoreDamaged, machine_fault
from workstation.store.keys import KeyMissing, find, keep, store_key
from workstation.store.rebuild import Rebuilt, rebuild
from workstation.store.salvage import Row, Salvage, Source, journal_rows, journal_source
from workstation.words import Spoken

log = logging.getLogger("store")
_FILES: Final = ("", "-wal", "-shm")
_TELL_EVERY: Final = 1000


class NotBroughtBack(Spoken):
    """Nothing was changed; the sentence says why and what to do."""


class Back(Struct, frozen=True):
    """What was brought back: the new record's own account, the copies used, and where the old record lies now."""

    made: Rebuilt
    used: tuple[Path, ...]
    aside: Path | None
    lost: int


def recover(
    settings: Settings,
    more: Sequence[Path],
    keys: Sequence[RecoveryKey],
    clock: Clock,
    ids: Ids,
    *,
    empty: bool = False,
    heard: Heard = quiet,
) -> Back | None:
    """Make this desk's record anew out of what can be read of it, its copies and `more`, and its outbox journal.

    None where the record is whole, and left; not where the hub has another history of a replica: then what lies beyond
    the part both share is left to the old file, and the hub's comes in its place (promise S5). `empty` begins one even
    where nothing can be read at all: the hub has the rest. Raises NotBroughtBack.
    """
    with _alone(settings) as place:
        key = _machine_key(settings, keys, ids)
        parted = _parted(place, key) if place.exists() and place.stat().st_size else {}
        if place.exists() and not parted and not _faults(settings, key):
            return None
        chosen = _good_copies(settings, more, key, keys)
        return _bring_back(settings, key, chosen, place, clock, ids, empty, heard, parted)


def restore(
    settings: Settings, copy: Path, keys: Sequence[RecoveryKey], clock: Clock, ids: Ids, *, heard: Heard = quiet
) -> Back:
    """Make a record here, where there is none, out of another machine's copy. Raises NotBroughtBack."""
    with _alone(settings) as place:
        if place.exists() and place.stat().st_size:
            raise NotBroughtBack(say("restore.there_is_one", file=str(place)))
        theirs = _copy_key(copy, None, keys) or _copy_key(copy, _found(settings), ())
        if theirs is None:
            raise NotBroughtBack(say("restore.not_opened", copy=str(copy)))
        key = _machine_key(settings, keys, ids)
        back = _bring_back(settings, key, [(copy, theirs)], place, clock, ids, False, heard)
        try:
            copies.attachments_of(copy).copy_to(Shelf(place.with_suffix(".attachments")))
        except NoRoom as full:
            log.error("attachments stay beside the copy, %d MB are free here", full.free // 1_000_000)
        return back


def open_recovered(damage: StoreDamaged, settings: Settings, key: bytes | None, clock: Clock, ids: Ids) -> Store:
    """Open the record of a desk that found it damaged or gone at its start: made anew without asking, for calls come
    in. What is said of it stays on the screen until the desk is enrolled again. Raises StoreRefused.
    """
    log.error("%s; it is made anew out of all there is", damage)
    try:
        back = recover(settings, (), (), clock, ids)
    except NotBroughtBack as error:
        raise StoreDamaged(one_after_another([damage.sentence, error.sentence])) from error
    if back is not None:
        log.error("the record is made anew: %d ops, %d of them unsent", back.made.ops, back.made.unsent)
    return Store.open(settings.places.store, key, clock=clock, ids=ids, site=settings.desk.site, outbox=settings.outbox)


@contextmanager
def _alone(settings: Settings) -> Iterator[Path]:
    """Nobody else has the record while it is made anew; faults of the machine end in their sentence."""
    place = settings.places.make().store
    try:
        claim = Claim(place)
    except StoreRefused as error:
        raise NotBroughtBack(say("restore.in_use", file=place.name)) from error
    try:
        yield place
    except (OSError, dbapi2.DatabaseError) as error:
        fault = machine_fault(error)
        raise NotBroughtBack(fault.sentence if fault else say("restore.failed", error=str(error))) from error
    except KeyMissing as error:
        raise NotBroughtBack(say("restore.no_key", error=str(error))) from error
    finally:
        claim.release()


def _found(settings: Settings) -> bytes | None:
    found = find(settings)
    return found.key if found is not None else None


def _machine_key(settings: Settings, keys: Sequence[RecoveryKey], ids: Ids) -> bytes | None:
    """This machine's key to its record; where the machine has lost it, the site's recovery key gives it back."""
    if settings.store.plain:
        return None
    if (key := _found(settings)) is not None:
        return key
    lying = recovery.read(recovery.place(settings.places.store))
    if lying is not None:
        if (lost := lying.open(keys)) is None:
            raise NotBroughtBack(say("restore.key_lost"))
        keep(settings, lost)
        return lost
    return store_key(settings, ids)


def _faults(settings: Settings, key: bytes | None) -> list[str]:
    """What is wrong with the record that lies here."""
    place = settings.places.store
    if not place.stat().st_size:
        return ["empty"]
    try:
        found = check.whole(place, key)
        return found or (["went back"] if guarded.went_back(place, key, settings.outbox) else [])
    except dbapi2.DatabaseError as error:
        return [str(error)]


def _parted(place: Path, key: bytes | None) -> dict[int, int]:
    """Of which replicas the hub has another history, and how far both share it; {} where nothing can be read."""
    salvage = Salvage(place, key)
    try:
        kept = salvage.kept(PARTED_AS)
    finally:
        salvage.close()
    return {int(replica): seq for replica, seq in json.loads(kept or b"{}").items()}


def _copy_key(copy: Path, own: bytes | None, keys: Sequence[RecoveryKey]) -> bytes | None:
    """The key that opens a copy: this machine's, or what the site's recovery key unseals beside it."""
    lying = recovery.read(recovery.place(copy))
    for key in (own, lying.open(keys) if lying is not None else None):
        if key is not None and _opens(copy, key):
            return key
    return None


def _opens(copy: Path, key: bytes | None) -> bool:
    salvage = Salvage(copy, key)
    salvage.close()
    return salvage.readable


def _good_copies(
    settings: Settings, more: Sequence[Path], key: bytes | None, keys: Sequence[RecoveryKey]
) -> list[tuple[Path, bytes | None]]:
    """The copies to read, the oldest first: the newest that is whole, and those made after it."""
    found = [copy.path for copy in copies.there(settings.copies, settings.desk.prefix)]
    chosen: list[tuple[Path, bytes | None]] = []
    for path in (*more, *reversed(found)):
        fits = None if settings.store.plain else _copy_key(path, key, keys)
        if fits is None and not settings.store.plain:
            log.warning("the copy %s is left out: no key at hand opens it", path.name)
            continue
        chosen.append((path, fits))
        if path in found and not check.whole(path, fits):
            break
    return chosen[::-1]


def _bring_back(
    settings: Settings,
    key: bytes | None,
    chosen: Sequence[tuple[Path, bytes | None]],
    place: Path,
    clock: Clock,
    ids: Ids,
    empty: bool,
    heard: Heard,
    parted: Mapping[int, int] = MappingProxyType({}),
) -> Back:
    read = [Salvage(path, fits) for path, fits in chosen]
    # A recovery that was cut short had put the record aside already.
    read += [Salvage(path, key) for path in _set_aside_before(place)] if not place.exists() else []
    read.append(Salvage(place, key))
    target = place.with_name(place.name + ".making")
    _remove(target)
    try:
        journal = settings.outbox
        rows: chain[Row] = chain(*(salvage.rows() for salvage in read), journal_rows(journal, key))
        beside: list[Source] = [*(salvage.beside() for salvage in read), journal_source(journal, key)]
        told = any(salvage.readable for salvage in read) or next(outbox.read(journal, key), None) is not None
        if not (told or empty):
            raise NotBroughtBack(say("restore.nothing_read"))
        total = sum(salvage.newest() for salvage in read if salvage.readable)
        shared = (row for row in rows if row.seq <= parted.get(row.replica, row.seq))
        made = rebuild(target, key, _counted(shared, total, heard), beside, clock=clock, ids=ids)
        if faults := check.whole(target, key, heard=heard):
            raise NotBroughtBack(say("restore.not_whole", faults="; ".join(faults)))
        _say_so(target, key, made)
        lost = sum(salvage.lost for salvage in read)
    except BaseException:
        _remove(target)
        raise
    finally:
        for salvage in read:
            salvage.close()
    aside = _put_aside(place, clock)
    target.replace(place)
    recovery.sync_folder(place.parent)
    used = tuple(salvage.path for salvage in read if salvage.readable and salvage.path != place)
    return Back(made, used, aside, lost)


def _counted(rows: Iterable[Row], total: int, heard: Heard) -> Iterator[Row]:
    """The rows, and how many of them there were; the journal's come on top of what the files hold."""
    for number, row in enumerate(rows):
        if number % _TELL_EVERY == 0:
            heard("rebuild", min(99, 100 * number // max(1, total)))
        yield row
    heard("rebuild", 100)


def _say_so(target: Path, key: bytes | None, made: Rebuilt) -> None:
    """Keep in the new record what its desk has to say until it is enrolled again."""
    db = connect(target, key)
    try:
        told = care.recovered(made.ops, made.unsent)
        db.execute("insert or replace into meta values (?, ?)", [care.RECOVERED, told])
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
    finally:
        db.close()


def _set_aside_before(place: Path) -> list[Path]:
    return sorted(path for path in place.parent.glob(f"{place.name}.damaged-*Z"))[-1:]


def _put_aside(place: Path, clock: Clock) -> Path | None:
    """Keep the old record under another name, its log of the file with it; None where there was none."""
    stamp = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    aside = place.with_name(f"{place.name}.damaged-{stamp:%Y%m%dT%H%M%SZ}")
    number = 1
    while aside.exists():
        number += 1
        aside = place.with_name(f"{place.name}.damaged-{number}-{stamp:%Y%m%dT%H%M%SZ}")
    there = False
    for ending in _FILES:
        file = place.with_name(place.name + ending)
        if file.exists():
            there = True
            file.replace(aside.with_name(aside.name + ending))
    return aside if there else None


def _remove(target: Path) -> None:
    for ending in _FILES:
        target.with_name(target.name + ending).unlink(missing_ok=True)
