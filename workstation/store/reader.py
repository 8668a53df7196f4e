"""A reader: one thread, one connection that cannot write, reads in the order they were asked (promise D2)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from workstation.domain.sentence import say
from workstation.store.cipher import Connection
from workstation.store.database import open_for_reading
from workstation.store.errors import StoreClosed, machine_fault

T = TypeVar("T")
_Read = tuple[Callable[[Connection], Any], Future[Any]]


class Reader:
    """Runs reads on its own thread; each sees the record as it was after one commit, whole."""

    def __init__(self, path: Path, key: bytes | None, name: str) -> None:
        self._waiting: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(path, key), name=name, daemon=True)
        self._thread.start()

    def read(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Ask; `result()` raises what `fn` raised, StoreFailed for the machine's fault, StoreClosed after `close`."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                future.set_exception(StoreClosed(say("record.closed")))
            else:
                self._waiting.put((fn, future))
        return future

    def ask(self, fn: Callable[[Connection], T]) -> T:
        """Ask and wait. Not from within a read of this reader."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a read waits for another read of the same thread")
        return self.read(fn).result()

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self, path: Path, key: bytes | None) -> None:
        db: Connection | None = None
        try:
            while (waiting := self._waiting.get()) is not None:
                fn, future = waiting
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    if db is None:
                        db = open_for_reading(path, key)
                    future.set_result(_at_one_moment(db, fn))
                except BaseException as error:
                    future.set_exception(_told(error))
        finally:
            if db is not None:
                db.close()


def _at_one_moment(db: Connection, fn: Callable[[Connection], T]) -> T:
    db.execute("begin")
    try:
        return fn(db)
    finally:
        if db.in_transaction:
            db.execute("rollback")


def _told(error: BaseException) -> BaseException:
    fault = machine_fault(error) if isinstance(error, Exception) else None
    if fault is None:
        return error
    fault.__cause__ = error
    return fault
