"""Noting what the hub has on disk, and which rows of the screen that makes "on the server"."""

from __future__ import annotations

from typing import Final

from sync.protocol import Vector
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.store.cipher import Connection

REPAINT_MOST: Final = 2_000
"""Beyond this many rows at once a screen asks again by itself anyway."""


def acknowledge(db: Connection, vector: Vector, own: int) -> Changes:
    """Write the hub's vector beside each chain; gives the rows of this desk whose standing with the hub changed."""
    before = dict(db.execute("select replica, acked from replica").fetchall())
    rows = [(vector.get(replica, 0), replica) for replica, acked in before.items() if acked != vector.get(replica, 0)]
    db.executemany("update replica set acked = ? where replica = ?", rows)
    low, high = sorted((before.get(own, 0), vector.get(own, 0)))
    return _between(db, own, low, high) if low != high else Changes()


def _between(db: Connection, own: int, low: int, high: int) -> Changes:
    sql = """select distinct entity.uid, entity.type, coalesce(offer.call, assignment.incident)
             from op join entity on entity.id = op.entity left join offer on offer.id = entity.id
             left join assignment on assignment.id = entity.id
             where op.replica = ? and op.seq > ? and op.seq <= ? limit ?"""
    found: dict[str, set[Uid]] = {}
    for uid, kind, over in db.execute(sql, [own, low, high, REPAINT_MOST]):
        found.setdefault(kind, set()).add(uid)
        if over:
            found.setdefault("call" if kind == "offer" else "incident", set()).add(over)
    return Changes(
        offers=frozenset(found.get("offer", ())),
        calls=frozenset(found.get("call", ())),
        incidents=frozenset(found.get("incident", ())),
        assignments=frozenset(found.get("assignment", ())),
        people=frozenset(found.get("person", ())),
    )
