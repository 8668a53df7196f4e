"""The one thread that writes (promise D2).

The screen's acts first, all that wait in one commit; then a page from sync; then a step of tidying.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from sync.protocol import Admitted, Gap
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.sentence import say
from workstation.store import reads
from workstation.store.arriving import Told, gap_in, take_in, take_told
from workstation.store.authority import Authority
from workstation.store.batch import Batch
from workstation.store.cipher import Connection
from workstation.store.errors import StoreClosed, machine_fault
from workstation.store.held import Held
from workstation.store.ledger import Ledger
from workstation.store.tidy import Tidy
from workstation.store.tx import Author, Tx
from workstation.store.waiting import Waiting

log = logging.getLogger("store")
T = TypeVar("T")

IDLE_S: Final = 0.05
"""How long nothing must have come in before the writer tidies up."""
PATIENCE: Final = 20
"""Commits of acts after which a page from sync has its turn, however many acts wait: an import must not stop sync."""
TYPING_S: Final = 2.0
MERGE_BESIDE: Final = 25
"""Ops of a merge transaction while an act was written within the last `TYPING_S`: about 3 ms of the writer's time."""


class Written(Struct, Generic[T], frozen=True):
    """What an act returned, and what it changed, once that is on disk."""

    value: T
    changes: Changes


class _Act(Struct):
    """A function of the screen, the phone or a service; or, `beside`, one that writes no ops and says what changed."""

    fn: Callable[[Tx], Any]
    future: Future[Any]
    beside: bool = False


class Arrival(Struct):
    """Ops from a peer, admitted and in order, or, `told`, entities of a snapshot; `done` counts those committed."""

    ops: Sequence[Any]
    future: Future[Changes]
    done: int = 0
    changes: Changes = field(default_factory=Changes)
    told: Told | None = None


Opened = tuple[Connection, Ledger, Author, Authority, Waiting]
"""What a writer begins with."""
_Settle = Callable[[], None]


