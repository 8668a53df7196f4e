"""A new or older file gets the steps it lacks, by sqlite-utils' `Migrations`: loaded for that alone.

sqlite-utils takes a fifth of the time in which a desk has to stand on the screen, and a file that is up to date, as on
every start but the first, needs nothing of it. It catches the exceptions of `sqlite3`, or of a module called
`pysqlite3` when there is one; sqlcipher3's own are neither, so its recoveries would be missed. This module makes
sqlcipher3 answer to that name, whichever of the two is imported first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import sqlcipher3

from workstation.store.cipher import Connection, dbapi2
from workstation.store.schema import STEPS_OF, Step

sys.modules["pysqlite3"] = sqlcipher3
sys.modules["pysqlite3.dbapi2"] = dbapi2

# sqlite-utils loads numpy only to learn the names of its types: a fifth of a second, for nothing stored.
_without_numpy = "numpy" not in sys.modules
if _without_numpy:
    sys.modules["numpy"] = None  # type: ignore[assignment]  # None is how an import is refused, and not in its type
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


def migrate(connection: Connection, steps: Sequence[Step]) -> None:
    """Make the steps this file lacks, each in one transaction with its name; raises what a step raises."""
    migrations = Migrations(STEPS_OF)
    for step in steps:
        migrations(name=step.name)(_made_by(step, connection))
    migrations.apply(Database(cast(Any, connection), execute_plugins=False))


def _made_by(step: Step, connection: Connection) -> Callable[[Database], None]:
    def make(_: Database) -> None:
        step.make(connection)

    return make
