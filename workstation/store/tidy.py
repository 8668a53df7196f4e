"""What keeps the file in shape while nobody waits: the search index brought up and merged, and checkpoints.

FTS5 merging by itself stalls a commit by up to 190 ms, and a checkpoint inside a commit by 50; so both are done here.
A second connection on its own thread copies WAL pages back without blocking the writer (PASSIVE), but alone that
never lets the WAL start over under load: past `WAL_MOST` the writer does it between two commits (RESTART), with
little left to copy by then.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from workstation.store import follow
from workstation.store.cipher import Connection, connect, dbapi2
from workstation.store.ledger import Ledger

log = logging.getLogger("store")

PAGE_BYTES: Final = 4096
WAL_MOST: Final = 64 << 20
"""The WAL is made to start over beyond this, bytes."""
COMMITS_SOME: Final = 64
"""The WAL is copied back every so many commits; where that catches up, it starts over by itself."""
SEGMENTS_SOME: Final = 4
"""FTS5 merges a level from four segments on."""
SEGMENTS_MOST: Final = 48
MERGE_PAGES: Final = 16
"""How much one merge step writes: about 4 ms."""


class Checkpointer:
    """A thread with a connection of its own, which copies WAL pages into the file when asked."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.pages = 0
        """How many pages the WAL held at the last look."""
        self._asked = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, args=(path, key), name="store-checkpoint", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Begin as soon as possible; returns at once."""
        self._asked.set()

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._closing = True
        self._asked.set()
        self._thread.join()

    def _run(self, path: Path, key: bytes | None) -> None:
        connection = None
        try:
            while self._asked.wait() and not self._closing:
                self._asked.clear()
                try:
                    if connection is None:
                        connection = connect(path, key)
                    _, self.pages, _ = connection.execute("pragma wal_checkpoint(passive)").fetchone()
                except dbapi2.DatabaseError as error:
                    log.warning("checkpoint put off: %s", error)
        finally:
            if connection is not None:
                connection.close()


class Tidy:
    """Decides what is to be tidied and does one bounded step at a time, on the writer's thread."""

    def __init__(self, db: Connection, checkpointer: Checkpointer, ledger: Ledger) -> None:
        self._connection = db
        self._ledger = ledger
        self._checkpointer = checkpointer
        self._segments = SEGMENTS_SOME
        self._commits = 0
        self._put_off = False
        self._lagging = self._behind > follow.BEHIND_MOST
        self._scrubbing = False

    def scrub(self, erased: bool) -> None:
        """Where bodies were erased, empty the log of the file soon: it still has the pages as they were."""
        self._scrubbing = self._scrubbing or erased

    def note_commit(self, *, indexed: bool = False) -> None:
        """One more commit is in the WAL and, where words went into the index with it, one more segment there."""
        self._put_off = False
        self._segments += indexed
        self._commits += 1
        if self._commits >= COMMITS_SOME:
            self._commits = 0
            self._checkpointer.ask()

    def keep_up(self) -> None:
        """In a transaction about to be committed: what would be too far behind the index goes into it at once.

        All of it in one segment, so that it is dear neither for an act of many ops nor for many acts at once. An index
        that cannot be written stops no act: from then on it follows by steps alone, a bounded one after each commit.
        """
        if self._lagging or self._behind <= follow.BEHIND_MOST:
            return
        try:
            follow.catch_up(self._connection, self._ledger)
        except dbapi2.DatabaseError as error:
            self._lagging = True
            log.warning("the search index is left behind: %s", error)
            if not self._connection.in_transaction:
                raise

    @property
    def wanted(self) -> bool:
        """Whether idle time could be used."""
        return not self._put_off and (self._scrubbing or self._behind > 0 or self._segments >= SEGMENTS_SOME)

    @property
    def pressing(self) -> bool:
        """Whether it can't wait for idle time; the index from half of what it may be behind, so that no act waits."""
        late = self._behind > follow.BEHIND_MOST // 2 or self._segments > SEGMENTS_MOST or self._wal_full
        return late and not self._put_off

    def step(self) -> None:
        """One bounded step; a failure is told in the log and tried again after the next commit."""
        try:
            if self._scrubbing:
                self._empty_wal()
            elif self._wal_full:
                self._restart_wal()
            elif self._behind > 0:
                follow.index(self._connection, self._ledger)
                self._segments += 1
                self._lagging = self._behind > follow.BEHIND_MOST
            elif self._segments >= SEGMENTS_SOME:
                self._merge_search()
        except dbapi2.DatabaseError as error:
            self._put_off = True
            log.warning("tidying put off: %s", error)

    def _merge_search(self) -> None:
        before = self._changes()
        self._connection.execute("insert into search (search, rank) values ('merge', ?)", [MERGE_PAGES])
        if self._changes() - before < 2:  # FTS5's own sign that nothing was left to merge
            self._segments = 0
        else:
            self._segments = max(SEGMENTS_SOME, self._segments - 4)

    def _changes(self) -> int:
        return int(self._connection.execute("select total_changes()").fetchone()[0])

    def _empty_wal(self) -> None:
        """Copy the WAL back and cut it to nothing; a reader that still needs it is waited for another time."""
        self._connection.execute("pragma busy_timeout = 50")
        try:
            busy, _, _ = self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        finally:
            self._connection.execute("pragma busy_timeout = 5000")
        self._scrubbing = bool(busy)

    def _restart_wal(self) -> None:
        self._connection.execute("pragma busy_timeout = 50")
        try:
            self._connection.execute("pragma wal_checkpoint(restart)").fetchone()
        finally:
            self._connection.execute("pragma busy_timeout = 5000")
        self._checkpointer.pages = 0  # where a long reader held it back, the next look says so

    @property
    def _behind(self) -> int:
        """Ops whose words the search index lacks."""
        return self._ledger.arrival - self._ledger.indexed

    @property
    def _wal_full(self) -> bool:
        return self._checkpointer.pages * PAGE_BYTES > WAL_MOST
