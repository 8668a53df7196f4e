"""What can go wrong between the record and the machine, sorted once; nobody further in reads an SQLite message."""

from __future__ import annotations

from typing import Final

from workstation.domain.sentence import say
from workstation.store.cipher import dbapi2
from workstation.words import Spoken


class StoreRefused(Exception):
    """The file was not opened, and not touched; the text says why and what to do."""


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


def machine_fault(error: Exception) -> StoreFailed | None:
    """The fault of the machine behind an SQLite error; None = a fault of the program, to be raised as it is."""
    if isinstance(error, dbapi2.OperationalError | dbapi2.DatabaseError) and not isinstance(
        error, dbapi2.IntegrityError | dbapi2.ProgrammingError | dbapi2.InterfaceError | dbapi2.DataError
    ):
        text = str(error).lower()
        for piece, sentence in _SENTENCES:
            if piece in text:
                return StoreFailed(sentence)
    return None
