"""Copies of the record: whole, under its own key, with the key sealed to the site beside each; looked through before
they are believed (promises D1, D5).

A copy is read by a connection of its own and never written to: the desk goes on meanwhile.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from sync.attachments.shelf import NoRoom, Shelf
from workstation import recovery
from workstation.domain.sentence import say
from workstation.recovery import sync_folder
from workstation.store import check
from workstation.store.check import Heard, PutOff, quiet
from workstation.store.cipher import dbapi2
from workstation.store.database import open_for_reading
from workstation.words import Spoken

log = logging.getLogger("store")
_STEPS: Final = 20_000
_ROOM: Final = 1.2
"""Free space asked for, in sizes of the record."""
_STAMP: Final = r"\d{8}T\d{6}Z"


class CopyFailed(Spoken):
    """No copy was made; the sentence says why and what to do. What was there before is there still."""


class Copy(Struct, frozen=True):
    """A copy on disk: when it was made, ms UTC, and whether the site's recovery key opens it."""

    path: Path
    at: int
    sealed: bool


def make(
    record: Path,
    key: bytes | None,
    folder: Path,
    prefix: str,
    now_ms: int,
    wanted: Callable[[], bool] = lambda: True,
    heard: Heard = quiet,
) -> Copy:
    """Copy a record that may be in use, and look the copy through. Raises CopyFailed, and PutOff when not `wanted`."""
    name = f"{prefix}-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}.db"
    path, partial = folder / name, folder / f"{name}.partial"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _see_room(record, folder)
        partial.unlink(missing_ok=True)
        _vacuum(record, key, partial, wanted, heard)
        if faults := check.whole(partial, key, wanted, heard):
            raise CopyFailed(say("copy.not_whole", faults="; ".join(faults)))
        sealed = _seal(record, path)
        partial.replace(path)
        with suppress(OSError):  # a network folder keeps no list to be synced
            sync_folder(folder)
    except (OSError, dbapi2.DatabaseError) as error:
        if isinstance(error, dbapi2.DatabaseError) and not wanted():
            raise PutOff from None
        raise CopyFailed(say("copy.failed", folder=str(folder), error=_said(error))) from error
    finally:
        for left in (partial, partial.with_name(partial.name + "-journal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return Copy(path, now_ms, sealed)


def _said(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _see_room(record: Path, folder: Path) -> None:
    wal = record.with_name(record.name + "-wal")
    size = record.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    free = shutil.disk_usage(folder).free
    if free < size * _ROOM:
        raise CopyFailed(say("copy.no_room", folder=str(folder), free=free // 1_000_000, size=size // 1_000_000 + 1))


def _vacuum(record: Path, key: bytes | None, partial: Path, wanted: Callable[[], bool], heard: Heard) -> None:
    db = open_for_reading(record, key)
    size = max(1, record.stat().st_size)

    def step() -> int:
        if partial.exists():
            heard("copy", min(99, 100 * partial.stat().st_size // size))
        return int(not wanted())

    db.set_progress_handler(step, _STEPS)
    try:
        db.execute("vacuum into ?", [str(partial)])
    finally:
        db.close()
    partial.chmod(0o600)
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    heard("copy", 100)


def _seal(record: Path, path: Path) -> bool:
    """Lay the sealed key beside the copy, before the copy has its name: there is never one that nobody can open."""
    lying = recovery.place(record)
    if recovery.read(lying) is None:
        return False
    recovery.replace(recovery.place(path), lying.read_text("utf-8"))
    return True


def attachments(shelf: Shelf, folder: Path, prefix: str, wanted: Callable[[], bool] = lambda: True) -> Shelf:
    """Lay the attachments beside the copies, each once for all of them: they never change. Raises CopyFailed."""
    beside = Shelf(folder / f"{prefix}.attachments", shelf.spare)
    try:
        shelf.copy_to(beside, wanted)
    except NoRoom as full:
        size = sum(path.stat().st_size for path in shelf.folder.iterdir()) // 1_000_000 + 1
        raise CopyFailed(say("copy.no_room", folder=str(folder), free=full.free // 1_000_000, size=size)) from full
    except OSError as error:
        raise CopyFailed(say("copy.failed", folder=str(folder), error=_said(error))) from error
    return beside


def attachments_of(copy: Path) -> Shelf:
    """Where the attachments lie that belong to a copy."""
    form = re.fullmatch(rf"(.+)-{_STAMP}\.db", copy.name)
    return Shelf(copy.with_name(f"{form[1] if form else copy.stem}.attachments"))


def there(folder: Path, prefix: str) -> list[Copy]:
    """The copies of one desk in a folder, the oldest first."""
    form = re.compile(rf"{re.escape(prefix)}-({_STAMP})\.db")
    found = []
    for path in sorted(folder.glob("*.db")) if folder.is_dir() else ():
        if match := form.fullmatch(path.name):
            at = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found.append(Copy(path, int(at.timestamp() * 1000), recovery.place(path).exists()))
    return found


def prune(folder: Path, prefix: str, keep: int, newest: Copy) -> list[Path]:
    """Remove all but the `keep` newest copies, after `newest` was made and found whole; gives what went."""
    old = [copy for copy in there(folder, prefix) if copy.path != newest.path]
    gone = []
    for copy in old[: max(0, len(old) - (keep - 1))]:
        try:
            recovery.place(copy.path).unlink(missing_ok=True)
            copy.path.unlink()
            gone.append(copy.path)
        except OSError as error:
            log.warning("an old copy can't be removed: %s", error)
    return gone
