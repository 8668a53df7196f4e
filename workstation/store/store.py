"""The store: one record of ops in one encrypted file, written by one thread, read by others, told to whoever listens.

The same class is a desk's record and a hub's log; nothing here knows which it is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self, TypeVar

from sync.admission import Trust
from sync.attachments.shelf import Shelf
from sync.frame import sealing
from sync.protocol import Admitted, Stored, Vector
from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock, Hlc, SystemClock
from workstation.domain.ids import NOBODY, Ids, SystemIds, Uid
from workstation.domain.ops import Body, Dot
from workstation.signing import Key, Signer, verify
from workstation.store import former, guarded, reads
from workstation.store.ack import acknowledge, beside, refused
from workstation.store.authority import Authority
from workstation.store.cipher import Connection
from workstation.store.claim import Claim
from workstation.store.errors import opening
from workstation.store.escrow import Escrow
from workstation.store.foretold import Snapshots
from workstation.store.identity import identify, newest_stamp
from workstation.store.ledger import Ledger
from workstation.store.outbox import Outbox
from workstation.store.reader import Reader
from workstation.store.refold import refold
from workstation.store.schema import STEPS, Step
from workstation.store.tidy import Checkpointer, Tidy
from workstation.store.tx import Author, Tx
from workstation.store.waiting import Waiting
from workstation.store.writer import MERGE_BESIDE, Arrival, Opened, Writer, Written

log = logging.getLogger("store")
T = TypeVar("T")
MERGE_PAGE: Final = 200
"""Most ops of one merge transaction on a desk (promise D2); a hub, where nobody types, may take more."""


class Store:
    """An open record. Made by `open`; every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        key: bytes | None,
        author: Callable[[Connection], Author],
        steps: Sequence[Step],
        merge_page: int,
        merge_beside: int,
        outbox: Path | None = None,
    ) -> None:
        self.path = path
        self.shelf = Shelf(path.with_suffix(".attachments"))  # sealed files that ops name (promise S12)
        self._listeners: list[Callable[[Changes], None]] = []
        self._gate = threading.Lock()
        self._ledger = Ledger()
        self._author: Author
        self._authority = Authority(verify)
        self._device: Key
        self._trust: Trust
        self._epoch = b""
        with opening(path):
            self._claim = Claim(path)
        self._checkpointer = Checkpointer(path, key)
        self._escrow: Escrow
        self._outbox: Outbox | None = None

        def start() -> Opened:
            with opening(path):
                db = guarded.open_for_writing(path, key, steps, outbox)
                try:
                    return self._begin(db, path, key, author, outbox)
                except BaseException as error:
                    db.close()
                    if (found := guarded.damage(path, error, outbox)) is not None:
                        raise found from error
                    raise

        self._writer = Writer(
            start,
            self._committed,
            self._announce,
            self._wrote,
            lambda db, ledger: Tidy(db, self._checkpointer, ledger),
            merge_page,
            merge_beside,
        )
        try:
            self._ledger = self._writer.ready.result()
            self._trust = self._authority.snapshot()
        except BaseException:
            self._checkpointer.close()
            self._writer.close()
            if self._outbox is not None:
                self._outbox.close()
            self._claim.release()
            raise
        self._screen = Reader(path, key, "store-reader")
        self._peers = Reader(path, key, "store-pages")
        self._aside = Reader(path, key, "store-search")
        self.foretold = Snapshots(self._writer, self._aside)

    def _begin(
        self,
        db: Connection,
        path: Path,
        key: bytes | None,
        author: Callable[[Connection], Author],
        outbox: Path | None,
    ) -> Opened:
        """What the writer's thread begins with, on the record it has just opened."""
        self._author = author(db)
        kept = dict(db.execute("select k, v from meta where k in ('epoch', 'device')").fetchall())
        self._epoch, self._device = kept["epoch"], Key(kept["device"])
        self._authority.load(db)
        own = self._author.replica
        refold(db, Ledger.load(db, own), own, self._authority)
        self._escrow = Escrow(path, key, self._author.site, self._author.ids)
        self._escrow.follow(self._authority.rosters)
        if outbox is not None:
            self._outbox = guarded.open_outbox(db, outbox, key, self._author)
        return db, Ledger.load(db, own), self._author, self._authority, Waiting(db)

    @classmethod
    def open(
        cls,
        path: Path | str,
        key: bytes | None,
        *,
        replica: int | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        site: str = "",
        steps: Sequence[Step] = STEPS,
        merge_page: int = MERGE_PAGE,
        merge_beside: int = MERGE_BESIDE,
        outbox: Path | None = None,
    ) -> Store:
        """Open the record at `path`, or make it; returns when it can be written.

        `key` is 32 raw bytes; None = plain, only by the development setting that says so. `replica` None = the number
        kept in the file, drawn when it is made; a number given replaces that one for what is written from now on.
        `outbox` is the folder of its outbox journal, None = it keeps none: a hub, whose ops nobody acknowledges.
        Raises StoreRefused: wrong key, newer file, not ours, in use, SQLite too old; StoreDamaged where `recover` is
        the way. The file is then as it was. Raises StoreFailed: the disk is full or failing, the file is damaged or may
        not be written.
        """
        clock = clock or SystemClock()
        ids = ids or SystemIds(clock)

        def author(db: Connection) -> Author:
            number = identify(db, replica, clock, ids)
            return Author(number, site, clock, ids, Hlc(clock, newest_stamp(db, number, clock.now_ms())))

        return cls(Path(path), key, author, steps, merge_page, merge_beside, outbox)

    @property
    def site(self) -> str:
        """The site whose record this is."""
        return self._author.site

    @property
    def replica(self) -> int:
        """This store's replica: the author of what is written here."""
        return self._author.replica

    @property
    def epoch(self) -> bytes:
        """Which life of this record it is: another after the file was made anew or restored."""
        return self._epoch

    def write(self, fn: Callable[[Tx], T]) -> Future[Written[T]]:
        """Run `fn` in one transaction on the writer's thread; the future is done when it is on disk.

        Never waits for the disk. `result()` raises what `fn` raised, and nothing of it stands; StoreFailed where the
        machine could not keep it; StoreClosed. Called inside a transaction, it is a part of that one, done at once.
        """
        return self._writer.write(fn)

    def merge(self, ops: Sequence[Admitted]) -> Future[Changes]:
        """Take in ops of peers, in their order, at most `merge_page` in a transaction; done when all are on disk.

        They have passed `sync.admission`. Ops already had are skipped. `result()` raises Gap, with nothing applied,
        where an op in between is missing, and ChainBroken where they follow another history than this record's.
        """
        arrival = Arrival(ops, Future())
        self._writer.submit(arrival)
        return arrival.future

    def read(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Run `fn` on the reader's thread, on the record as of one commit; inside a transaction, on that one's rows."""
        tx = self._writer.open_tx
        if tx is None:
            return self._screen.read(fn)
        future: Future[T] = Future()
        try:
            future.set_result(fn(tx.db))
        except Exception as error:
            future.set_exception(error)
        return future

    def read_aside(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Run a read that may take long, such as a search, on a thread of its own: no form waits for it."""
        return self._aside.read(fn)

    def listen(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Be told after each commit, on the writer's thread: return at once. Gives the function that ends it."""
        with self._gate:
            self._listeners.append(callback)

        def stop() -> None:
            with self._gate:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def vector(self) -> dict[int, int]:
        """How far each replica's ops are on disk here."""
        with self._gate:
            return dict(self._ledger.vector)

    def sealed(self) -> dict[int, int]:
        """How far each replica's ops can be passed on: up to where its device signed them."""
        with self._gate:
            return dict(self._ledger.sealed)

    def heads(self) -> dict[int, bytes]:
        """The hash of each replica's chain there."""
        return self.reached()[1]

    def reached(self) -> tuple[dict[int, int], dict[int, bytes]]:
        """Vector and heads of one and the same moment: what `open_frame` is to be given."""
        with self._gate:
            return dict(self._ledger.vector), dict(self._ledger.heads)

    def heads_at(self, wanted: Mapping[int, Collection[int]]) -> dict[int, dict[int, bytes]]:
        """The hash of each replica's chain at these seqs, as far as they are held. Waits for the disk."""
        return self._peers.ask(lambda db: reads.heads_at(db, wanted))

    def page(self, vector: Vector, limit: int, replicas: Collection[int] | None = None) -> list[Stored]:
        """Ops a peer with this vector lacks, in the order they arrived here, up to where all are sealed.

        Of these `replicas` alone, None = of all. Waits for the disk; not for the screen's thread.
        """
        return self._peers.ask(lambda db: reads.page(db, vector, limit, self.replica, self._seal, replicas))

    def roster(self) -> list[tuple[bytes, bytes]]:
        """The ops that say who may do what and which devices there are, each with its replica's salt on its entity."""
        return self._peers.ask(reads.roster)

    def attachments(self, digests: Collection[bytes], replicas: Collection[int] | None = None) -> dict[bytes, int]:
        """Which of these digests an op names, and how long each file is sealed. Waits for the disk."""
        return self._peers.ask(lambda db: reads.attachments(db, digests, replicas))

    def append(
        self, kind: str, entity: Uid, body: Body, *, person: Uid = NOBODY, signer: Signer | None = None
    ) -> Future[Dot]:
        """Write one op. Raises in the result what `Tx.append` raises."""
        future: Future[Dot] = Future()
        pending = self.write(lambda tx: tx.append(kind, entity, body, person, signer=signer))

        def pass_on(done: Future[Written[Dot]]) -> None:
            if (error := done.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result().value)

        pending.add_done_callback(pass_on)
        return future

    def salts(self, wanted: Iterable[tuple[int, Uid]]) -> dict[tuple[int, Uid], bytes]:
        """What replicas hid their ops' bodies with, for these (replica, entity) pairs. Waits for the disk."""
        return self._peers.ask(lambda db: reads.salts(db, wanted))

    @property
    def device(self) -> Key:
        """This device's own key: it seals what is written here, and says to peers who this is."""
        return self._device

    def trust(self) -> Trust:
        """Whom this record believes, as of the last commit."""
        with self._gate:
            return self._trust

    def believe(self, site: str, key: bytes) -> None:
        """Take a site's public key as the root of all rights in it. Waits for the disk."""

        def act(tx: Tx) -> None:
            self._authority.believe(tx.db, site, key)
            tx.reconsider()

        self.write(act).result()
        if self._outbox is not None:
            self._outbox.renew(self.read(guarded.sites).result())

    def _seal(self, replica: int, seq: int, head: bytes) -> bytes:
        return self._device.sign(sealing(replica, seq, head))

    def digest(self) -> bytes:
        """sha256 of everything this record says; equal op sets, equal digests. Waits for the disk."""
        return self._peers.ask(reads.digest)

    def unsent(self) -> tuple[int, int | None]:
        """How many of this desk's ops the hub lacks, and when the oldest was written. Waits for the disk."""
        return self._peers.ask(lambda db: reads.unsent(db, self.replica))

    def acked(self, vector: Vector) -> Future[Changes]:
        """Note what the hub has on disk, as it says; less when it went back. Changes: rows now sent."""
        if self._outbox is not None:
            self._outbox.acked(vector)
        return self._writer.beside(lambda tx: acknowledge(tx.db, vector, self.replica) | tx.settle(vector))

    def authored(self) -> list[int]:
        """The replicas whose ops are its own to send: this one, former ones with unsent ops. Waits for the disk."""
        return [self.replica, *self._peers.ask(former.load)]

    def told_beside(self, vector: Vector) -> Future[Changes]:
        """Note what another desk has on disk, as it says; never less than before. Changes: rows now on another desk."""
        return self._writer.beside(lambda tx: beside(tx.db, vector, self.replica))

    def told_refused(self, seq: int, error: str) -> Future[Changes]:
        """Note that a peer refuses this op of ours, sent alone, and its word for why."""
        return self._writer.beside(lambda tx: refused(tx.db, seq, error))

    def beside(self) -> int:
        """How many own ops the hub has not acknowledged, but another desk has. Waits for the disk."""
        return self._peers.ask(lambda db: reads.beside(db, self.replica))

    def acked_vector(self) -> dict[int, int]:
        """What the hub has on disk, as far as this record knows. Waits for the disk."""
        return self._peers.ask(reads.acked)

    def keep(self, name: str, value: bytes) -> Future[Written[None]]:
        """Keep a value beside the record on this machine alone."""
        return self.write(lambda tx: tx.set_meta(name, value))

    def kept(self, name: str) -> bytes | None:
        """A value kept there, None where there is none. Waits for the disk."""
        return self._peers.ask(lambda db: reads.kept(db, name))

    def refresh(self) -> bool:
        """Whether others wrote here: nobody does, the file is this process's own."""
        return False

    @property
    def outbox_fault(self) -> str:
        """What keeps ops out of the outbox journal, "" = nothing does."""
        return self._outbox.fault if self._outbox is not None else ""

    def close(self) -> None:
        """Finish what waits, then close the file. Harmless when repeated."""
        for part in (self._screen, self._peers, self._aside, self._checkpointer, self._writer):
            part.close()
        if self._outbox is not None:
            self._outbox.close()
        self._claim.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _committed(self, ledger: Ledger) -> None:
        believed = self._authority.rosters
        with self._gate:
            self._ledger = ledger.copy()
            changed = self._trust.rosters is not believed
            if changed:
                self._trust = self._authority.snapshot()
        if changed:
            self._escrow.follow(believed)

    def _wrote(self, ops: Sequence[Admitted]) -> None:
        if self._outbox is not None:
            self._outbox.put(ops)

    def _announce(self, changes: Changes) -> None:
        if changes.gone:
            self.shelf.erased(changes.gone, self.attachments)
        with self._gate:
            listeners = list(self._listeners)
        for callback in listeners:
            try:
                callback(changes)
            except Exception:
                log.exception("a listener failed; the record is not affected")
