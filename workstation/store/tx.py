"""One transaction as a service sees it: append ops, look at states, read rows; all of it stands or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sync.protocol import seal
from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock, Hlc
from workstation.domain.ids import NOBODY, Ids, Uid
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import VERSION, Body, Dot, Effect, Op, OpInvalid, check
from workstation.domain.sentence import say
from workstation.store.batch import Batch, Held
from workstation.store.cipher import Connection
from workstation.store.errors import StoreFailed
from workstation.store.ledger import Ledger

T = TypeVar("T")


class Author:
    """Who writes ops here: replica and site, and the clock that stamps them."""

    def __init__(self, replica: int, site: str, clock: Clock, ids: Ids, hlc: Hlc) -> None:
        self.replica, self.site = replica, site
        self.clock, self.ids, self.hlc = clock, ids, hlc


class Tx:
    """An open transaction on the writer thread. Valid only inside the function it was handed to."""

    def __init__(self, db: Connection, ledger: Ledger, author: Author, held: dict[Uid, Held]) -> None:
        self._db = db
        self._ledger = ledger
        self._author = author
        self._batch = Batch(db, ledger, author.replica, held)
        self._fault: BaseException | None = None

    def whole(self) -> None:
        """Raises what took the transaction back, where something did: SQLite does so by itself when the disk is full.

        From then on each statement would stand alone, so an act that goes on is stopped here, whatever it caught.
        """
        if not self._db.in_transaction:
            raise self._fault or StoreFailed(say("record.failing"))

    @property
    def db(self) -> Connection:
        """The rows with everything appended so far."""
        self.whole()
        self._batch.flush()
        return self._db

    @property
    def settled(self) -> Connection:
        """The rows without what was appended since the last look: for reads that cannot depend on it."""
        self.whole()
        return self._db

    def append(self, kind: str, entity: Uid, body: Body, person: Uid = NOBODY) -> Dot:
        """Write one op of this desk; gives the dot that names it.

        A close or reopening takes along which of its like were seen here, unless the body says so. Raises OpInvalid
        where the body does not fit its kind or the entity is of another type.
        """
        self.whole()
        known = check(kind, body)
        state = self._batch.state(entity)
        if state and state.type and known.entity and state.type != known.entity:
            raise OpInvalid(f"{kind}: written on a {state.type}")
        if known.effect is Effect.LIFE and "seen" not in body:
            body = {**body, "seen": state.seen_dots(LIFE) if state else []}
        author = self._author
        seq = self._ledger.seq(author.replica) + 1
        at = author.clock.now_ms()
        op = Op(author.replica, seq, author.hlc.tick(), entity, kind, VERSION, person, author.site, at, body)
        raw, op = seal(op)
        self._batch.add(op, raw, skewed=False)
        return op.dot

    def state(self, entity: Uid) -> State | None:
        """An entity's state with everything appended so far, None when no op speaks of it. Look, don't touch."""
        return self._batch.state(entity)

    def now(self) -> int:
        """Wall clock, ms UTC."""
        return self._author.clock.now_ms()

    def uid(self) -> Uid:
        """A name for a new entity."""
        return self._author.ids.uid()

    def meta(self, name: str, default: Any = None) -> Any:
        """A value kept beside the record on this machine alone; it never travels."""
        row = self._db.execute("select v from meta where k = ?", [name]).fetchone()
        return row[0] if row else default

    def set_meta(self, name: str, value: str | int | float | bytes | None) -> None:
        """Keep a value beside the record on this machine alone."""
        self.whole()
        self._db.execute("insert or replace into meta values (?, ?)", [name, value])

    def nested(self, act: Callable[[Tx], T]) -> T:
        """Run `act` so that its failure takes back what it appended, and nothing else."""
        self.whole()
        self._batch.flush()
        mark, before = self._ledger.copy(), self._batch.changes
        self._db.execute("savepoint nested")
        try:
            value = act(self)
            self._batch.flush()
        except BaseException as error:
            # A full disk takes the whole transaction back by itself, and this point with it.
            if self._db.in_transaction:
                self._db.execute("rollback to nested")
            else:
                self._fault = self._fault or error
            self._batch.discard()
            self._batch.changes = before
            self._ledger.put_back(mark)
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("release nested")
        return value

    def seal(self) -> Changes:
        """Write what is left to write; what changed in all."""
        self.whole()
        self._batch.flush()
        return self._batch.changes
