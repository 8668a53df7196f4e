"""Folding the whole log again after the meaning of ops has changed: the record stays, its rows are made anew."""

from __future__ import annotations

import logging

from sync.protocol import unpack
from workstation.domain.merge import FOLD_VERSION
from workstation.store import follow
from workstation.store.batch import Batch
from workstation.store.cipher import Connection
from workstation.store.ledger import Ledger
from workstation.store.words import words

log = logging.getLogger("store")
_MADE = ("incident", "link", "offer", "call", "assignment", "person")


def refold(db: Connection, ledger: Ledger, own: int) -> bool:
    """Make states, rows and search anew when they come of another version of the fold; one transaction.

    True when done.
    """
    row = db.execute("select v from meta where k = 'fold'").fetchone()
    if row and row[0] == FOLD_VERSION:
        return False
    log.info("folding %d ops again", ledger.arrival)
    db.execute("begin immediate")
    try:
        for table in _MADE:
            db.execute(f"delete from {table}")  # noqa: S608 - names of this module
        db.execute("insert into search (search) values ('delete-all')")
        _entities(db, ledger, own)
        follow.reached(db, ledger.arrival)
        db.execute("insert or replace into meta values ('fold', ?)", [FOLD_VERSION])
        db.execute("commit")
    except BaseException:
        db.execute("rollback")
        raise
    return True


def _entities(db: Connection, ledger: Ledger, own: int) -> None:
    batch = Batch(db, ledger, own)
    for entity, uid in db.execute("select id, uid from entity order by id").fetchall():
        ops, own_seq, pieces = [], 0, []
        for n, replica, seq, raw in db.execute(
            "select n, replica, seq, raw from op where entity = ? order by n", [entity]
        ):
            op = unpack(raw)
            ops.append(op)
            own_seq = seq if replica == own else own_seq
            if text := words(op):
                pieces.append((entity << 32 | n, text))
        batch.refold(uid, entity, own_seq, ops)
        follow.add(db, pieces)
