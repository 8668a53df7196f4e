"""What can go wrong between the record and the machine, sorted once; nobody further in reads an SQLite message."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workstation.domain.sentence import Sentence, say
from workstation.store.cipher import dbapi2
from workstation.words import Spoken, english

ROOM_LEAST: Final = 1 << 20
"""Bytes without which a record cannot be opened for writing, whatever SQLite calls it."""


class StoreRefused(Exception):
    """The file was not opened, and not touched; the text says why and, behind its last colon, what to do."""


class StoreDamaged(StoreRefused):
    """The record is damaged, gone, or older than what this desk has written; `recover` brings it back."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(english(sentence))
        self.sentence = sentence


class StoreFailed(Spoken):
    """The machine could not keep or read the record: disk full, input/output error, damaged file.

    Not a fault of the program.
    """


class StoreClosed(Spoken):
    """The store was closed before this was done; nothing of it was written."""


_SENTENCES: Final = (
    ("full", say("record.full")),
    ("disk i/o", say("record.failing")),
    ("malformed", say("record.damaged")),
    ("not a database", say("record.damaged_or_key")),
    ("readonly", say("record.read_only")),
    ("unable to open", say("record.not_opened")),
    ("locked", say("record.locked")),
)


_OF_THE_SYSTEM: Final = {
    errno.ENOSPC: say("record.full"),
    errno.EDQUOT: say("record.full"),
    errno.EIO: say("record.failing"),
    errno.EROFS: say("record.read_only"),
}


def machine_fault(error: Exception) -> StoreFailed | None:
    """The fault of the machine behind an SQLite error; None = a fault of the program, to be raised as it is."""
    sentence = _sorted(error)
    return StoreFailed(sentence) if sentence else None


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Around all that opens a record: what the machine refuses there comes out as StoreFailed, which names the file.

    Bytes that are no database under this key come out as StoreRefused.
    """
    try:
        yield
    except OSError as error:
        raise _not_opened(path, _OF_THE_SYSTEM.get(error.errno or 0, say("record.not_opened"))) from error
    except dbapi2.Error as error:
        sentence = _sorted(error)
        if not sentence:
            raise
        if sentence.key == "record.damaged_or_key":
            raise StoreRefused(
                f"{path.name} cannot be read: its key is another, or it is damaged; it was left as it is: "
                "bring its key back, or restore the newest copy"
            ) from error
        raise _not_opened(path, sentence) from error


def _not_opened(path: Path, why: Sentence) -> StoreFailed:
    # Shared memory that finds no room is an input/output error to SQLite.
    if why.key == "record.full" or (why.key == "record.failing" and _free(path.parent) < ROOM_LEAST):
        # Nobody has typed anything yet that could still be on the screen.
        why = say("record.full_at_start")
    elif why.key == "record.damaged":
        # A desk's record has its journal, and its own way back: what comes as far as here has none.
        why = say("record.damaged_without_journal")
    return StoreFailed(say("record.at_start", file=str(path), why=why))


def _free(folder: Path) -> int:
    import shutil  # only a start that fails has a use for it

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return ROOM_LEAST


def _sorted(error: Exception) -> Sentence | None:
    """What the machine did, by the words of SQLite; None where it did nothing."""
    if isinstance(error, dbapi2.OperationalError | dbapi2.DatabaseError) and not isinstance(
        error, dbapi2.IntegrityError | dbapi2.ProgrammingError | dbapi2.InterfaceError | dbapi2.DataError
    ):
        text = str(error).lower()
        return next((sentence for piece, sentence in _SENTENCES if piece in text), None)
    return None
