"""One thing at a time: an event loop on invented time, and writer threads that work only while somebody waits for them.

Everything the product does on threads it still does on its threads; but each is waited for until it rests, so that the
order of all things is the seed's and no scheduler's.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest import mock

from workstation.domain.hlc import LEAD_MS
from workstation.domain.sentence import say
from workstation.store import reader as reader_module
from workstation.store import store as store_module
from workstation.store import writer as writer_module
from workstation.store.cipher import connect
from workstation.store.database import open_for_reading
from workstation.store.errors import StoreClosed
from workstation.store.reader import Reader
from workstation.store.tidy import Checkpointer

T = TypeVar("T")

EPOCH_MS: Final = 1_767_225_600_000
"""The wall clock when a simulation begins, ms UTC."""
_THREAD_MOST_S: Final = 0.02


class Stalled(Exception):
    """Nothing is left that could ever happen."""


class _Selector(selectors.SelectSelector):
    """Waits for nothing: what it would wait for is the next moment something is due, and it is that moment at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stalled
        self.now_s += max(0.0, timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes as soon as nothing is to be done; threads of the pool are turns of it."""

    def __init__(self, rng: Random) -> None:
        self.instant = _Selector()
        self._rng = rng
        super().__init__(self.instant)

    def time(self) -> float:
        return self.instant.now_s

    def _write_to_self(self) -> None:
        return

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Work handed to a thread is done a moment later, while other things go on; its end is told to who waits."""
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_later(self._rng.random() * _THREAD_MOST_S, work)
        return future


class DeskClock:
    """A machine's clocks over the loop's time: `skew_ms` is how far its wall is off."""

    def __init__(self, loop: Loop, skew_ms: int = 0) -> None:
        self._loop, self._skew_ms = loop, skew_ms
        self.latest_ms = self.now_ms()

    def now_ms(self) -> int:
        return EPOCH_MS + self._skew_ms + int(self._loop.time() * 1000)

    def monotonic_s(self) -> float:
        return self._loop.time()

    def set_skew(self, skew_ms: int) -> None:
        """Step the wall clock."""
        self.latest_ms = self.bound_ms() - LEAD_MS
        self._skew_ms = skew_ms

    def bound_ms(self) -> int:
        """The furthest this machine's stamps may ever have been pulled."""
        self.latest_ms = max(self.latest_ms, self.now_ms())
        return self.latest_ms + LEAD_MS


# --- the store's threads
class _Thread(threading.Thread):
    """A writer's thread: when it ends, whoever waits for its rest goes on."""

    baton: Baton | None = None

    def run(self) -> None:
        try:
            super().run()
        finally:
            if self.baton is not None:
                self.baton.end()


class Baton:
    """In place of the writer's condition: who hands over work waits until the writer rests again.

    Tidying in idle time becomes `IDLE_TURNS` turns after each piece of work, while there is something to tidy.
    """

    IDLE_TURNS: Final = 2

    def __init__(self) -> None:
        lock = threading.RLock()
        self._lock = lock
        self._work, self._rest = threading.Condition(lock), threading.Condition(lock)
        self._busy, self._ended, self._handed = True, False, False
        self._idle = 0
        self._owner: threading.Thread | None = None

    def own(self, thread: threading.Thread) -> None:
        self._owner = thread

    def __enter__(self) -> Baton:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._handed and threading.current_thread() is not self._owner:
                self._handed = False
                while self._busy and not self._ended:
                    self._rest.wait()
        finally:
            self._lock.release()

    def notify(self) -> None:
        self._handed = threading.current_thread() is not self._owner
        self._busy = True
        self._idle = 0
        self._work.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """On the writer's thread: there is nothing to be done, or (`timeout`) nothing but tidying."""
        if timeout is not None and self._idle < self.IDLE_TURNS:
            self._idle += 1
            return False
        self._busy = False
        self._rest.notify_all()
        while not self._busy:
            self._work.wait()
        return True

    def end(self) -> None:
        with self._lock:
            self._ended, self._busy = True, False
            self._rest.notify_all()


class _Inline(Checkpointer):
    """Copies WAL pages back in the turn that asks for it."""

    def __init__(self, path: Any, key: bytes | None) -> None:
        self._where, self.pages = (path, key), 0

    def close(self) -> None:
        return

    def ask(self) -> None:
        connection = connect(*self._where)
        try:
            _, self.pages, _ = connection.execute("pragma wal_checkpoint(passive)").fetchone()
        finally:
            connection.close()


class _Asked(Reader):
    """Reads at once, on the thread that asks: each of them would be waited for anyway."""

    def __init__(self, path: Path, key: bytes | None, name: str) -> None:
        self._where, self._db = (path, key), None

    def read(self, fn: Callable[[Any], T]) -> Future[T]:
        future: Future[T] = Future()
        try:
            if self._where is None:
                raise StoreClosed(say("record.closed"))
            if self._db is None:
                self._db = open_for_reading(*self._where)
            future.set_result(reader_module._at_one_moment(self._db, fn))
        except Exception as error:
            future.set_exception(reader_module._told(error))
        return future

    def ask(self, fn: Callable[[Any], T]) -> T:
        return self.read(fn).result()

    def close(self) -> None:
        db, self._db, self._where = self._db, None, None
        if db is not None:
            db.close()


@contextmanager
def by_turns() -> Iterator[None]:
    """While the block runs, stores that are opened work by turns."""
    batons: list[Baton] = []

    def condition() -> Baton:
        batons.append(Baton())
        return batons[-1]

    def thread(**more: Any) -> _Thread:
        made = _Thread(**more)
        made.baton = batons.pop()
        made.baton.own(made)
        return made

    shim = SimpleNamespace(Condition=condition, Thread=thread, current_thread=threading.current_thread)
    with (
        mock.patch.object(writer_module, "threading", shim),
        mock.patch.multiple(store_module, Checkpointer=_Inline, Reader=_Asked),
    ):
        yield