class Writer:
    """Owns the writing connection, the ledger and the clock. Made on the caller's thread, works on its own."""

    def __init__(
        self,
        open_database: Callable[[], Opened],
        committed: Callable[[Ledger], None],
        announce: Callable[[Changes], None],
        wrote: Callable[[Sequence[Admitted]], None],
        tidy: Callable[[Connection, Ledger], Tidy],
        merge_page: int,
        merge_beside: int,
    ) -> None:
        self._open, self._make_tidy = open_database, tidy
        self._merge_page, self._merge_beside = merge_page, merge_beside
        self._committed, self._announce, self._wrote = committed, announce, wrote
        self._wake = threading.Condition()
        self._acts: deque[_Act] = deque()
        self._passed_over = 0
        self._under_way: Sequence[_Act] = ()
        self._arrivals: deque[Arrival] = deque()
        self._held: dict[Uid, Held] = {}
        self._closing = False
        self._typed_s = -TYPING_S
        self._doubted = False
        self._open_tx: Tx | None = None
        self.ready: Future[Ledger] = Future()
        self.thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self.thread.start()

    def submit(self, work: _Act | Arrival) -> None:
        """Hand work over; never waits for the disk."""
        with self._wake:
            if self._closing:
                work.future.set_exception(StoreClosed(say("record.closed")))
                return
            if isinstance(work, Arrival):
                self._arrivals.append(work)
            else:
                self._acts.append(work)
            self._wake.notify()

    def write(self, fn: Callable[[Tx], T]) -> Future[Written[T]]:
        """An act in a transaction of its own; inside one, on this thread, a part of it that can fail alone."""
        future: Future[Written[T]] = Future()
        if threading.current_thread() is self.thread and self._open_tx is not None:
            _part(self._open_tx, fn, future)
        else:
            self.submit(_Act(fn, future))
        return future

    @property
    def open_tx(self) -> Tx | None:
        """The transaction under way, for code that runs inside it; None on every other thread."""
        return self._open_tx if threading.current_thread() is self.thread else None

    def beside(self, fn: Callable[[Tx], Changes]) -> Future[Changes]:
        """A small change beside the record, such as what the hub has acknowledged; `fn` says which rows it concerns."""
        future: Future[Changes] = Future()
        self.submit(_Act(fn, future, beside=True))
        return future

    def close(self) -> None:
        """Do what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self.thread:
            self.thread.join()

    # On the writer's thread from here on.

    def _run(self) -> None:
        try:
            self._db, self._ledger, self._author, self._authority, self._waiting = self._open()
            self._tidy = self._make_tidy(self._db, self._ledger)
        except BaseException as error:
            self.ready.set_exception(error)
            return
        self.ready.set_result(self._ledger.copy())
        try:
            self._call_waiting()
            while self._turn():
                pass
        except BaseException as error:
            log.critical("the writer failed; nothing more is saved until a restart", exc_info=True)
            self._give_up(error)
        finally:
            self._db.close()

    def _give_up(self, error: BaseException) -> None:
        """Leave nobody waiting for a thread that is gone."""
        with self._wake:
            self._closing = True
            futures: list[Future[Any]] = [act.future for act in (*self._under_way, *self._acts)]
            futures += [arrival.future for arrival in self._arrivals]
        for future in futures:
            if not future.done():
                future.set_exception(error)

    def _turn(self) -> bool:
        """One commit, or one step of tidying; false when all is done and the store closes."""
        with self._wake:
            if not self._acts and not self._arrivals:
                if self._closing:
                    return False
                self._wake.wait(IDLE_S if self._tidy.wanted else None)
            overdue = bool(self._arrivals) and self._passed_over >= PATIENCE
            acts = [] if overdue else list(self._acts)
            if not overdue:
                self._acts.clear()
            arrivals = [] if acts else self._next_arrivals()
        self._passed_over = self._passed_over + 1 if acts else 0
        self._under_way = acts
        if acts:
            self._commit_acts(acts)
        elif arrivals:
            self._commit_arrivals(arrivals)
        elif not self._closing:
            self._tidy.step()
        if self._tidy.pressing:
            self._tidy.step()
        return True

    def _next_arrivals(self) -> list[Arrival]:
        """Arrivals that fit one merge page together; a longer one comes back until it is done."""
        taken: list[Arrival] = []
        room = self._room()
        for arrival in list(self._arrivals):
            if not arrival.done and not arrival.future.running() and not arrival.future.set_running_or_notify_cancel():
                self._arrivals.remove(arrival)
                continue
            left = len(arrival.ops) - arrival.done
            if taken and left > room:
                break
            taken.append(arrival)
            room -= left
        return taken

    def _room(self) -> int:
        """Ops a merge transaction may hold now: fewer while somebody types, who would have to wait for it."""
        typing = self._author.clock.monotonic_s() - self._typed_s < TYPING_S
        return min(self._merge_page, self._merge_beside) if typing else self._merge_page

    def _begin(self) -> None:
        """Begin a transaction; what one before it may have taught the rosters is forgotten where it was taken back."""
        self._db.execute("begin immediate")
        if self._doubted:
            self._authority.load(self._db)
            self._doubted = False

    def _commit_acts(self, acts: Sequence[_Act]) -> None:
        settled: list[_Settle] = []
        mark = self._ledger.copy()
        changes = Changes()
        written: list[Admitted] = []
        try:
            self._begin()
            for act in acts:
                if not act.future.set_running_or_notify_cancel():
                    continue
                changes |= self._one(act, settled, written, alone=len(acts) == 1)
            self._tidy.keep_up()
            self._db.execute("commit")
        except BaseException as error:
            self._undo(mark)
            for act in acts:
                if not act.future.done() and not act.future.cancelled():
                    act.future.set_exception(_told(error))
            return
        if written:
            self._wrote(written)
        self._typed_s = self._author.clock.monotonic_s()
        self._tidy.note_commit(indexed=self._ledger.indexed > mark.indexed)
        self._publish(changes, settled)

    def _one(self, act: _Act, settled: list[_Settle], written: list[Admitted], *, alone: bool) -> Changes:
        """Run one act; a failure takes back that act alone. Its ops go to `written`."""
        batch = Batch(self._db, self._ledger, self._author.replica, self._authority, self._held)
        tx = Tx(self._db, self._ledger, self._author, batch)
        self._open_tx = tx
        try:
            value = act.fn(tx) if alone else tx.nested(act.fn)
            changes = tx.seal()
            self._tidy.scrub(tx.erased)
            written += tx.written
        except BaseException as error:
            if alone or not self._db.in_transaction:
                raise
            told = _told(error)
            settled.append(lambda: act.future.set_exception(told))
            return Changes()
        finally:
            self._open_tx = None
        if act.beside:
            changes = value
            settled.append(lambda: act.future.set_result(changes))
        else:
            changes = replace(changes, local=True)
            settled.append(lambda: act.future.set_result(Written(value, changes)))
        return changes

    def _commit_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        mark = self._ledger.copy()
        own, authority = self._author.replica, self._authority
        taken: list[tuple[Arrival, int]] = []
        refused: list[tuple[Arrival, Gap]] = []
        try:
            self._begin()
            batch = Batch(self._db, self._ledger, own, authority, self._held, indexing=True)
            room = self._room()
            for arrival in arrivals:
                if not (arrival.done or arrival.told) and (gap := gap_in(arrival.ops, self._ledger)):
                    refused.append((arrival, gap))
                    continue
                until = min(len(arrival.ops), arrival.done + room)
                some = arrival.ops[arrival.done : until]
                if arrival.told:
                    take_told(batch, self._author, some, arrival.told, last=until == len(arrival.ops))
                else:
                    take_in(batch, self._ledger, self._author, some)
                room -= until - arrival.done
                taken.append((arrival, until))
            batch.flush()
            self._tidy.keep_up()
            self._db.execute("commit")
        except BaseException as error:
            self._undo(mark)
            self._retry_alone(arrivals, error)
            return
        self._tidy.note_commit(indexed=self._ledger.indexed > mark.indexed)
        self._tidy.scrub(batch.erased)
        settled = [self._end(arrival, error) for arrival, error in refused]
        for arrival, until in taken:
            arrival.done = until
            arrival.changes |= batch.changes
            if until == len(arrival.ops):
                settled.append(self._end(arrival))
        self._publish(batch.changes, settled)
        self._call_waiting()

    def _call_waiting(self) -> None:
        """Ops that were brought back and waited for what is here by now are the next to arrive."""
        if self._waiting:
            self._waiting.drop(self._ledger)
            fitting = self._waiting.next(self._ledger, lambda *pair: reads.salts(self._db, [pair]).get(pair, b""))
            if fitting:
                with self._wake:
                    self._arrivals.appendleft(Arrival(fitting, Future()))

    def _end(self, arrival: Arrival, error: BaseException | None = None) -> _Settle:
        """Take an arrival off the list; gives how its future is to be settled."""
        self._arrivals.remove(arrival)
        if error is not None:
            return lambda: arrival.future.set_exception(error)
        return lambda: arrival.future.set_result(arrival.changes)

    def _retry_alone(self, arrivals: Sequence[Arrival], error: BaseException) -> None:
        """One arrival that the machine cannot take must not fail those that came with it."""
        if len(arrivals) > 1:
            for arrival in arrivals:
                self._commit_arrivals([arrival])
            return
        self._end(arrivals[0], _told(error))()

    def _undo(self, mark: Ledger) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")
        self._held.clear()
        self._ledger.put_back(mark)
        self._doubted = True

    def _publish(self, changes: Changes, settled: Sequence[_Settle]) -> None:
        """Tell those who wait first, then the listeners."""
        self._committed(self._ledger)
        for settle in settled:
            settle()
        if changes:
            self._announce(changes)


def _part(tx: Tx, fn: Callable[[Tx], T], future: Future[Written[T]]) -> None:
    """Run a part of an act; raises only where its failure took the whole transaction back, read by somebody or not."""
    try:
        value = tx.nested(fn)
    except Exception as error:
        future.set_exception(error)
        tx.whole()
    else:
        future.set_result(Written(value, replace(tx.seal(), local=True)))


def _told(error: BaseException) -> BaseException:
    fault = machine_fault(error) if isinstance(error, Exception) else None
    if fault is None:
        return error
    fault.__cause__ = error
    return fault
