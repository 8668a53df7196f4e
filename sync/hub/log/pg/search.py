"""The search index follows the ops, one bounded step after another while nobody writes (promise D4).

Inline it would cost more than all the rest of a commit. Every process of the hub has a follower; the row of `follower`
says how far the index has come, and is locked by the one that is making a step, or that takes words away.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import psycopg

from sync.hub.log.pg.connection import Database
from sync.log import LogAway
from sync.opwire import unpack
from workstation.domain.hlc import Clock
from workstation.domain.ids import Uid
from workstation.domain.ops import Op
from workstation.store.words import words

log = logging.getLogger("sync")
STEP_OPS: Final = 256
IDLE_S: Final = 0.3
"""How long nothing must have been written before the index is brought up."""
LATE_OPS: Final = 100_000
"""So far behind it does not wait for idle time any more."""
RETRY_S: Final = 5.0
_WORD: Final = re.compile(r"\w+")
_LETTERS: Final = 64
"""Of a longer word only the beginning is indexed."""
_MINE: Final = "select n from follower where name = 'search' for update skip locked"


class Follower:
    """Brings the index up on a thread and a connection of its own."""

    def __init__(self, connect: Callable[[], Database], clock: Clock) -> None:
        self._connect, self._clock = connect, clock
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._newest = 0
        self._written_s = clock.monotonic_s() - IDLE_S
        self._thread = threading.Thread(target=self._run, name="log-search", daemon=True)
        self._thread.start()

    def follow(self, n: int) -> None:
        """There are ops up to `n`; returns at once."""
        self._newest, self._written_s = n, self._clock.monotonic_s()
        self._wake.set()

    def close(self) -> None:
        """End the thread after the step it is making."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        db: Database | None = None
        try:
            while not self._closing.is_set():
                self._wake.wait()
                self._wake.clear()
                try:
                    if db is None or db.broken:
                        db = self._connect()
                    self._catch_up(db)
                except (LogAway, psycopg.Error) as error:
                    log.info("the search index is brought up later: %s", error.__cause__ or error)
                    if db is not None:
                        db.close()
                    self._later(RETRY_S)
        finally:
            if db is not None:
                db.close()

    def _catch_up(self, db: Database) -> None:
        reached = 0
        while not self._closing.is_set() and reached < self._newest:
            idle_s = self._clock.monotonic_s() - self._written_s
            if idle_s < IDLE_S and self._newest - reached < LATE_OPS:
                self._closing.wait(IDLE_S - idle_s)
                continue
            reached, made = step(db)
            if not made:
                return  # another process has the turn, or all is done

    def _later(self, wait_s: float) -> None:
        self._closing.wait(wait_s)
        self._wake.set()


def step(db: Database, most: int = STEP_OPS) -> tuple[int, int]:
    """Index the next ops in a transaction of their own; gives how far the index has come, and how many ops it took."""
    db.execute("begin")
    try:
        mine = db.execute(_MINE).fetchone()
        reached, made = (mine[0], 0) if mine else (0, 0)
        if mine:
            sql = "select n, entity, raw from op where n > ? order by n limit ?"
            found = db.execute(sql, [reached, most]).fetchall()
            rows = [(n, entity, lexemes) for n, entity, raw in found if (lexemes := of_op(unpack(raw)))]
            if rows:
                db.executemany("insert into search (n, entity, words) values (?, ?, array_to_tsvector(?))", rows)
            if found:
                reached, made = found[-1][0], len(found)
                db.execute("update follower set n = ? where name = 'search'", [reached])
        db.execute("commit")
    except BaseException:
        db.rollback()
        raise
    return reached, made


def find(db: Database, text: str, limit: int) -> list[tuple[Uid, int]]:
    """Entities with an op that has all these words, newest op first; the last word may be a beginning.

    Each hit is the entity's uid and the op's number of arrival.
    """
    asked = lexemes_of(text, ordered=True)
    if not asked:
        return []
    # Letters, digits and the underscore alone are left: nothing of it is an operator.
    query = " & ".join(asked) + ":*"
    sql = """select entity.uid, search.n from search join entity on entity.id = search.entity
             where search.words @@ ?::tsquery order by search.n desc limit ?"""
    return [(uid, n) for uid, n in db.execute(sql, [query, limit]).fetchall()]


def of_op(op: Op) -> list[str]:
    """The words of an op as they are indexed."""
    text = words(op)
    return lexemes_of(text) if text else []


def lexemes_of(text: str, *, ordered: bool = False) -> list[str]:
    """Words without case and accents, as the desk's index has them (FTS5's unicode61, remove_diacritics)."""
    found = [word[:_LETTERS] for word in _WORD.findall(_folded(text))]
    return found if ordered else sorted(set(found))


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))
