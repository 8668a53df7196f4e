"""The states of a log on PostgreSQL, for a snapshot (promise S6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from sync.hub.log.pg.readers import Readers
from sync.snapshot.form import Folded, Part
from workstation.store.foretold import folded

T = TypeVar("T")


class Foldings:
    """Tells what all entities are, as of one commit."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def folded(self, part: Part, visit: Callable[[Mapping[int, int], Iterable[Folded]], T]) -> T:
        """What `visit` makes of the vector and the entities of a part. Raises LogAway, and what `visit` raises.

        A connection that had died unnoticed makes it begin again.
        """
        return self._readers.ask(lambda db: visit(*folded(db, part, db.stream)))
