"""Reads on an open database that need more than a row: pages for sync, digests, states, and the proof of the chains."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from sync.attachments.sealed import sealed_size
from sync.opwire import GENESIS, ProtocolError, next_head, parse, unpack
from sync.protocol import Stored, Vector
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import Dot, Op
from workstation.domain.rights import ROSTER
from workstation.store import former
from workstation.store.cipher import Connection
from workstation.store.database import looked_into
from workstation.store.ledger import REACHED
from workstation.store.rows import select_in
from workstation.store.states import digest_of, unpack_state

T = TypeVar("T")
PAGE_BYTES: Final = 1 << 20
"""Most bytes of ops in a page; a page has at least one op."""
_PIECE: Final = 250
"""Ops read at once: of the longest, more of them would take up memory for nothing."""
_NEVER: Final = (1 << 63) - 1
"""A seq no op is beyond."""


Seal = Callable[[int, int, bytes], bytes]
"""The signature of this log's own device over (replica, seq, head)."""


def page(
    db: Connection, vector: Vector, limit: int, own: int, seal: Seal, replicas: Collection[int] | None = None
) -> list[Stored]:
    """Ops the vector lacks, in the order they arrived here, about `limit` of them and `PAGE_BYTES`.

    It ends where every replica's run is sealed (promise S11): our own anywhere, by `seal`; another's where its device
    signed it, for which a run may be longer than asked for.
    """
    rows = _lacking(db, vector, limit, replicas)
    if not rows:
        return []
    whole = _sealed_part(rows, own)
    if not whole:
        whole = _first_run(db, rows[0][0], rows[0][1])
    last = max((at for at, row in enumerate(whole) if row[0] == own), default=-1)
    return [
        Stored(replica, seq, raw, seal(replica, seq, head) if at == last else kept or b"")
        for at, (replica, seq, raw, head, kept) in enumerate(whole)
    ]


_Row = tuple[int, int, bytes, bytes, bytes | None]
"""replica, seq, raw, head, seal of an op."""


def _sealed_part(rows: list[_Row], own: int) -> list[_Row]:
    """The rows up to the last at which no replica is in the middle of a run."""
    unsealed: set[int] = set()
    end = 0
    for at, (replica, _, _, _, seal) in enumerate(rows):
        if replica != own:
            (unsealed.discard if seal else unsealed.add)(replica)
        if not unsealed:
            end = at + 1
    return rows[:end]


def _first_run(db: Connection, replica: int, seq: int) -> list[_Row]:
    """The whole of one run: it came in one frame, so it fits one."""
    sql = """select replica, seq, raw, head, seal from op where replica = ? and seq >= ? and seq <=
             (select min(seq) from op where replica = ? and seq >= ? and seal is not null) order by seq"""
    return db.execute(sql, [replica, seq, replica, seq]).fetchall()


def _lacking(db: Connection, vector: Vector, limit: int, replicas: Collection[int] | None) -> list[_Row]:
    behind = [
        (replica, have)
        for replica, seq, _ in db.execute(REACHED)
        if (have := vector.get(replica, 0)) < seq and (replicas is None or replica in replicas)
    ]
    if not behind:
        return []
    values = ",".join(f"({replica:d},{have + 1:d})" for replica, have in behind)
    sql = f"""with next (replica, seq) as (values {values}) select min(op.n) from next cross join op
        where op.replica = next.replica and op.seq = next.seq"""  # noqa: S608
    n = db.execute(sql).fetchone()[0]
    # A look at each op from there on: joined with what is lacking, all of that would be sorted for every page.
    lacking = " ".join(f"when {replica:d} then {have:d}" for replica, have in behind)
    sql = f"""select op.replica, op.seq, op.raw, op.head, op.seal, op.n from op where op.n >= ?
        and op.seq > case op.replica {lacking} else {_NEVER} end order by op.n limit ?"""  # noqa: S608
    found: list[_Row] = []
    size = 0
    while len(found) < limit:
        some = min(_PIECE, limit - len(found))
        piece = db.execute(sql, [n, some]).fetchall()
        for row in piece:
            size += len(row[2])
            if found and size > PAGE_BYTES:
                return found
            found.append(row[:5])
        if len(piece) < some:
            break
        n = piece[-1][5] + 1
    return found


def roster(db: Connection) -> list[tuple[bytes, bytes]]:
    """The ops that say who may do what and which devices there are, in order of arrival, each with its salt."""
    sql = "select op.replica, op.raw, entity.state from signed join op on op.n = signed.n join entity on " \
          "entity.id = signed.entity where signed.kind in ({}) order by signed.n"  # fmt: skip
    kinds = sorted(ROSTER)
    rows = db.execute(sql.format(",".join("?" * len(kinds))), kinds)
    return [(raw, unpack_state(state).salt(replica)) for replica, raw, state in rows]


