"""Tells the desk what happens, in order: first the journal, then every line that is connected.

One thread does it, so that the disk's fsync never holds up an answer to the network.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

import msgspec

from workstation.phone import wire

from .door import Visitor
from .journal import Journal

log = logging.getLogger("tahuri.phone")

JOURNALLED = (wire.Ringing, wire.Answered, wire.Held, wire.Resumed, wire.Ended)


class Herald:
    """Journals and broadcasts. `say`, `welcome` and `ack` may be called from any thread; their order is kept."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._visitors: set[Visitor] = set()
        self._thread = threading.Thread(target=self._run, name="phone-herald", daemon=True)
        self._thread.start()

    def say(self, event: wire.Event) -> None:
        """Tell every line; what belongs to a call is on disk before."""
        self._work.put(lambda: self._tell(event))

    def welcome(self, visitor: Visitor, hello: wire.Hello, news: bool = True) -> None:
        """Tell a line how things stand; with `news` also what is not acknowledged, and from then on everything."""

        def act() -> None:
            hello_now = msgspec.structs.replace(hello, upto=self._journal.last)
            visitor.tell(wire.pack(hello_now))
            if news:
                for event in self._journal.pending():
                    visitor.tell(wire.pack(event))
                self._visitors.add(visitor)

        self._work.put(act)

    def only(self, visitor: Visitor, event: wire.Event) -> None:
        """Tell one line what isn't journalled."""
        self._work.put(lambda: visitor.tell(wire.pack(event)))

    def farewell(self, visitor: Visitor) -> None:
        self._work.put(lambda: self._visitors.discard(visitor))

    def ack(self, n: int) -> None:
        self._work.put(lambda: self._journal.ack(n))

    def close(self) -> None:
        """Do what is waiting, then end."""
        self._work.put(None)
        self._thread.join(5)

    def _tell(self, event: wire.Event) -> None:
        if isinstance(event, JOURNALLED):
            event = self._journal.append(event)
        frame = wire.pack(event)
        for visitor in [v for v in self._visitors if not v.closed.is_set()]:
            visitor.tell(frame)

    def _run(self) -> None:
        while (act := self._work.get()) is not None:
            try:
                act()
            except Exception:
                log.exception("an event was not told")
