"""What can go wrong between the record and the machine, sorted once; nobody further in reads an SQLite message."""

from __future__ import annotations

from typing import Final

from workstation.store.cipher import dbapi2


class StoreRefused(Exception):
    """The file was not opened, and not touched; the text says why and what to do."""


class StoreFailed(Exception):
    """The machine could not keep or read the record: disk full, input/output error, damaged file.

    Not a fault of the program.
    """


class StoreClosed(Exception):
    """The store was closed before this was done; nothing of it was written."""


_SENTENCES: Final = (
    ("full", "the disk is full: free some space; what was typed since then is still on the screen, not on disk"),
    ("disk i/o", "the disk gives errors: copy the record to another disk"),
    ("malformed", "the record's file is damaged: restore the newest copy"),
    ("not a database", "the record's file is damaged, or its key is another: restore the newest copy"),
    ("readonly", "the record's file may not be written: check its permissions"),
    ("unable to open", "the record's file cannot be opened: check its folder and permissions"),
    ("locked", "another program holds the record's file"),
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
