"""What must be so in the end, worked out from the ops alone, in other words than the product's."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from sync.opwire import parse
from tests.simulate.people import Known
from workstation.domain.kinds import KINDS, Effect, upcast
from workstation.domain.merge import LIFE, fold
from workstation.domain.ops import Dot, Op, as_dot
from workstation.store import Store, reads
from workstation.store.schema import VOID
from workstation.store.states import pack_state

_OWN: Final = {"id", "own_seq"}
"""Columns of face rows that are each record's own."""
_FACES: Final = ("incident", "link", "offer", "call", "assignment", "person")


class Record:
    """One record read from outside: its ops in order of arrival, those without effect, and its rows."""

    def __init__(self, store: Store) -> None:
        self.store = store
        sql = "select op.raw, op.flags, op.head from op order by n"
        rows = store.read(lambda db: db.execute(sql).fetchall()).result()
        self.ops: list[Op] = [parse(raw).op for raw, _, _ in rows]
        self.void: set[Dot] = {op.dot for op, (_, flags, _) in zip(self.ops, rows, strict=True) if flags & VOID}
        self.heads: dict[Dot, bytes] = {op.dot: head for op, (_, _, head) in zip(self.ops, rows, strict=True)}

    def faces(self) -> dict[str, list[Any]]:
        """The rows of the screen, without what is each desk's own, in an order of their values."""
        return {table: sorted(self.store.read(lambda db, t=table: _rows(db, t)).result()) for table in _FACES}


def _rows(db: Any, table: str) -> list[str]:
    cursor = db.execute(f"select * from {table}")
    names = [column[0] for column in cursor.description]
    return [repr([(n, v) for n, v in zip(names, row, strict=True) if n not in _OWN]) for row in cursor]


def states_follow_from_ops(record: Record, rng: Random) -> list[str]:
    """The states on disk are those of the same ops in any other order (M8)."""
    ops = list(record.ops)
    rng.shuffle(ops)
    folded = fold(op for op in ops if op.dot not in record.void)
    wrong = []
    for op in record.ops:
        if op.dot in record.void and op.salt:
            folded.setdefault(op.entity, type(next(iter(folded.values())))()).keep_salt(op)
    for uid, state in folded.items():
        kept = record.store.read(lambda db, u=uid: reads.state(db, u)).result()
        if kept is None or pack_state(kept) != pack_state(state):
            wrong.append(f"the state of {uid.hex()} does not follow from its ops")
    return wrong


def rivals_are_kept(record: Record) -> list[str]:
    """Live are the writes nobody replaced, all of them, and nothing else (M3, M4)."""
    writes: dict[tuple[bytes, str], dict[Dot, Any]] = {}
    replaced: dict[tuple[bytes, str], set[Dot]] = {}
    for op in record.ops:
        if op.dot in record.void or op.erased:
            continue
        for name, value, seen in _writes(upcast(op)):
            writes.setdefault((op.entity, name), {})[op.dot] = value
            replaced.setdefault((op.entity, name), set()).update(seen - {op.dot})
    wrong = []
    for (entity, name), made in writes.items():
        expected = {dot: value for dot, value in made.items() if dot not in replaced[entity, name]}
        state = record.store.read(lambda db, e=entity: reads.state(db, e)).result()
        live = {write.dot: write.value for write in state.live(name)} if state else {}
        if live != expected:
            wrong.append(f"{name} of {entity.hex()}: live are {live}, unreplaced are {expected}")
    return wrong


def _writes(op: Op) -> list[tuple[str, Any, set[Dot]]]:
    kind = KINDS.get(op.kind)
    if kind is None:
        return []
    if kind.effect is Effect.LIFE:
        return [(LIFE, op.kind, {dot for item in op.body.get("seen", ()) if (dot := as_dot(item))})]
    if kind.effect is not Effect.SET:
        return []
    return [(n, v, {dot for item in seen if (dot := as_dot(item))}) for n, (v, seen) in op.body["set"].items()]


def void_stays_void(record: Record, known: Known) -> list[str]:
    """What nobody with the right signed has no effect (S10)."""
    return [f"{dot} counts, and nobody with the right signed it" for dot, head in known.void.items()
            if record.heads.get(dot) == head and dot not in record.void]  # fmt: skip


def erased_is_gone(record: Record) -> list[str]:
    """No body of an entity that retention took is there, whenever it came (M2)."""
    orders = [op for op in record.ops if op.kind == "record.erased" and not op.erased and op.dot not in record.void]
    gone = {uid for op in orders for uid in op.body["entities"]}
    return [f"{op.dot} has its body, and {op.entity.hex()} is erased" for op in record.ops
            if op.entity in gone and not op.erased]  # fmt: skip


def chains_hold(record: Record) -> list[str]:
    """The ops lead to the heads that are kept beside them (M1)."""
    broken = record.store.read(reads.broken_chains).result()
    return [f"the chain of {replica} breaks at {seq}" for replica, seq in broken.items()]


def stamps_are_causal(record: Record) -> list[str]:
    """Ops of a replica are stamped in their order, but where its clock was put right by more than the bound (M9)."""
    last: dict[int, Op] = {}
    wrong = []
    for op in record.ops:
        before = last.get(op.replica)
        if before is not None and op.hlc <= before.hlc and (before.hlc >> 16) <= op.at + 60_000:
            wrong.append(f"{op.dot} is stamped before {before.dot}")
        last[op.replica] = op
    return wrong


def delivery_is_causal(record: Record, forked: set[int]) -> list[str]:
    """No op came before one that it names: a reply never before its note (S3).

    An op of a `forked` replica that is named may be one of two, and only the other be here.
    """
    at = {op.dot: n for n, op in enumerate(record.ops)}
    wrong = []
    for n, op in enumerate(record.ops):
        if any(at.get(dot, 0) > n for dot in _named(op) if dot[0] not in forked):
            wrong.append(f"{op.dot} came before what it names")
    return wrong


def _named(op: Op) -> list[Dot]:
    named = [op.body.get("entry"), *op.body.get("seen", ()), *op.body.get("casualties", ()), *op.body.get("after", ())]
    for pair in op.body.get("set", {}).values():
        named += pair[1]
    return [dot for item in named if (dot := as_dot(item))]


def closes_cascade(record: Record) -> list[str]:
    """An incident that counts as another is not open by itself, and has that one's end (M6)."""
    sql = """select one.number, one.status, one.open, one.closed_at, head.closed_at from incident one
             join incident head on head.uid = one.head where one.head <> one.uid"""
    rows = record.store.read(lambda db: db.execute(sql).fetchall()).result()
    return [
        f"{number} counts as another and is {status}, closed {closed}, not {end}"
        for number, status, open_, closed, end in rows
        if open_ or status != ("duplicate" if end is None else "closed")
    ]
