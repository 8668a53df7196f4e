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
    if own not in before and own in vector:  # a copy of this disk wrote, and its ops are still on their way here
        db.execute("insert into replica (replica, acked, desk) values (?, ?, '')", [own, vector[own]])
    low, high = sorted((before.get(own, 0), vector.get(own, 0)))
    return _between(db, own, low, high) if low != high else Changes()


def beside(db: Connection, vector: Vector, own: int) -> Changes:
    """Write down how far another desk has our ops; gives the rows that are on another desk now."""
    row = db.execute("select acked, beside from replica where replica = ?", [own]).fetchone()
    had, now = (max(row) if row else 0), vector.get(own, 0)
    if row is None or now <= had:
        return Changes()
    db.execute("update replica set beside = ? where replica = ?", [now, own])
    return _between(db, own, had, now)


def refused(db: Connection, seq: int, error: str) -> Changes:
    """Write down which of our ops the peer will not take, even alone; its rows say so until it is acknowledged."""
    db.execute("insert or replace into meta (k, v) values ('refused', ?)", [f"{seq} {error}"])
    own = db.execute("select v from meta where k = 'replica'").fetchone()[0]
    return _between(db, own, seq - 1, seq)


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
