"""Who a record's file is: its replica, its device key, its epoch; drawn when it is made, and kept in it."""

from __future__ import annotations

from typing import Final

from sync.opwire import unpack
from workstation.domain.hlc import Clock, skewed
from workstation.domain.ids import Ids
from workstation.domain.merge import FOLD_VERSION
from workstation.store.cipher import KEY_BYTES, Connection

EPOCH_BYTES: Final = 16


def identify(db: Connection, replica: int | None, clock: Clock, ids: Ids) -> int:
    """The replica number of this file, and its first facts when it is new; another number comes with another key."""
    kept = dict(db.execute("select k, v from meta where k in ('replica', 'epoch')").fetchall())
    number = replica or kept.get("replica") or ids.replica()
    fresh: dict[str, int | bytes] = {}
    if kept.get("replica") != number:
        fresh |= {"replica": number, "device": ids.secret(KEY_BYTES)}
    if "epoch" not in kept:
        fresh |= {"epoch": ids.secret(EPOCH_BYTES), "created_at": clock.now_ms(), "fold": FOLD_VERSION, "searched": 0}
    if fresh:
        db.execute("begin immediate")
        db.executemany("insert or replace into meta values (?, ?)", fresh.items())
        db.execute("commit")
    return int(number)


def newest_stamp(db: Connection, replica: int, now_ms: int) -> int:
    """The newest stamp seen: the clock goes on from there, whatever the wall says after a restart.

    Of our own ops, and of peers' but those whose clock is wrong: what is written next comes after what it answers.
    """
    sql = """select op.raw from replica join op on op.replica = replica.replica
             and op.seq = (select max(seq) from op where op.replica = replica.replica)"""
    newest = [unpack(raw) for (raw,) in db.execute(sql)]
    return max((op.hlc for op in newest if op.replica == replica or not skewed(op.hlc, now_ms)), default=0)
