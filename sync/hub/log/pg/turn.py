"""The turn to write: one transaction at a time over all processes, so that arrivals are numbered without a gap (S7).

The row of `arrival` is locked first and released by the commit. Numbers are given under it, so they become visible in
their order: who reads `n` reads all before it. What the fold goes by (vector, heads, seals, rosters) is read under it
too, for another process may have written since this one did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from sync.admission import Trust
from sync.hub.log.pg.connection import Database
from sync.hub.log.pg.rows import CopiedRows
from sync.log import LogAway
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import FOLD_VERSION
from workstation.domain.roster import Event
from workstation.signing import verify
from workstation.store.authority import Authority
from workstation.store.batch import HELD_SQL, Batch
from workstation.store.cipher import Connection
from workstation.store.held import Held
from workstation.store.ledger import Ledger
from workstation.store.retention import erase_ops
from workstation.store.tx import Author

T = TypeVar("T")
TICKET: Final = "select n, entity, roster, hlc, fold from arrival for update"
_GIVE_BACK: Final = "update arrival set n = ?, entity = ?, roster = ?, hlc = ?"
_HELD: Final = HELD_SQL.replace("in ({0})", "= any(?)")
_CHAINS: Final = "select replica, seq, head, sealed, desk from replica where n > ? or replica = any(?)"
_SAVE: Final = """insert into replica (replica, acked, desk, seq, head, sealed, n) values (?, 0, ?, ?, ?, ?, ?)
    on conflict (replica) do update set desk = excluded.desk, seq = excluded.seq, head = excluded.head,
    sealed = excluded.sealed, n = excluded.n"""
ABSENT: Final = -1
"""A version of the rosters that no database has."""


class Known(Struct, frozen=True):
    """What a process knows of the log as of one commit; `(n, roster)` only grows while the database lives."""

    n: int
    roster: int
    ledger: Ledger
    trust: Trust

    @property
    def moment(self) -> tuple[int, int]:
        return (self.n, self.roster)


class HubBatch(Batch):
    """A batch of the hub: many writers' chains are noted together when the turn ends, and words are elsewhere."""

    def __init__(self, db: Database, ledger: Ledger, own: int, authority: Authority) -> None:
        super().__init__(db, ledger, own, authority, {}, rows=CopiedRows(db))
        self._db = db

    def take_bodies(self, held: Held) -> None:
        """Take an entity's bodies away, and its words; a follower that has read them is waited for."""
        self._db.execute("select n from follower where name = 'search' for update")
        erase_ops(self._db, held)
        self._db.execute("delete from search where entity = ?", [held.id])

    def write_replica(self, replica: int, desk: str) -> None:
        """Chains are written when the turn ends."""


class Believed(Authority):
    """The rosters, which version of them this is, and whether this turn has taught them anything."""

    version = ABSENT
    learnt = False

    def load(self, db: Connection) -> None:
        super().load(db)
        self.learnt = False

    def learn(self, event: Event) -> None:
        super().learn(event)
        self.learnt = True

    def believe(self, db: Connection, site: str, key: bytes) -> None:
        super().believe(db, site, key)
        self.learnt = True


class Turn:
    """The turn, taken: `batch` takes ops in, `end` commits them."""

    def __init__(self, db: Database, author: Author, believed: Believed, ledger: Ledger, known: Known) -> None:
        self._db, self._author, self._believed, self._known = db, author, believed, known
        self.ledger, self._before = ledger, ledger.copy()
        self.batch = HubBatch(db, ledger, author.replica, believed)

    def end(self, channel: str, me: str) -> tuple[Known, Changes]:
        """Write everything, commit, and tell whoever listens on `channel`; gives what is known from then on."""
        self.batch.flush()
        ledger, believed, db = self.ledger, self._believed, self._db
        roster, trust = believed.version, self._known.trust
        if ledger.arrival == self._before.arrival and not believed.learnt:
            db.execute("rollback")
        else:
            roster += believed.learnt
            with db.pipeline():
                for chain in self._chains():
                    db.execute(_SAVE, chain)
                db.execute(_GIVE_BACK, [ledger.arrival, ledger.entity, roster, self._author.hlc.last])
                db.execute("select pg_notify(?, ?)", [channel, me])
                db.execute("commit")
        if roster != self._known.roster:
            trust = believed.snapshot()
        believed.version, believed.learnt = roster, False
        return Known(ledger.arrival, roster, ledger, trust), self.batch.changes

    def _chains(self) -> Iterator[tuple[Any, ...]]:
        """How far each chain reaches that grew, or whose desk is called something else."""
        ledger, before = self.ledger, self._before
        for replica, seq in ledger.vector.items():
            desk = ledger.desks.get(replica, "")
            if seq != before.vector.get(replica) or desk != before.desks.get(replica):
                sealed = ledger.sealed.get(replica, 0)
                yield (replica, desk, seq, ledger.heads[replica], sealed, ledger.arrival)


def take(
    db: Database, known: Known, author: Author, believed: Believed, replicas: Collection[int], entities: Sequence[Uid]
) -> Turn:
    """Wait for the turn and take it, for ops of these replicas on these entities. Raises LogAway."""
    with db.pipeline():
        db.execute("begin")
        ticket = db.execute(TICKET)
        chains = db.execute(_CHAINS, [known.n, [author.replica, *replicas]])
        held = db.execute(_HELD, [entities])
    n, entity, roster, hlc, fold = ticket.fetchone() or (0, 0, 0, 0, ABSENT)
    if fold != FOLD_VERSION:
        raise LogAway("the database is kept by another version of this program: update this hub", wait_s=30)
    ledger = known.ledger.copy()
    for chain in chains.fetchall():
        _note(ledger, *chain)
    ledger.arrival, ledger.entity = n, entity
    author.hlc.merge(hlc)
    if believed.version != roster:
        believed.load(db)
        believed.version = roster
    turn = Turn(db, author, believed, ledger, known)
    turn.batch.keep(entities, held.fetchall())
    return turn


def _note(ledger: Ledger, replica: int, seq: int, head: bytes, sealed: int, desk: str) -> None:
    """Take down how far a replica's chain reaches."""
    ledger.desks[replica] = desk
    if seq:
        ledger.vector[replica], ledger.heads[replica] = seq, head
        ledger.sealed[replica] = sealed


def noted(db: Database, fn: Callable[[Database], T]) -> T:
    """Run `fn` in the turn, so that it meets no other writer's rows, and commit. Raises LogAway.

    Lost in a crash, it is noted again: what it says comes from a peer, who says it anew.
    """
    db.execute("begin")
    db.execute(TICKET)
    value = fn(db)
    db.execute("commit")
    return value


def look(db: Database, before: Known | None) -> Known:
    """What the database says, as of one moment; the rosters are made anew where they are others than `before`'s."""
    believed = Believed(verify)
    ledger = Ledger()
    for chain in db.execute("select replica, seq, head, sealed, desk from replica").fetchall():
        _note(ledger, *chain)
    n, roster = db.execute("select n, roster from arrival").fetchone() or (0, 0)
    ledger.arrival = n
    if before is not None and before.roster == roster:
        return Known(n, roster, ledger, before.trust)
    believed.load(db)
    return Known(n, roster, ledger, believed.snapshot())
