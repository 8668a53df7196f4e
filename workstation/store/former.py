"""This desk's earlier replicas: what they wrote and the hub does not have yet is this desk's to send (promises S5, D5).

A record that was restored or recovered goes on under a new replica. What it wrote under the old one is signed with the
old device key when the record is made anew, and travels like any peer's ops; until the hub has it, it is counted and
shown as unsent, as it was before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from workstation.store.batch import Batch
from workstation.store.cipher import Connection

KEPT_AS: Final = "former"
FORMER_SEQ: Final = 1 << 62
"""Stands for "this desk's newest op" on an entity that a former replica wrote on and the hub lacks."""


def load(db: Connection) -> list[int]:
    """The former replicas of which something is still unsent."""
    row = db.execute("select v from meta where k = ?", [KEPT_AS]).fetchone()
    return [int(replica) for replica in json.loads(row[0])] if row else []


def keep(db: Connection, replicas: Iterable[int]) -> None:
    """Note them, in the transaction that is open."""
    db.execute("insert or replace into meta values (?, ?)", [KEPT_AS, json.dumps(sorted(replicas))])


def newest(db: Connection, replica: int) -> int:
    """The newest op of a replica that is here, those that still wait for their forerunners included."""
    sql = """select max(coalesce((select max(seq) from op where replica = ?1), 0),
             coalesce((select max(seq) from waiting where replica = ?1), 0))"""
    return int(db.execute(sql, [replica]).fetchone()[0])


def settle(db: Connection, batch: Batch, vector: Mapping[int, int]) -> bool:
    """Forget the former replicas of which the hub has everything; says whether there were any.

    What they wrote on is from then on where its other ops are.
    """
    there = load(db)
    left = [replica for replica in there if newest(db, replica) > vector.get(replica, 0)]
    if left == there:
        return False
    keep(db, left)
    if not left:
        sql = """select uid, coalesce((select max(seq) from op where entity = entity.id and replica =
                 (select v from meta where k = 'replica')), 0) from entity where own_seq >= ?"""
        touched = []
        for uid, own_seq in db.execute(sql, [FORMER_SEQ]).fetchall():
            held = batch.load([uid])[uid]
            held.own_seq, held.row, held.around = own_seq, None, None
            touched.append(held)
        batch.write(touched)
    return True
