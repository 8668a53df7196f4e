"""The store: one record of ops in one encrypted file, written by one thread, read by others, told to whoever listens.

The same class is a desk's record and a hub's log; nothing here knows which it is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self, TypeVar

from sync.protocol import Stored, Vector, unpack
from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock, Hlc, SystemClock
from workstation.domain.ids import Ids, SystemIds
from workstation.domain.merge import FOLD_VERSION
from workstation.store import reads
from workstation.store.ack import acknowledge
from workstation.store.cipher import Connection
from workstation.store.claim import Claim
from workstation.store.database import open_for_writing
from workstation.store.errors import opening
from workstation.store.ledger import Ledger
from workstation.store.reader import Reader
from workstation.store.refold import refold
from workstation.store.schema import STEPS, Step
from workstation.store.tidy import Checkpointer, Tidy
from workstation.store.tx import Author, Tx
from workstation.store.writer import Arrival, Writer, Written

log = logging.getLogger("store")
T = TypeVar("T")
MERGE_PAGE: Final = 200
"""Most ops of one merge transaction on a desk (promise D2); a hub, where nobody types, may take more."""
EPOCH_BYTES: Final = 16


class Store:
    """An open record. Made by `open`; every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        key: bytes | None,
        author: Callable[[Connection], Author],
        steps: Sequence[Step],
        merge_page: int,
    ) -> None:
        self.path = path
        self._listeners: list[Callable[[Changes], None]] = []
        self._gate = threading.Lock()
        self._ledger = Ledger()
        self._author: Author
        self._epoch = b""
        with opening(path):
            self._claim = Claim(path)
        self._checkpointer = Checkpointer(path, key)

        def start() -> tuple[Connection, Ledger, Author]:
            with opening(path):
                db = open_for_writing(path, key, steps)
                try:
                    self._author = author(db)
                    self._epoch = db.execute("select v from meta where k = 'epoch'").fetchone()[0]
                    refold(db, Ledger.load(db), self._author.replica)
                    return db, Ledger.load(db), self._author
                except BaseException:
                    db.close()
                    raise

        self._writer = Writer(
            start, self._committed, self._announce, lambda db, ledger: Tidy(db, self._checkpointer, ledger), merge_page
        )
        try:
            self._ledger = self._writer.ready.result()
        except BaseException:
            self._checkpointer.close()
            self._writer.close()
            self._claim.release()
            raise
        self._screen = Reader(path, key, "store-reader")
        self._peers = Reader(path, key, "store-pages")

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
    ) -> Store:
        """Open the record at `path`, or make it; returns when it can be written.

        `key` is 32 raw bytes; None = plain, only by the development setting that says so. `replica` None = the number
        kept in the file, drawn when it is made; a number given replaces that one for what is written from now on.
        Raises StoreRefused: wrong key, newer file, not ours, in use, SQLite too old. The file is then as it was. Raises
        StoreFailed: the disk is full or failing, the file is damaged or may not be written.
        """
        clock = clock or SystemClock()
        ids = ids or SystemIds(clock)

        def author(db: Connection) -> Author:
            number = _identity(db, replica, clock, ids)
            return Author(number, site, clock, ids, Hlc(clock, _newest_stamp(db, number)))

        return cls(Path(path), key, author, steps, merge_page)

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

    def merge(self, ops: Sequence[Stored]) -> Future[Changes]:
        """Take in ops of peers, in their order, at most `merge_page` in a transaction; done when all are on disk.

        Ops already had are skipped. Raises ProtocolError here for bytes that are no op; `result()` raises Gap, with
        nothing applied, where an op in between is missing.
        """
        unpacked = []
        for stored in ops:
            op = unpack(stored.raw)
            if op.dot != (stored.replica, stored.seq):
                raise ValueError(f"op {op.dot} came under the name {(stored.replica, stored.seq)}")
            unpacked.append((op, stored.raw))
        arrival = Arrival(unpacked, Future())
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

    def heads(self) -> dict[int, bytes]:
        """The hash of each replica's chain there."""
        with self._gate:
            return dict(self._ledger.heads)

    def reached(self) -> tuple[dict[int, int], dict[int, bytes]]:
        """Vector and heads of one and the same moment: what `open_frame` is to be given."""
        with self._gate:
            return dict(self._ledger.vector), dict(self._ledger.heads)

    def page(self, vector: Vector, limit: int) -> list[Stored]:
        """Ops a peer with this vector lacks, in the order they arrived here.

        Waits for the disk; not for the screen's thread.
        """
        return self._peers.ask(lambda db: reads.page(db, vector, limit))

    def digest(self) -> bytes:
        """sha256 of everything this record says; equal op sets, equal digests. Waits for the disk."""
        return self._peers.ask(reads.digest)

    def unsent(self) -> tuple[int, int | None]:
        """How many of this desk's ops the hub has not acknowledged, and when the oldest was written.

        Waits for the disk.
        """
        return self._peers.ask(lambda db: reads.unsent(db, self.replica))

    def acked(self, vector: Vector) -> Future[Changes]:
        """Note what the hub has on disk, as it says; less than before when the hub went back.

        Changes: rows now sent.
        """
        return self._writer.beside(lambda db: acknowledge(db, vector, self.replica))

    def acked_vector(self) -> dict[int, int]:
        """What the hub has on disk, as far as this record knows. Waits for the disk."""
        return self._peers.ask(reads.acked)

    def close(self) -> None:
        """Finish what waits, then close the file. Harmless when repeated."""
        self._screen.close()
        self._peers.close()
        self._checkpointer.close()
        self._writer.close()
        self._claim.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _committed(self, ledger: Ledger) -> None:
        with self._gate:
            self._ledger = ledger.copy()

    def _announce(self, changes: Changes) -> None:
        with self._gate:
            listeners = list(self._listeners)
        for callback in listeners:
            try:
                callback(changes)
            except Exception:
                log.exception("a listener failed; the record is not affected")


def _identity(db: Connection, replica: int | None, clock: Clock, ids: Ids) -> int:
    """The replica number of this file, and its first facts when it is new."""
    kept = dict(db.execute("select k, v from meta where k in ('replica', 'epoch')").fetchall())
    number = replica or kept.get("replica") or ids.replica()
    fresh: dict[str, int | bytes] = {}
    if kept.get("replica") != number:
        fresh["replica"] = number
    if "epoch" not in kept:
        fresh |= {"epoch": ids.secret(EPOCH_BYTES), "created_at": clock.now_ms(), "fold": FOLD_VERSION}
    if fresh:
        db.execute("begin immediate")
        db.executemany("insert or replace into meta values (?, ?)", fresh.items())
        db.execute("commit")
    return int(number)


def _newest_stamp(db: Connection, replica: int) -> int:
    """Stamp of the newest own op: the clock goes on from there, whatever the wall says after a restart."""
    row = db.execute("select raw from op where replica = ? order by seq desc limit 1", [replica]).fetchone()
    return unpack(row[0]).hlc if row else 0
