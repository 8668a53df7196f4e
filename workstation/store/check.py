"""Looking a record through, every night and before a copy is believed (promise D5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sync.opwire import ProtocolError
from workstation.store import accesslog, reads
from workstation.store.cipher import Connection, dbapi2
from workstation.store.database import open_for_reading

FAULTS_MOST: Final = 20
SUSPECT: Final = "suspect"
"""Under this name `meta` keeps that the nightly look found faults: the next start looks for itself."""
Heard = Callable[[str, int], None]
"""Hears how far a long piece of work is: its step (copy, look, rebuild) and percent."""
_STEPS: Final = 20_000
"""Steps of SQLite's machine between two questions whether to go on: some milliseconds."""


class PutOff(Exception):
    """The look was ended before it was through, because somebody needs the machine."""


def quiet(_step: str, _percent: int) -> None:
    """For who need not hear."""


def whole(path: Path, key: bytes | None, wanted: Callable[[], bool] = lambda: True, heard: Heard = quiet) -> list[str]:
    """What is wrong with a record, by the file and by its chains; nothing = whole. It may be written meanwhile.

    Raises PutOff when `wanted` says that it is not to go on.
    """
    db = open_for_reading(path, key)
    db.set_progress_handler(lambda: int(not wanted()), _STEPS)
    try:
        return _faults(db, key, wanted, heard)
    except (dbapi2.DatabaseError, ProtocolError) as error:
        if not wanted():
            raise PutOff from None
        return [str(error)]
    finally:
        db.close()


def _faults(db: Connection, key: bytes | None, wanted: Callable[[], bool], heard: Heard) -> list[str]:
    looked = 0
    heard("look", 0)

    def pause() -> None:
        nonlocal looked
        looked += reads.PAUSE_OPS
        heard("look", min(99, 100 * looked // ops))
        if not wanted():
            raise PutOff

    found: list[str] = []
    if key is not None:
        found += [str(row[0]) for row in db.execute("pragma cipher_integrity_check").fetchall()]
    if not found:  # beyond a page that can't be read, the connection says nothing more
        said = [str(row[0]) for row in db.execute(f"pragma quick_check({FAULTS_MOST})").fetchall()]
        found += [] if said == ["ok"] else said
    if not found:
        ops = max(1, db.execute("select count(*) from op").fetchone()[0])
        broken = reads.broken_chains(db, pause)
        found += [f"the chain of replica {replica} breaks at op {seq}" for replica, seq in broken.items()]
    if not found and (line := accesslog.broken(db)):
        found.append(f"the access log was changed at line {line}")
    heard("look", 100)
    return found[:FAULTS_MOST]
