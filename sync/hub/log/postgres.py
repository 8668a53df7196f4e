"""The hub's log on PostgreSQL: for a city or a province, and for several hub processes on one database (promise S7).

The same fold, rosters and rows as in `workstation.store`, over a connection that speaks its SQL. Nothing is decided by
what a process remembers: whoever writes takes the turn (`pg.turn`) and reads there how far everything has come; what is
remembered here is as of some commit, and answers those who ask for the vector.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self, TypeVar

import psycopg

from sync.admission import Trust
from sync.attachments.shelf import Shelf
from sync.frame import sealing
from sync.hub.log.pg import opening
from sync.hub.log.pg.connection import Database, away, connect
from sync.hub.log.pg.folding import Foldings
from sync.hub.log.pg.identity import Wrote
from sync.hub.log.pg.listening import Listening
from sync.hub.log.pg.readers import Readers
from sync.hub.log.pg.search import Follower, find
from sync.hub.log.pg.turn import Believed, Known, look
from sync.hub.log.pg.writer import Act, Arrival, Note, Writer
from sync.log import LogAway
from sync.protocol import Admitted, Stored, Vector
from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock, Hlc
from workstation.domain.ids import NOBODY, Ids, Uid
from workstation.domain.ops import Body, Dot
from workstation.signing import Key, Signer, verify
from workstation.store import reads
from workstation.store.ack import acknowledge, beside
from workstation.store.states import digest_of
from workstation.store.tx import Author, Tx

log = logging.getLogger("sync")
T = TypeVar("T")
examine, shown, name_of, tells_secret = opening.examine, opening.shown, opening.name_of, opening.tells_secret


class PostgresLog:
    """An open log. Made by `open_log`; every method may be called from any thread."""

    def __init__(
        self, url: str, key: bytes, *, clock: Clock, ids: Ids, site: str, shelf: Shelf, wrote: Wrote
    ) -> None:  # fmt: skip
        self._url, self.shelf, self._wrote = url, shelf, wrote
        self._identity = opening.prepare(url, key, ids, wrote)
        self._went_back = False
        self._author = Author(self._identity.replica, site, clock, ids, Hlc(clock))
        self._gate = threading.Lock()
        self._listeners: list[Callable[[Changes], None]] = []
        self._believed = Believed(verify)
        self._readers = Readers(self._connect)
        try:
            self._known, channel = self._readers.ask(lambda db: (look(db, None), _channel(db)))
        except BaseException:
            self._readers.close()
            raise
        me = ids.secret(8).hex()
        self._follower = Follower(self._connect, clock)
        self._writer = Writer(
            self._connect, self._author, self._believed, lambda: self._known, self._looked, self._committed, channel, me
        )
        self._listening = Listening(self._connect, channel, me, self._heard)
        self._follower.follow(self._known.n)

    def _connect(self) -> Database:
        try:
            return connect(self._url)
        except psycopg.Error as error:
            raise away(error) from error

    # --- who this is
    @property
    def replica(self) -> int:
        """This hub's replica: one for all processes on the database."""
        return self._identity.replica

    @property
    def site(self) -> str:
        """The site for which this hub writes ops of its own."""
        return self._author.site

    @property
    def device(self) -> Key:
        """The hub's own key: it seals what is written here, and says to peers who this is."""
        return self._identity.device

    @property
    def epoch(self) -> bytes:
        """Which life of this log it is."""
        return self._identity.epoch

    # --- what is known at once
    def vector(self) -> dict[int, int]:
        """How far each replica's ops are on disk."""
        return dict(self._known.ledger.vector)

    def sealed(self) -> dict[int, int]:
        """How far each replica's ops can be passed on: up to where its device signed them."""
        return dict(self._known.ledger.sealed)

    def heads(self) -> dict[int, bytes]:
        """The hash of each replica's chain there."""
        return dict(self._known.ledger.heads)

    def reached(self) -> tuple[dict[int, int], dict[int, bytes]]:
        """Vector and heads of one and the same moment."""
        ledger = self._known.ledger
        return dict(ledger.vector), dict(ledger.heads)

    def heads_at(self, wanted: Mapping[int, Collection[int]]) -> dict[int, dict[int, bytes]]:
        """The hash of each replica's chain at these seqs, as far as they are held."""
        return self.read(lambda db: reads.heads_at(db, wanted))

    def trust(self) -> Trust:
        """Whom this log believes, as of the last commit."""
        return self._known.trust

    # --- reads
    def read(self, fn: Callable[[Database], T]) -> T:
        """Run `fn` on the log as of one commit. Raises LogAway, and what `fn` raises."""
        return self._readers.ask(fn)

    def page(self, vector: Vector, limit: int, replicas: Collection[int] | None = None) -> list[Stored]:
        """Ops a peer with this vector lacks, in the order they arrived here, up to where all are sealed."""
        return self.read(lambda db: reads.page(db, vector, limit, self.replica, self._seal, replicas))

    def roster(self) -> list[tuple[bytes, bytes]]:
        """The ops that say who may do what and which devices there are, each with its replica's salt."""
        return self.read(reads.roster)

    def salts(self, wanted: Iterable[tuple[int, Uid]]) -> dict[tuple[int, Uid], bytes]:
        """What replicas hid their ops' bodies with, for these (replica, entity) pairs."""
        pairs = set(wanted)
        return self.read(lambda db: reads.salts(db, pairs))

    def attachments(self, digests: Collection[bytes], replicas: Collection[int] | None = None) -> dict[bytes, int]:
        """Which of these digests an op names, and how long each file is sealed."""
        return self.read(lambda db: reads.attachments(db, digests, replicas))

    def digest(self) -> bytes:
        """sha256 of everything this log says; equal op sets, equal digests, whatever database keeps them."""
        return self.read(_digest)

    @property
    def foretold(self) -> Foldings:
        """What a snapshot of this log is made of."""
        return Foldings(self._readers)

    def search(self, text: str, limit: int = 50) -> list[tuple[Uid, int]]:
        """Entities with an op that has all these words, newest first; as far as the index has followed."""
        return self.read(lambda db: find(db, text, limit))

    def refresh(self) -> bool:
        """Look what other processes have written; whether more is known now."""
        before = self._known
        return self._learn(self.read(lambda db: look(db, before)))

    # --- writes
    def merge(self, ops: Sequence[Admitted]) -> Future[Changes]:
        """Take in ops of peers, all or none; done when they are on disk.

        They have passed `sync.admission`. Ops already had are skipped. `result()` raises Gap or ChainBroken where they
        do not follow what is there, and LogAway where it is not known whether they were taken: ask again.
        """
        arrival = Arrival(ops, Future())
        self._writer.submit(arrival)
        return arrival.future

    def append(
        self, kind: str, entity: Uid, body: Body, *, person: Uid = NOBODY, signer: Signer | None = None
    ) -> Future[Dot]:
        """Write one op of this hub. Raises in the result what `Tx.append` raises, and LogAway."""
        act = Act(lambda tx: self._next(tx).append(kind, entity, body, person, signer=signer), [entity], Future())
        self._writer.submit(act)
        return act.future

    def believe(self, site: str, key: bytes) -> None:
        """Take a site's public key as the root of all rights in it. Waits for the disk."""

        def take(tx: Tx) -> None:
            self._believed.believe(tx.db, site, key)
            tx.reconsider()

        act = Act(take, [], Future())
        self._writer.submit(act)
        act.future.result()

    # --- what a hub above this one has
    def acked(self, vector: Vector) -> Future[Changes]:
        """Note what the hub above has on disk, as it says; less than before when it went back."""
        return self._note(lambda db: acknowledge(db, vector, self.replica))

    def told_beside(self, vector: Vector) -> Future[Changes]:
        """Note what another peer has on disk, as it says; never less than before."""
        return self._note(lambda db: beside(db, vector, self.replica))

    def told_refused(self, seq: int, error: str) -> Future[None]:
        """Note that the hub above refuses this op of ours, sent alone, and its word for why."""
        return self.keep("refused", f"{seq} {error}".encode())

    def keep(self, name: str, value: bytes) -> Future[None]:
        """Keep a value beside the ops, in this database alone."""
        sql = "insert into meta (k, v) values (?, ?) on conflict (k) do update set v = excluded.v"

        def write(db: Database) -> None:
            db.execute(sql, [name, value])

        return self._note(write)

    def kept(self, name: str) -> bytes | None:
        """A value kept there, None where there is none."""
        return self.read(lambda db: reads.kept(db, name))

    def acked_vector(self) -> dict[int, int]:
        """What the hub above has on disk, as far as this log knows."""
        return self.read(reads.acked)

    def unsent(self) -> tuple[int, int | None]:
        """How many of this hub's own ops the one above has not acknowledged, and when the oldest was written."""
        return self.read(lambda db: reads.unsent(db, self.replica))

    def authored(self) -> list[int]:
        """The replicas whose ops are this hub's to send: its own."""
        return [self.replica]

    def beside(self) -> int:
        """How many of its own ops the hub above has not acknowledged, but another peer has."""
        return self.read(lambda db: reads.beside(db, self.replica))

    def listen(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Be told after each commit, also of other processes, on a thread of the log's: return at once."""
        with self._gate:
            self._listeners.append(callback)

        def stop() -> None:
            with self._gate:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def close(self) -> None:
        """Finish what waits, then leave the database. Harmless when repeated."""
        self._listening.close()
        self._writer.close()
        self._follower.close()
        self._readers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- small parts
    def _note(self, fn: Callable[[Database], T]) -> Future[T]:
        note = Note(fn, Future())
        self._writer.submit(note)
        return note.future

    def _seal(self, replica: int, seq: int, head: bytes) -> bytes:
        return self.device.sign(sealing(replica, seq, head))

    def _committed(self, known: Known, changes: Changes) -> None:
        """On the writer's thread."""
        if self._learn(known):
            self._announce(changes)
        if changes.gone:
            self.shelf.erased(changes.gone, self.attachments)

    def _heard(self, db: Database) -> None:
        """On the listening thread: somebody else has committed, or the database is back."""
        if self._looked(db):
            self._announce(Changes())

    def _looked(self, db: Database) -> bool:
        """Read anew how far the log has come, which may be back; whether it says something else than was known."""
        before = self._known
        db.execute("begin isolation level repeatable read read only")
        try:
            known = look(db, before)
            if went_back := known.moment < before.moment:
                known = look(db, None)
        finally:
            db.rollback()
        if not went_back:
            return self._learn(known)
        log.warning("the database holds less than it did: it was restored, and desks bring back what it lost")
        with self._gate:
            # Ops of our own that are gone: their numbers are not to be given again, a start finds others.
            self._went_back |= self._own(known) < self._own(self._known)
            self._known = known
        return True

    def _own(self, known: Known) -> int:
        return known.ledger.vector.get(self.replica, 0)

    def _next(self, tx: Tx) -> Tx:
        """For an op of this hub's own. Raises LogAway where its numbers are not its own any more."""
        if self._went_back:
            raise LogAway("the database was restored while this hub ran: start it again, it takes a new number")
        return tx

    def _learn(self, known: Known) -> bool:
        """Keep the later of two moments; whether this is the later one."""
        with self._gate:
            if known.moment <= self._known.moment:
                return False
            self._known = known
        self._wrote.note(self.replica, self._own(known))
        self._follower.follow(known.n)
        return True

    def _announce(self, changes: Changes) -> None:
        with self._gate:
            listeners = list(self._listeners)
        for callback in listeners:
            try:
                callback(changes)
            except Exception:  # who listens may fail in any way; what is committed stands
                log.exception("a listener failed; the log is not affected")


def open_log(
    url: str,
    key: bytes,
    *,
    clock: Clock,
    ids: Ids,
    site: str,
    attachments: Path | None = None,
    wrote: Path | None = None,
) -> PostgresLog:
    """Open the hub's log, or make its tables. Raises `LogRefused`.

    `attachments` is the folder of the files its ops name, one for all processes on the database; None = one named after
    the database, where the process was started. The file `wrote` keeps how far it has written.
    """
    shelf = Shelf(attachments or Path(f"{name_of(url)}.attachments"))
    return PostgresLog(url, key, clock=clock, ids=ids, site=site, shelf=shelf, wrote=Wrote(wrote))


def _channel(db: Database) -> str:
    """The channel on which this schema's commits are told: several hubs may share a database."""
    (number,) = db.execute("select current_schema()::regnamespace::oid::bigint").fetchone() or (0,)
    return f"tahuri_{number}"


def _digest(db: Database) -> bytes:
    return digest_of((uid, state) for uid, state in db.stream("select uid, state from entity order by uid"))
