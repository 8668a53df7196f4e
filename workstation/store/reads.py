"""Reads on an open database that need more than a row: pages for sync, digests, states, and the proof of the chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from sync.protocol import GENESIS, Stored, Vector, chained, unpack
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import Dot, Op
from workstation.store.cipher import Connection
from workstation.store.database import looked_into
from workstation.store.ledger import REACHED
from workstation.store.states import digest_of, unpack_state

T = TypeVar("T")
PAGE_BYTES: Final = 1 << 20
"""Most bytes of ops in a page; a page has at least one op."""


def page(db: Connection, vector: Vector, limit: int) -> list[Stored]:
    """Ops the vector lacks, in the order they arrived here, at most `limit` and about `PAGE_BYTES`."""
    behind = []
    first = None
    for replica, seq, _ in db.execute(REACHED):
        have = vector.get(replica, 0)
        if have >= seq:
            continue
        behind.append((replica, have))
        sql = "select n from op where replica = ? and seq = ?"
        n = db.execute(sql, [replica, have + 1]).fetchone()[0]
        first = n if first is None else min(first, n)
    if first is None:
        return []
    values = ",".join(f"({replica:d},{have:d})" for replica, have in behind)
    sql = f"""with behind (replica, have) as (values {values})
        select op.replica, op.seq, op.raw, op.head from op cross join behind
        on behind.replica = op.replica and op.seq > behind.have where op.n >= ? order by op.n limit ?"""  # noqa: S608
    found: list[Stored] = []
    size = 0
    for row in db.execute(sql, [first, limit]):
        size += len(row[2])
        if found and size > PAGE_BYTES:
            break
        found.append(Stored(*row))
    return found


def digest(db: Connection) -> bytes:
    """sha256 over the canonical state of every entity, ordered by uid: equal op sets, equal digests."""
    return digest_of(db.execute("select uid, state from entity order by uid"))


def read_digest(path: Path, key: bytes | None) -> bytes:
    """The digest of a file that another process may have open for writing; key None = a plain file.

    Raises StoreRefused for a file this program would not open, StoreFailed where the machine cannot read it.
    """
    return _look(path, key, digest)


def read_vector(path: Path, key: bytes | None) -> dict[int, int]:
    """How far each replica's ops are had, of a file that another process may have open for writing.

    Raises as `read_digest` does.
    """
    return _look(path, key, lambda db: {replica: seq for replica, seq, _ in db.execute(REACHED)})


def _look(path: Path, key: bytes | None, fn: Callable[[Connection], T]) -> T:
    """One read of a file that is not this process's own; raises StoreRefused and StoreFailed."""
    with looked_into(path, key) as db:
        return fn(db)


def state(db: Connection, uid: Uid) -> State | None:
    """An entity's state, None when no op speaks of it."""
    row = db.execute("select state from entity where uid = ?", [uid]).fetchone()
    return unpack_state(row[0]) if row else None


def states(db: Connection, uids: Sequence[Uid]) -> dict[Uid, State]:
    """The states of several entities; those no op speaks of are left out."""
    found: dict[Uid, State] = {}
    for start in range(0, len(uids), 500):
        some = list(uids[start : start + 500])
        sql = f"select uid, state from entity where uid in ({','.join('?' * len(some))})"  # noqa: S608
        found.update((uid, unpack_state(packed)) for uid, packed in db.execute(sql, some))
    return found


def ops_of(db: Connection, uid: Uid) -> list[Op]:
    """All ops of an entity in the order they arrived here: its timeline, unknown kinds included."""
    sql = "select op.raw from op join entity on entity.id = op.entity where entity.uid = ? order by op.n"
    return [unpack(row[0]) for row in db.execute(sql, [uid])]


def op(db: Connection, dot: Dot) -> Op | None:
    """One op by its dot, None when it is not here."""
    row = db.execute("select raw from op where replica = ? and seq = ?", list(dot)).fetchone()
    return unpack(row[0]) if row else None


def desks(db: Connection) -> dict[int, str]:
    """What each replica's desk is called, after the newest of its ops that names one."""
    return dict(db.execute("select replica, desk from replica").fetchall())


def acked(db: Connection) -> dict[int, int]:
    """How far the hub has each replica's ops."""
    return dict(db.execute("select replica, acked from replica").fetchall())


def unsent(db: Connection, own: int) -> tuple[int, int | None]:
    """How many of this desk's ops the hub has not acknowledged, and when the oldest was written (ms UTC)."""
    sql = """select (select max(seq) from op where replica = r.replica) - r.acked,
             (select at from op where replica = r.replica and seq = r.acked + 1) from replica r where r.replica = ?"""
    count, oldest = db.execute(sql, [own]).fetchone() or (0, None)
    return (count, oldest) if count > 0 else (0, None)


class Skewed(Struct, frozen=True):
    """An op whose clock ran further ahead of this machine's, on arrival, than any honest one's (promise M9)."""

    op: Op
    desk: str


def skewed(db: Connection, limit: int = 200) -> list[Skewed]:
    """Ops from skewed clocks, newest first: kept and merged like all others, and shown."""
    sql = """select op.raw, replica.desk from op join replica using (replica)
             where op.skewed = 1 order by op.n desc limit ?"""
    return [Skewed(unpack(raw), desk) for raw, desk in db.execute(sql, [limit])]


def broken_chains(db: Connection) -> dict[int, int]:
    """Replicas whose stored ops do not lead to their stored heads: replica to the first wrong seq (promise M1)."""
    broken: dict[int, int] = {}
    for (replica,) in db.execute("select distinct replica from op").fetchall():
        head, expected = GENESIS, 1
        sql = "select seq, raw, head from op where replica = ? order by seq"
        for seq, raw, kept in db.execute(sql, [replica]):
            head = chained(head, raw)
            if seq != expected or head != kept:
                broken[replica] = expected
                break
            expected += 1
    return broken
