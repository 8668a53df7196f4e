"""One transaction as a service sees it: append ops, look at states, read rows; all of it stands or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from sync.opwire import SALT_BYTES, next_head, seal
from sync.protocol import Admitted
from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock, Hlc
from workstation.domain.ids import NOBODY, Ids, Uid
from workstation.domain.kinds import CASUALTIES, Effect, OpInvalid, check
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import VERSION, Body, Dot, Op
from workstation.domain.sentence import say
from workstation.signing import Signer
from workstation.store import former
from workstation.store.batch import Batch
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

    def __init__(self, db: Connection, ledger: Ledger, author: Author, batch: Batch) -> None:
        self._db, self._ledger, self._author, self._batch = db, ledger, author, batch
        self.written: list[Admitted] = []
        """The ops appended here, as they go into the outbox journal once they are on disk."""
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

    def append(self, kind: str, entity: Uid, body: Body, person: Uid = NOBODY, *, signer: Signer | None = None) -> Dot:
        """Write one op of this desk; gives the dot that names it.

        A close or reopening takes along which of its like were seen here, and a close the people it knew of, unless the
        body says so. `signer` holds the key of the person, for a kind that needs their signature. Raises OpInvalid
        where the body does not fit its kind or the entity is of another type.
        """
        self.whole()
        known = check(kind, body)
        state = self._batch.state(entity)
        if state and state.type and known.entity and state.type != known.entity:
            raise OpInvalid(f"{kind}: written on a {state.type}")
        if known.effect is Effect.LIFE and "seen" not in body:
            body = {**body, "seen": state.seen_dots(LIFE) if state else []}
            if kind == "incident.closed":
                body["casualties"] = [dot for name in CASUALTIES for dot in state.seen_dots(name)] if state else []
        elif known.effect is Effect.SET and state and (closes := state.seen_dots(LIFE)):
            body = {**body, "after": closes}
        author, ledger = self._author, self._ledger
        salt = state.salt(author.replica) if state else b""
        fresh = b"" if salt else author.ids.secret(SALT_BYTES)
        at, seq = author.clock.now_ms(), ledger.seq(author.replica) + 1
        op = Op(author.replica, seq, author.hlc.tick(), entity, kind, VERSION, person, author.site, at, body, fresh)
        raw, parsed = seal(op, signer.sign if signer else None, salt)
        before = ledger.head(author.replica)
        head = next_head(before, parsed, salt)
        made = Admitted(parsed.op, raw, before, head, salt=salt or fresh)
        if not self._batch.add(made, skewed=False):
            raise OpInvalid(f"{kind}: not signed by somebody with the right")
        self.written.append(made)
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
        mark, before, written = self._ledger.copy(), self._batch.changes, len(self.written)
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
            del self.written[written:]
            self._ledger.put_back(mark)
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("release nested")
        return value

    def reconsider(self) -> None:
        """The rosters are others: look again at which signatures count."""
        self.whole()
        self._batch.reconsider()

    def proven(self, right: Collection[Uid], wrong: Collection[Uid]) -> Changes:
        """These told entities are what their ops say, those are not and are folded from them."""
        return self._batch.prove(right, wrong)

    def settle(self, vector: Mapping[int, int]) -> Changes:
        """The hub has this: what former replicas of this desk wrote may be all there by now."""
        return self._batch.changes if former.settle(self.db, self._batch, vector) else Changes()

    @property
    def erased(self) -> bool:
        """Whether bodies were taken away."""
        return self._batch.erased

    def seal(self) -> Changes:
        """Write what is left to write; what changed in all."""
        self.whole()
        self._batch.flush()
        return self._batch.changes
