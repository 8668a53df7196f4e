"""The search index follows the record: an act is on disk first, and its words are indexed once nobody waits.

FTS5 writes a segment of its own in every transaction that gives it words: three pages of the eight a keystroke's commit
would touch, and nearly a third of its time (docs/adr/009-the-index-follows.md). So a commit of an act leaves them, and
a few ops together are indexed here; a page from sync is indexed with it. `meta.searched` names the newest op whose
words are in the index. A search looks through the ops behind it too (`workstation.store.search`): at most
`BEHIND_MOST`, as long as the index can be written at all.
"""

from __future__ import annotations

from typing import Final

from sync.opwire import unpack
from workstation.store.cipher import Connection
from workstation.store.ledger import Ledger
from workstation.store.words import words

BEHIND_MOST: Final = 256
"""Ops the index may be behind once a commit is done: to look through them takes 5 ms."""
STEP_OPS: Final = 64
"""Ops indexed at once between two commits, about 2 ms: an act that comes in meanwhile waits for them."""
_ALL: Final = -1


def index(db: Connection, ledger: Ledger, most: int = STEP_OPS) -> None:
    """Index the next ops, in a transaction of their own. Raises what the machine says, and nothing of it stands."""
    db.execute("begin immediate")
    try:
        newest = _index(db, ledger, most)
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    ledger.indexed = newest


def catch_up(db: Connection, ledger: Ledger) -> None:
    """Index every op behind, in the transaction that is open. Raises what the machine says, and nothing of it stands.

    Where the machine took that whole transaction back, it is open no more.
    """
    db.execute("savepoint follow")
    try:
        newest = _index(db, ledger, _ALL)
        # Else the words would be written by the commit only, and could fail it together with the acts.
        db.execute("insert into search (search) values ('flush')")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback to follow")
            db.execute("release follow")
        raise
    db.execute("release follow")
    ledger.indexed = newest


def _index(db: Connection, ledger: Ledger, most: int) -> int:
    """Put the words of the next ops into the index and say so in the file; gives the newest of them."""
    sql = "select n, entity, raw from op where n > ? order by n limit ?"
    found = db.execute(sql, [ledger.indexed, most]).fetchall()
    if not found:
        return ledger.indexed
    add(db, [(entity << 32 | n, text) for n, entity, raw in found if (text := words(unpack(raw)))])
    newest: int = found[-1][0]
    reached(db, newest)
    return newest


def add(db: Connection, pieces: list[tuple[int, str]]) -> None:
    """Put words into the index under `entity << 32 | op.n`, in the transaction that is open."""
    # A row out of rowid order makes FTS5 flush a segment each time.
    db.executemany("insert into search (rowid, words) values (?,?)", sorted(pieces))


def again(db: Connection) -> None:
    """Fill the empty index from all ops there are, in the transaction that is open."""
    n, most = 0, 1000
    while found := db.execute("select n, entity, raw from op where n > ? order by n limit ?", [n, most]).fetchall():
        add(db, [(entity << 32 | n, text) for n, entity, raw in found if (text := words(unpack(raw)))])
        n = found[-1][0]
    reached(db, n)


def reached(db: Connection, n: int) -> None:
    """Say in the file that the words of all ops up to `n` are in the index, in the transaction that is open."""
    db.execute("insert or replace into meta values ('searched', ?)", [n])
