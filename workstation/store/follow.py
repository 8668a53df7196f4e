"""The search index follows the record: an act is on disk first, and its words are indexed once nobody waits.

FTS5 writes a segment of its own in every transaction that gives it words: three pages of the eight a keystroke's commit
would touch, and two fifths of its time. So a commit of an act leaves them, and a few ops together are indexed here; a
page from sync is indexed with it. `meta.searched` names the newest op whose words are in the index; whoever searches
looks through the ops behind it too, of which there are never many.
"""

from __future__ import annotations

from typing import Final

from sync.protocol import unpack
from workstation.store.cipher import Connection
from workstation.store.ledger import Ledger
from workstation.store.words import words

BEHIND_MOST: Final = 256
"""Ops the index may be behind while somebody works: a search looks through them in 5 ms."""
STEP_OPS: Final = 64
"""Ops indexed at once, about 2 ms: an act that comes in meanwhile waits for them."""


def index(db: Connection, ledger: Ledger, most: int = STEP_OPS) -> None:
    """Index the next ops, in a transaction of their own. Raises what the machine says, and nothing of it stands."""
    sql = "select n, entity, raw from op where n > ? order by n limit ?"
    found = db.execute(sql, [ledger.indexed, most]).fetchall()
    if not found:
        return
    db.execute("begin immediate")
    try:
        add(db, [(entity << 32 | n, text) for n, entity, raw in found if (text := words(unpack(raw)))])
        reached(db, found[-1][0])
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    ledger.indexed = found[-1][0]


def add(db: Connection, pieces: list[tuple[int, str]]) -> None:
    """Put words into the index under `entity << 32 | op.n`, in the transaction that is open."""
    # A row out of rowid order makes FTS5 flush a segment each time.
    db.executemany("insert into search (rowid, words) values (?,?)", sorted(pieces))


def reached(db: Connection, n: int) -> None:
    """Say in the file that the words of all ops up to `n` are in the index, in the transaction that is open."""
    db.execute("insert or replace into meta values ('searched', ?)", [n])
