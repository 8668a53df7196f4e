"""A record made anew out of what there is of it: copies, a damaged file, a journal (promises D1, D5, S5).

Every op goes through the same chain and the same fold as one from a peer. The new record has a new replica and a new
device key; what the old ones wrote is signed here, once and for all, with the old device's key, and from then on
travels like any peer's ops. An op whose forerunner is in none of the sources waits for it: the hub or a peer has it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from sync.frame import sealing
from sync.opwire import ProtocolError, next_head, parse
from sync.protocol import Admitted
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.recovery import sync_folder
from workstation.signing import Key, verify
from workstation.store import accesslog, former
from workstation.store.authority import Authority
from workstation.store.batch import Batch
from workstation.store.cipher import Connection
from workstation.store.database import open_for_writing
from workstation.store.held import Held
from workstation.store.identity import identify
from workstation.store.ledger import Ledger
from workstation.store.salvage import Row, Source

log = logging.getLogger("store")
_TOGETHER: Final = 500
_RUN: Final = 100
"""Ops between two seals of a former replica: a run fits a frame whatever is in it."""


class Rebuilt(Struct):
    """What came of it: ops in the new record, ops that wait for their forerunners, ops that were no such thing.

    `unsent` is how many of this desk's own the hub had not acknowledged when the sources last heard of it.
    """

    ops: int = 0
    waiting: int = 0
    refused: int = 0
    unsent: int = 0
    replica: int = 0
    formers: list[int] = field(default_factory=list)


def rebuild(
    target: Path, key: bytes | None, rows: Iterable[Row], beside: Iterable[Source], *, clock: Clock, ids: Ids
) -> Rebuilt:
    """Make a record at `target`, where there is none, under `key`; whole and on disk when this returns.

    `rows` are the ops of all sources, one source after the other, each in order of arrival; `beside` what the sources
    say besides, the oldest first. Raises what the machine says; the file is then to be removed.
    """
    sources = list(beside)
    db = open_for_writing(target, key)
    try:
        builder = _Builder(db, sources, clock, ids)
        builder.take(rows)
        told = builder.finish()
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
    finally:
        db.close()
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(target.parent)
    return told


class _Builder:
    def __init__(self, db: Connection, sources: list[Source], clock: Clock, ids: Ids) -> None:
        self._db, self._ids = db, ids
        self._devices = {replica: Key(seed) for source in sources for replica, seed in source.devices.items()}
        self._acked: dict[int, int] = {}
        for source in sources:
            for replica, seq in source.acked.items():
                self._acked[replica] = max(seq, self._acked.get(replica, 0))
        self._own = identify(db, None, clock, ids)
        self._formers = self._keep_beside(sources)
        self._authority = Authority(verify)
        self._authority.load(db)
        self._ledger = Ledger.load(db, self._own)
        self._held: dict[bytes, Held] = {}
        self._early: dict[int, dict[int, list[Row]]] = {}
        self._told = Rebuilt(replica=self._own)

    def _keep_beside(self, sources: list[Source]) -> set[int]:
        """Carry over what lay beside the ops; gives this desk's former replicas."""
        meta: dict[str, Any] = {}
        formers = set(self._devices)
        for source in sources:
            formers |= set(json.loads(source.meta.get(former.KEPT_AS, "[]")))
            meta |= {name: value for name, value in source.meta.items() if name != former.KEPT_AS}
        self._db.execute("begin immediate")
        self._db.executemany("insert or replace into meta values (?, ?)", meta.items())
        # Old copies hold lines again that have gone since.
        since = int(meta.get(accesslog.FROM, 0))
        for source in sources:
            accesslog.add(self._db, (line for line in source.access if line.at >= since))
        self._db.execute("commit")
        return formers

    def take(self, rows: Iterable[Row]) -> None:
        """Take in what fits, a transaction after the other."""
        waiting = iter(rows)
        while some := list(islice(waiting, _TOGETHER)):
            self._db.execute("begin immediate")
            batch = Batch(self._db, self._ledger, self._own, self._authority, self._held, indexing=True)
            for row in some:
                self._one(batch, row)
            batch.flush()
            self._db.execute("commit")

    def _one(self, batch: Batch, row: Row) -> None:
        seq = self._ledger.seq(row.replica)
        if row.seq > seq + 1:
            self._early.setdefault(row.replica, {}).setdefault(row.seq, []).append(row)
        elif row.seq == seq + 1 and self._add(batch, row):
            early = self._early.get(row.replica, {})
            while found := early.pop(self._ledger.seq(row.replica) + 1, []):
                if not any(self._add(batch, one) for one in found):
                    break

    def _add(self, batch: Batch, row: Row) -> bool:
        """Take one op in where it is what its replica wrote next; says whether it is."""
        try:
            parsed = parse(row.raw)
        except ProtocolError:
            self._told.refused += 1
            return False
        op = parsed.op
        state = batch.state(op.entity)
        salt = op.salt or (state.salt(op.replica) if state else b"") or row.salt
        before = self._ledger.head(op.replica)
        if op.dot != (row.replica, row.seq) or next_head(before, parsed, salt) != row.head:
            self._told.refused += 1
            return False
        batch.add(Admitted(op, row.raw, before, row.head, row.seal, salt), skewed=row.skewed)
        if op.replica in self._formers and op.seq > self._acked.get(op.replica, 0):
            batch.load([op.entity])[op.entity].own_seq = former.FORMER_SEQ
        return True

    def finish(self) -> Rebuilt:
        """Sign what the former replicas wrote, keep what waits, and say what came of it."""
        db, told = self._db, self._told
        db.execute("begin immediate")
        told.waiting = self._keep_waiting()
        for replica, device in self._devices.items():
            self._sign("op", replica, device)
            self._sign("waiting", replica, device)
        for replica in self._formers:
            db.execute("insert or ignore into replica (replica, acked, desk) values (?, 0, '')", [replica])
        db.executemany("update replica set acked = ? where replica = ?", [(n, r) for r, n in self._acked.items()])
        unsent = {replica for replica in self._formers if former.newest(db, replica) > self._acked.get(replica, 0)}
        former.keep(db, unsent)
        db.execute("commit")
        told.ops = self._ledger.arrival
        told.formers = sorted(self._formers)
        told.unsent = sum(self._lacking(replica) for replica in unsent)
        return told

    def _keep_waiting(self) -> int:
        kept: Mapping[tuple[int, int], Row] = {
            (replica, seq): rows[-1]
            for replica, early in self._early.items()
            for seq, rows in early.items()
            if seq > self._ledger.seq(replica)
        }
        self._db.executemany(
            "insert into waiting (replica, seq, raw, head, salt, seal) values (?,?,?,?,?,?)",
            [(row.replica, row.seq, row.raw, row.head, row.salt, row.seal) for row in kept.values()],
        )
        return len(kept)

    def _sign(self, table: str, replica: int, device: Key) -> None:
        """Seal a former replica's chain every so many ops and at its end; the old key is not needed after."""
        sql = f"select seq, head, coalesce(seal, x'') from {table} where replica = ? order by seq"  # noqa: S608
        rows = self._db.execute(sql, [replica]).fetchall()
        for at, (seq, head, seal) in enumerate(rows):
            ends = at + 1 == len(rows) or rows[at + 1][0] != seq + 1
            if not seal and (ends or at % _RUN == _RUN - 1):
                made = device.sign(sealing(replica, seq, head))
                self._db.execute(f"update {table} set seal = ? where replica = ? and seq = ?", [made, replica, seq])  # noqa: S608

    def _lacking(self, replica: int) -> int:
        acked = self._acked.get(replica, 0)
        sql = """select (select count(*) from op where replica = ?1 and seq > ?2)
                 + (select count(*) from waiting where replica = ?1 and seq > ?2)"""
        return int(self._db.execute(sql, [replica, acked]).fetchone()[0])
