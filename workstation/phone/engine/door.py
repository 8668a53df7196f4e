"""Where the desk's line comes in: a local socket with an auth key. A screen that stalls or dies never holds up a call.

Every connection has a thread that reads and one that writes; what a stalled screen doesn't take piles up to a bound,
then the connection is closed and the journal says it all again on the next one.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any

import msgspec

from workstation.phone import meeting, wire

log = logging.getLogger("tahuri.phone")

WAITING_MOST = 2000
LINES_MOST = 8


class Visitor:
    """One line that is connected."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._out: queue.Queue[bytes | None] = queue.Queue(WAITING_MOST)
        self.closed = threading.Event()

    def tell(self, frame: bytes) -> None:
        """Queue a frame; never blocks."""
        try:
            self._out.put_nowait(frame)
        except queue.Full:
            log.warning("the screen takes no news: its connection is closed, the journal keeps them")
            self.close()

    def write_all(self) -> None:
        with contextlib.suppress(OSError):
            while (frame := self._out.get()) is not None:
                self._connection.send_bytes(frame)
        self.close()

    def close(self) -> None:
        """Idempotent; wakes both threads."""
        if not self.closed.is_set():
            self.closed.set()
            with contextlib.suppress(queue.Full):
                self._out.put_nowait(None)
            meeting.shut(self._connection)


class Door:
    """Listens for lines. `came`, `said` and `left` are called on threads of the door."""

    def __init__(
        self,
        address: str,
        key: bytes,
        came: Callable[[Visitor], None],
        said: Callable[[Visitor, wire.Command], None],
        left: Callable[[Visitor], None],
    ) -> None:
        self._key, self._came, self._said, self._left = key, came, said, left
        self._listener = Listener(address)
        self._visitors: set[Visitor] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._accepting = threading.Thread(target=self._accept, name="phone-door", daemon=True)
        self._accepting.start()

    @property
    def visitors(self) -> int:
        return len(self._visitors)

    def close(self) -> None:
        """Close every connection and the socket; waits for the threads."""
        self._closing = True
        address = self._listener.address
        with contextlib.suppress(OSError, EOFError):
            Client(address).close()  # the one way to wake accept() on every system
        self._accepting.join(2)
        self._listener.close()
        with self._lock:
            visitors, threads = list(self._visitors), list(self._threads)
        for visitor in visitors:
            visitor.close()
        for thread in threads:
            thread.join(1)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError) as error:
                if not self._closing:
                    log.warning("a line could not come in: %s", error)
                continue
            if self._closing or len(self._threads) >= 2 * LINES_MOST:
                connection.close()
                continue
            self._thread(partial(self._serve, connection), "phone-line")

    def _thread(self, run: Callable[[], None], name: str) -> None:
        def whole() -> None:
            try:
                run()
            except Exception:
                log.exception("a line ended in a fault")
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=whole, name=name, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _serve(self, connection: Connection[Any, Any]) -> None:
        try:
            # Not in accept(): a stranger that says nothing would keep the desk's own line out.
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        except Exception as error:
            log.warning("a line without the key was turned away: %s", type(error).__name__)
            connection.close()
            return
        visitor = Visitor(connection)
        with self._lock:
            self._visitors.add(visitor)
        self._thread(visitor.write_all, "phone-line-out")
        try:
            self._came(visitor)
            self._listen(visitor, connection)
        finally:
            visitor.close()
            with self._lock:
                self._visitors.discard(visitor)
            connection.close()
            self._left(visitor)

    def _listen(self, visitor: Visitor, connection: Connection[Any, Any]) -> None:
        while not visitor.closed.is_set():
            try:
                frame = connection.recv_bytes(wire.FRAME_MOST)
            except (OSError, EOFError):
                return
            try:
                command = wire.read_command(frame)
            except msgspec.DecodeError as error:
                log.warning("a command can't be read: %s", error)
                continue
            self._said(visitor, command)
