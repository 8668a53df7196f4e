"""How far the record has travelled: the word on the wire, the outages it lived through, and where each row is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

from msgspec import Struct

from workstation.domain.hlc import Clock
from workstation.domain.rows import Dot, LinkStatus, Sync
from workstation.store import Connection, Store, Tx, reads

KEPT_AS = "outages"
MOST = 200
"""Outages remembered, the newest."""


class LinkWord:
    """The newest word of synchronisation, and the log of outages beside the record.

    `take` is given to the sync worker as its `on_status`; `heard` is told of every word, on the thread that brought it.
    """

    def __init__(self, store: Store, clock: Clock, heard: Callable[[LinkStatus], None] | None = None) -> None:
        self._store, self._clock, self._heard = store, clock, heard
        self._gate = threading.Lock()
        # Until the worker speaks there is no link, and no claim that there is one.
        self._status = LinkStatus("off", clock.now_ms(), None, "", 0, None, None)

    def status(self) -> LinkStatus:
        """Give the newest word."""
        with self._gate:
            return self._status

    def take(self, status: LinkStatus) -> None:
        """Note a word; a change between heard and not heard goes into the outage log."""
        with self._gate:
            before, self._status = self._status, status
        if _cut(before) != _cut(status):
            self._store.write(lambda tx: _note(tx, _cut(status), status.since_at))
        if self._heard is not None:
            self._heard(status)


def _cut(status: LinkStatus) -> bool:
    return status.state in ("down", "refused")


def _note(tx: Tx, cut: bool, at: int) -> None:
    log = json.loads(tx.meta(KEPT_AS, "[]"))
    running = bool(log) and log[-1][1] is None
    if cut and not running:
        log.append([at, None])
    elif not cut and running:
        log[-1][1] = max(at, log[-1][0])
    else:
        return
    tx.set_meta(KEPT_AS, json.dumps(log[-MOST:]))


def outages(db: Connection, from_at: int, to_at: int) -> tuple[tuple[int, int], ...]:
    """Give the outages of a span of time, cut to it; one that still lasts ends with the span."""
    row = db.execute("select v from meta where k = ?", [KEPT_AS]).fetchone()
    found = []
    for start, end in json.loads(row[0]) if row else []:
        begun, over = max(start, from_at), min(to_at if end is None else end, to_at)
        if begun < over:
            found.append((begun, over))
    return tuple(found)


class Travelled(Struct, frozen=True):
    """How far this desk's own ops have come: `own` its replica, `acked` the hub's word on it (0 = never heard).

    `former` is the same of replicas it had before it was restored, while something of theirs is unsent. `beside` is the
    word of another desk. `refused` is the op no peer took when it was sent alone (0 = none), and `why`.
    """

    own: int
    acked: int
    former: Mapping[int, int] = {}
    beside: int = 0
    refused: int = 0
    why: str = ""

    def row(self, own_seq: int, rivals: int = 0) -> Sync:
        """Say where a row is; `own_seq` is this desk's newest op on it. Rival values come before everything."""
        if rivals:
            return Sync.CONFLICT
        if own_seq <= self.acked:
            return Sync.SERVER
        if own_seq == self.refused:
            return Sync.REFUSED
        if own_seq <= self.beside:
            return Sync.BESIDE
        return Sync.QUEUED if self.acked else Sync.LOCAL

    def entry(self, dot: Dot) -> Sync:
        """Say where one op is; another desk's came by way of the hub."""
        if dot[0] in self.former:
            return Sync.SERVER if dot[1] <= self.former[dot[0]] else Sync.QUEUED
        return self.row(dot[1]) if dot[0] == self.own else Sync.SERVER


def travelled(db: Connection) -> Travelled:
    """Ask the record how far its own ops have come."""
    sql = """select meta.v, coalesce(acked, 0), coalesce(beside, 0), (select v from meta where k = 'refused')
             from meta left join replica on replica = meta.v where k = 'replica'"""
    own, acked, beside, refused = db.execute(sql).fetchone()
    seq, _, why = (refused or "0").partition(" ")
    return Travelled(own, acked, reads.former_acked(db), beside, int(seq), why)
