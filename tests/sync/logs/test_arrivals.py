"""Many writers at once: arrivals are numbered without a gap, and a reader who goes on by number skips none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sync.hub.log.pg import turn
from sync.protocol import Gap
from tests.store.desks import admitted, desk, desks, opens
from tests.sync.logs.arrivals import Follower
from tests.sync.logs.places import HubLog, Place
from tests.waiting import wait_until
from workstation.domain.ops import Dot
from workstation.store import Store

WRITERS = 6
EACH = 40
PLAIN = "select nextval('plain'), nextval('plain'), roster, hlc, fold from arrival"
"""The turn as a plain sequence would have it: numbers are given at once, and nobody waits for anybody."""


@pytest.mark.promise("S7")
def test_a_reader_who_follows_by_number_skips_nothing_while_many_write_at_once(tmp_path: Path, place: Place) -> None:
    """Six writers; on PostgreSQL each is as a hub process of its own, with its own log and connections."""
    with ExitStack() as stack:
        sources = stack.enter_context(desks(tmp_path, WRITERS))
        log = stack.enter_context(place.open())
        writing = [log] * WRITERS
        if place.kind == "postgres":
            writing = [stack.enter_context(place.open()) for _ in range(WRITERS)]
        for source in sources:
            for n in range(EACH):
                source.write(opens(f"AMB-{source.replica}-{n:04d}")).result(10)
        late = stack.enter_context(desk(tmp_path, 9))
        done = threading.Event()
        with ThreadPoolExecutor(WRITERS + 2) as pool:
            following = pool.submit(_follow, log, done)
            pulling = pool.submit(_pull, log, late, done)
            try:
                for push in [pool.submit(_push, log, source) for log, source in zip(writing, sources, strict=True)]:
                    push.result(60)
            finally:
                done.set()
            follower = following.result(60)
            pulling.result(60)
        assert follower.skipped() == set() and len(follower.dots) == WRITERS * EACH
        assert follower.holes() == [], "what was refused, or failed, took no number"
        wait_until(lambda: log.refresh() or log.vector() == {s.replica: EACH for s in sources}, what="all is known")
        _pull(log, late, done)
        assert late.vector() == log.vector() and late.digest() == log.digest()


def _push(log: HubLog, source: Store) -> None:
    """A desk that pushes a few ops at a time, and now and then too far ahead: that is refused as a whole."""
    ops = admitted(log, source.page({}, 1000))
    for at in range(0, EACH, 4):
        if at % 16 == 0 and at + 8 <= EACH:
            with pytest.raises(Gap):
                log.merge(ops[at + 4 : at + 8]).result(30)
        log.merge(ops[at : at + 4]).result(30)


def _follow(log: HubLog, done: threading.Event) -> Follower:
    follower = Follower(log)
    while not done.is_set():
        follower.step()
    return follower


def _pull(log: HubLog, late: Store, done: threading.Event) -> None:
    """A desk that pulls by vector: it never finds a gap either."""
    while True:
        part = log.page(late.vector(), 7)
        if part:
            late.merge(admitted(late, part)).result(30)
        elif done.is_set():
            return


@contextmanager
def held(database: str, replica: int) -> Iterator[None]:
    """A lock on a chain: whoever commits ops of it hangs in the middle of that until the block is left."""
    with psycopg.connect(database) as connection:
        connection.execute("select 1 from replica where replica = %s for update", [replica])
        yield


def waiting(database: str) -> int:
    """How many sessions there wait for another's transaction."""
    with psycopg.connect(database) as connection:
        sql = """select count(*) from pg_stat_activity where datname = current_database()
                 and cardinality(pg_blocking_pids(pid)) > 0"""
        (count,) = connection.execute(sql).fetchone() or (0,)
        return int(count)


def overtaken(tmp_path: Path, database: str, *, waits: bool) -> tuple[Follower, set[Dot]]:
    """A commit hangs once its numbers were given, another comes after it, and a reader follows; then both go on.

    `waits`: whether the other has to wait for the one that hangs. Gives the reader, and what it skipped.
    """
    place = Place("postgres", tmp_path, database)
    with place.open() as slow, place.open() as quick, desks(tmp_path, 2) as (one, two):
        follower = Follower(slow)
        one.write(opens("AMB-1-0001")).result(10)
        slow.merge(admitted(slow, one.page({}, 10))).result(10)
        one.write(opens("AMB-1-0002")).result(10)
        two.write(opens("AMB-2-0001")).result(10)
        with held(database, 1):
            hanging: Future[Any] = slow.merge(admitted(slow, one.page({1: 1}, 10)))
            wait_until(lambda: waiting(database) == 1, what="the first commit hangs")
            after: Future[Any] = quick.merge(admitted(quick, two.page({}, 10)))
            if waits:
                wait_until(lambda: waiting(database) == 2, what="the other waits for it")
            else:
                after.result(10)
            follower.step()
        hanging.result(10)
        after.result(10)
        return follower, follower.skipped()


@pytest.mark.promise("S7")
def test_a_commit_that_hangs_is_overtaken_by_none(tmp_path: Path, database: str) -> None:
    follower, skipped = overtaken(tmp_path, database, waits=True)
    assert skipped == set() and follower.dots == [(1, 1), (1, 2), (2, 1)] and follower.holes() == []


@pytest.mark.promise("S7")
@pytest.mark.expected_log("holds less than it did")  # numbers that go back are taken for a database that was restored
def test_the_same_check_finds_what_a_plain_sequence_skips(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is worth something: numbers out of a sequence, which look just as good, lose the op that hung."""
    with psycopg.connect(database) as connection:
        connection.execute("create sequence plain increment 100")
    monkeypatch.setattr(turn, "TICKET", PLAIN)
    follower, skipped = overtaken(tmp_path, database, waits=False)
    assert skipped == {(1, 2)} and follower.dots == [(1, 1), (2, 1)]