def salts(db: Connection, wanted: Iterable[tuple[int, Uid]]) -> dict[tuple[int, Uid], bytes]:
    """What replicas hid their ops' bodies with, for these (replica, entity) pairs, as far as it is known here."""
    pairs = set(wanted)
    kept = states(db, [uid for uid in {uid for _, uid in pairs}])
    return {(r, uid): salt for r, uid in pairs if uid in kept and (salt := kept[uid].salt(r))}


def heads_at(db: Connection, wanted: Mapping[int, Collection[int]]) -> dict[int, dict[int, bytes]]:
    """The hash of each replica's chain at these seqs, those that are not here left out."""
    found: dict[int, dict[int, bytes]] = {}
    for replica, seqs in wanted.items():
        for seq in seqs:
            row = db.execute("select head from op where replica = ? and seq = ?", [replica, seq]).fetchone()
            if row is not None:
                found.setdefault(replica, {})[seq] = bytes(row[0])
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


def kept(db: Connection, name: str) -> bytes | None:
    """A value that is kept beside the record, None where there is none."""
    row = db.execute("select v from meta where k = ?", [name]).fetchone()
    return bytes(row[0]) if row else None


def former_acked(db: Connection) -> dict[int, int]:
    """How far the hub has what this desk wrote under former replicas, while something of it is unsent."""
    replicas = former.load(db)
    known = acked(db) if replicas else {}
    return {replica: known.get(replica, 0) for replica in replicas}


def unsent(db: Connection, own: int) -> tuple[int, int | None]:
    """How many ops of this desk, former replicas of it included, the hub has not acknowledged, and when the oldest
    was written (ms UTC).
    """
    counted, oldest = 0, []
    for replica in (own, *former.load(db)):
        count, at = _unsent(db, replica)
        counted += count
        oldest += [at] if at is not None else []
    return counted, min(oldest, default=None)


def _unsent(db: Connection, replica: int) -> tuple[int, int | None]:
    row = db.execute("select acked from replica where replica = ?", [replica]).fetchone()
    acked = row[0] if row else 0
    sql = """select coalesce((select max(seq) from op where replica = ?), 0),
             (select at from op where replica = ? and seq = ?),
             (select count(*) from waiting where replica = ? and seq > ?)"""
    newest, at, waiting = db.execute(sql, [replica, replica, acked + 1, replica, acked]).fetchone()
    count = newest - acked
    return max(0, count) + waiting, at if count > 0 else None


def beside(db: Connection, own: int) -> int:
    """How many of this desk's ops the hub has not acknowledged, but another desk has."""
    row = db.execute("select acked, beside from replica where replica = ?", [own]).fetchone()
    return max(0, row[1] - row[0]) if row else 0


class Skewed(Struct, frozen=True):
    """An op whose clock ran further ahead of this machine's, on arrival, than any honest one's (promise M9)."""

    op: Op
    desk: str


def skewed(db: Connection, limit: int = 200) -> list[Skewed]:
    """Ops from skewed clocks, newest first: kept and merged like all others, and shown."""
    sql = """select op.raw, replica.desk from op join replica using (replica)
             where (op.flags & 1) <> 0 and op.flags <> 0 order by op.n desc limit ?"""
    return [Skewed(unpack(raw), desk) for raw, desk in db.execute(sql, [limit])]


def attachments(db: Connection, digests: Collection[bytes], replicas: Collection[int] | None) -> dict[bytes, int]:
    """Which of these digests an op names, of these replicas alone (None = of any), and how long the file is sealed."""
    sql = """select attachment.digest, attachment.size, op.replica from attachment join op on op.entity = attachment.id
             where attachment.digest in ({0}) and op.kind = 'attachment.added'"""
    found: dict[bytes, int] = {}
    for digest, size, replica in select_in(db, sql, digests):
        if replicas is None or replica in replicas:
            found[digest] = max(sealed_size(size), found.get(digest, 0))
    return found


PAUSE_OPS: Final = 1000


def broken_chains(db: Connection, pause: Callable[[], None] = lambda: None) -> dict[int, int]:
    """Replicas whose stored ops do not lead to their stored heads: replica to the first wrong seq (promise M1).

    `pause` is called every `PAUSE_OPS` ops: it may wait, or raise to end the look.
    """
    broken: dict[int, int] = {}
    for (replica,) in db.execute("select distinct replica from op").fetchall():
        head, expected = GENESIS, 1
        hidden: dict[int, bytes] = {}
        sql = "select seq, raw, head, entity from op where replica = ? order by seq"
        for seq, raw, kept, entity in db.execute(sql, [replica]):
            try:
                parsed = parse(raw)
            except ProtocolError:
                broken[replica] = expected
                break
            if parsed.op.salt:
                hidden[entity] = parsed.op.salt
            head = next_head(head, parsed, hidden.get(entity, b""))
            if seq != expected or head != kept:
                broken[replica] = expected
                break
            expected += 1
            if expected % PAUSE_OPS == 0:
                pause()
    return broken
