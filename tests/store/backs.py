"""What tests of a record made anew ask again and again: make it, look what lies where, say whether it is sound."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.store.centre import Place
from tests.store.desks import KEY
from workstation import bringback
from workstation.bringback import Back
from workstation.domain.ids import SeededIds
from workstation.store import Store, outbox, reads
from workstation.store.cipher import connect

PAGE = 4096


def recover(place: Place, seed: int = 77, **more: object) -> Back:
    back = bringback.recover(place.settings, (), (), place.clock, SeededIds(seed, place.clock), **more)  # type: ignore[arg-type]
    assert back is not None, "the record was found whole"
    return back


def journal(place: Place) -> set[int]:
    """The numbers of the ops that are in the journal."""
    return {kept.seq for found in outbox.read(place.settings.outbox, KEY) for kept in found.ops}


def folded(place: Place) -> None:
    """Have everything in the file itself, nothing in its log."""
    db = connect(place.record, KEY)
    db.execute("pragma wal_checkpoint(truncate)").fetchone()
    db.close()


def killed(place: Place, store: Store) -> None:
    """Leave the files as a killed desk does: what is written on closing is taken back."""
    kept = place.folder.with_name("killed")
    shutil.copytree(place.folder, kept)
    store.close()
    shutil.rmtree(place.folder)
    kept.rename(place.folder)


def files(place: Place, name: str) -> dict[str, bytes]:
    """A record and its log of the file, by what stands behind the name."""
    endings = {ending: place.record.with_name(name + ending) for ending in ("", "-wal")}
    return {ending: data for ending, path in endings.items() if path.exists() and (data := path.read_bytes())}


def sound(store: Store) -> None:
    assert store.read(reads.broken_chains).result(20) == {}
    assert store.read(lambda db: db.execute("pragma integrity_check").fetchone()[0]).result(20) == "ok"
    assert store.read(lambda db: db.execute("pragma cipher_integrity_check").fetchall()).result(20) == []


def pages_of(path: Path, which: str) -> list[int]:
    """Pages that a statement of the record needs, found by damaging none: where its tables and indexes begin."""
    db = connect(path, KEY, mode="ro")
    try:
        return [page for (page,) in db.execute("select rootpage from sqlite_master where name = ?", [which])]
    finally:
        db.close()


def scramble(path: Path, offset: int, size: int) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(os.urandom(size))
