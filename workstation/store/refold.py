"""Folding the whole log again after the meaning of ops has changed: the record stays, its rows are made anew."""

from __future__ import annotations

import logging
from typing import Final

from workstation.domain.merge import FOLD_VERSION
from workstation.store import follow
from workstation.store.authority import Authority
from workstation.store.batch import Batch
from workstation.store.cipher import Connection
from workstation.store.former import FORMER_SEQ
from workstation.store.held import Held
from workstation.store.ledger import Ledger

log = logging.getLogger("store")
MADE: Final = (
    "incident", "link", "offer", "call", "assignment", "person", "attachment", "hold", "hold_on", "erasure",
    "erasure_of",
)  # fmt: skip
"""Tables that are made from states."""
_TOGETHER: Final = 200


def refold(db: Connection, ledger: Ledger, own: int, authority: Authority) -> bool:
    """Make states, rows and search anew when they come of another version of the fold; one transaction.

    True when done.
    """
    row = db.execute("select v from meta where k = 'fold'").fetchone()
    if row and row[0] == FOLD_VERSION:
        return False
    log.info("folding %d ops again", ledger.arrival)
    db.execute("begin immediate")
    try:
        for table in MADE:
            db.execute(f"delete from {table}")  # noqa: S608 - names of this module
        db.execute("insert into search (search) values ('delete-all')")
        refold_entities(db, own, Batch(db, ledger, own, authority, {}))
        follow.again(db)
        db.execute("insert or replace into meta values ('fold', ?)", [FOLD_VERSION])
        db.execute("commit")
    except BaseException:
        db.execute("rollback")
        raise
    return True


def refold_entities(db: Connection, own: int, batch: Batch) -> None:
    """Make the states and rows of all entities anew. Salts are kept throughout: they say which signatures count."""
    sql = "select (select max(seq) from op where replica = ? and entity = entity.id), uid from entity order by id"
    waiting: list[Held] = []
    for own_seq, uid in db.execute(sql, [own]).fetchall():
        entity = batch.load([uid])[uid]
        entity.was = None
        if entity.own_seq < FORMER_SEQ:
            entity.own_seq = own_seq or 0
        batch.refold(entity)
        waiting.append(entity)
        if len(waiting) == _TOGETHER:
            batch.write(waiting)
            waiting.clear()
            batch.forget()
    batch.write(waiting)
    batch.reconsider()
