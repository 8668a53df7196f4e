"""The thread that writes to PostgreSQL: all that waits in one commit, and a lost server told to those who wait."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from msgspec import Struct

from sync.hub.log.pg.connection import Database
from sync.hub.log.pg.turn import ABSENT, Believed, Known, Turn, noted, take
from sync.log import LogAway
from sync.protocol import Admitted, Gap
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.sentence import say
from workstation.store import StoreClosed
from workstation.store.arriving import gap_in, take_in
from workstation.store.tx import Author, Tx

log = logging.getLogger("sync")
TOGETHER: Final = 4_000
"""Most ops of one commit: more of them keep other processes waiting without being any faster."""


class Arrival(Struct):
    """Ops from a peer, admitted and in order."""

    ops: Sequence[Admitted]
    future: Future[Changes]


class Act(Struct):
    """A change of this log itself; `entities` are those it is about."""

    fn: Callable[[Tx], Any]
    entities: Sequence[Uid]
    future: Future[Any]


class Note(Struct):
    """Something this log remembers that is no op: written in the turn, told to nobody."""

    fn: Callable[[Database], Any]
    future: Future[Any]


_Work = Arrival | Act | Note


class Writer:
    """Owns the writing connection.

    `known` says what this process knows, `looked` reads it anew after connecting. What is committed is given to
    `committed` first, then to those who wait for it.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        author: Author,
        believed: Believed,
        known: Callable[[], Known],
        looked: Callable[[Database], object],
        committed: Callable[[Known, Changes], None],
        channel: str,
        me: str,
    ) -> None:
        self._connect, self._author, self._believed = connect, author, believed
        self._known, self._looked, self._committed = known, looked, committed
        self._channel, self._me = channel, me
        self._wake = threading.Condition()
        self._work: deque[_Work] = deque()
        self._closing = False
        self._ending = False
        self._db: Database | None = None
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, work: _Work) -> None:
        """Hand work over; never waits for the database."""
        with self._wake:
            if self._closing:
                work.future.set_exception(StoreClosed(say("record.closed")))
                return
            self._work.append(work)
            self._wake.notify()

    def close(self) -> None:
        """Do what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    # On the writer's thread from here on.
    def _run(self) -> None:
        try:
            while work := self._next():
                self._do(work)
        finally:
            if self._db is not None:
                self._db.close()

    def _next(self) -> list[_Work]:
        """What goes into one commit: arrivals together, anything else by itself; [] when all is done and it closes."""
        with self._wake:
            while True:
                while not self._work and not self._closing:
                    self._wake.wait()
                if taken := self._taken():
                    return taken
                if not self._work and self._closing:
                    return []

    def _taken(self) -> list[_Work]:
        taken: list[_Work] = []
        room = TOGETHER
        while self._work and room > 0:
            first = self._work[0]
            size = len(first.ops) if isinstance(first, Arrival) else TOGETHER
            if taken and size > room:
                break
            self._work.popleft()
            if first.future.set_running_or_notify_cancel():
                taken.append(first)
                room -= max(size, 1)
        return taken

    def _do(self, work: Sequence[_Work]) -> None:
        """Commit this work; what the server cannot take together is tried one by one, where it can be had at all."""
        stale = self._db is not None
        try:
            self._commit(work)
        except LogAway as error:
            again = not isinstance(work[0], Act) or not self._ending
            if self._drop() and stale and again:
                # The connection had died since it was last used. Ops that were written after all are skipped.
                self._do(work)
                return
            log.info("the database failed: %s", error.__cause__ or error)
            _fail(work, error)
        except BaseException as error:
            self._drop()
            if len(work) > 1:
                for one in work:
                    self._do([one])
            else:
                _fail(work, error)

    def _commit(self, work: Sequence[_Work]) -> None:
        self._ending = False
        if self._db is None:
            self._db = self._connect()
            self._db.learn()
            self._looked(self._db)  # it may be another database than before: restored, or the standby of one lost
        if isinstance(first := work[0], Note):
            first.future.set_result(noted(self._db, first.fn))
            return
        taken = [one for one in work if not isinstance(one, Note)]
        turn = take(self._db, self._known(), self._author, self._believed, *_about(taken))
        values = [self._one(self._db, turn, one) for one in taken]
        self._ending = True
        known, changes = turn.end(self._channel, self._me)
        self._committed(known, changes)
        for one, value in zip(taken, values, strict=True):
            if isinstance(value, Gap):
                one.future.set_exception(value)
            else:
                one.future.set_result(changes if isinstance(one, Arrival) else value)

    def _one(self, db: Database, turn: Turn, one: Arrival | Act) -> Any:
        """Take one piece of work into the turn; gives what its future is to be told, or the gap that refuses it."""
        if isinstance(one, Act):
            return one.fn(Tx(db, turn.ledger, self._author, turn.batch))
        if gap := gap_in(one.ops, turn.ledger):
            return gap
        take_in(turn.batch, turn.ledger, self._author, one.ops)
        return None

    def _drop(self) -> bool:
        """Take back what is under way, and forget what it may have taught; whether the connection was lost."""
        self._believed.version = ABSENT
        db = self._db
        if db is None:
            return True
        try:
            db.rollback()
        except LogAway:
            db.close()
        if db.broken:
            self._db = None
        return db.broken


def _about(work: Sequence[Arrival | Act]) -> tuple[list[int], list[Uid]]:
    """The replicas and entities the work is about."""
    replicas: set[int] = set()
    entities: set[Uid] = set()
    for one in work:
        if isinstance(one, Arrival):
            replicas.update(admitted.op.replica for admitted in one.ops)
            entities.update(admitted.op.entity for admitted in one.ops)
        else:
            entities.update(one.entities)
    return sorted(replicas), sorted(entities)


def _fail(work: Sequence[_Work], error: BaseException) -> None:
    for one in work:
        if not one.future.done():
            one.future.set_exception(error)
