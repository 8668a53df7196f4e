"""SQLite as this program uses it: SQLCipher's build, and sqlite-utils made to know it.

sqlite-utils catches the exceptions of `sqlite3`, or of a module called `pysqlite3` when there is one; sqlcipher3's own
are neither, so its recoveries would be missed. This module answers to that name, whichever of the two is imported
first. Nobody else imports sqlite_utils or sqlcipher3: `Database` comes from `workstation.store`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import sqlcipher3
from sqlcipher3 import dbapi2

sys.modules["pysqlite3"] = sqlcipher3
sys.modules["pysqlite3.dbapi2"] = dbapi2

# sqlite-utils loads numpy only to learn the names of its types: a fifth of a second of every start, for nothing stored.
_without_numpy = "numpy" not in sys.modules
if _without_numpy:
    sys.modules["numpy"] = None  # type: ignore[assignment]
try:
    from sqlite_utils import Database, Migrations
finally:
    if _without_numpy:
        del sys.modules["numpy"]

# Where somebody imported it before us, its except clauses look these names up in its modules.
for _name, _module in list(sys.modules.items()):
    if _name.split(".")[0] == "sqlite_utils":
        for _attribute, _ours in (("sqlite3", sqlcipher3), ("OperationalError", dbapi2.OperationalError)):
            if hasattr(_module, _attribute):
                setattr(_module, _attribute, _ours)

OLDEST: Final = (3, 51, 3)
"""SQLite before this can corrupt a WAL file with two connections at work (fixed in 3.51.3, "WAL-reset bug")."""
KEY_BYTES: Final = 32

Connection = Any
"""sqlcipher3 has no type stubs."""

__all__ = ["KEY_BYTES", "OLDEST", "Connection", "Database", "Migrations", "connect", "dbapi2", "library_version"]


def library_version() -> tuple[int, ...]:
    """Version of the SQLite inside SQLCipher."""
    return tuple(int(part) for part in dbapi2.sqlite_version.split("."))


def connect(path: Path, key: bytes | None, *, mode: str = "rw") -> Connection:
    """A connection in autocommit mode for the calling thread; key None = a plain file, by explicit setting only.

    `mode` is rw, ro, or immutable: that one leaves no trace, and sees no WAL. Says nothing about whether the key fits:
    the first read does.
    """
    uri = path.absolute().as_uri() + ("?immutable=1" if mode == "immutable" else f"?mode={mode}")
    connection = dbapi2.connect(uri, uri=True, isolation_level=None, cached_statements=512)
    connection.execute("pragma cipher_log_level = none")  # else a wrong key writes to the terminal
    if key is not None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, not {KEY_BYTES}")
        connection.execute(f"pragma key = \"x'{key.hex()}'\"")
    return connection
