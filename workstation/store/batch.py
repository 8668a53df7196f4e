"""Ops on their way into the record within one transaction: folded in memory, then written as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, field

from sync.protocol import chained
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import Op, as_text
from workstation.store import follow
from workstation.store.cipher import Connection
from workstation.store.ledger import Ledger
from workstation.store.projection import Projection
from workstation.store.states import pack_state, unpack_state
from workstation.store.words import words

HELD_MOST: Final = 256
"""Entities kept in memory between transactions: those being typed in, and their neighbours."""


class Held(Struct):
    """An entity while it is worked on.

    `was` is the type its rows are kept under, None before it has any; `row` its row as last written.
    """

    id: int
    uid: Uid
    state: State
    own_seq: int = 0
    was: str | None = None
    row: tuple[Any, ...] | None = None


class _Pending(Struct):
    ops: list[tuple[int, int, int, int, str, int, int, bytes, bytes]] = field(default_factory=list)
    words: list[tuple[int, str]] = field(default_factory=list)
    touched: dict[Uid, Held] = field(default_factory=dict)
    replicas: dict[int, str] = field(default_factory=dict)


class Batch:
    """One transaction's ops. `add` folds, `flush` writes; `own` is this store's replica, whose ops wait to be sent.

    `indexing` writes the words of the ops into the search index too, as far as it has followed up to here.

    `held` are entities as they are on disk, kept from one transaction to the next by the only thread that writes; they
    must be forgotten whenever a transaction is taken back.
    """

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        own: int,
        held: dict[Uid, Held] | None = None,
        *,
        indexing: bool = False,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._own = own
        self._indexing = indexing and ledger.indexed == ledger.arrival
        self._held: dict[Uid, Held] = {} if held is None else held
        if len(self._held) > HELD_MOST:
            self._held.clear()
        self._pending = _Pending()
        self._projection = Projection(connection, self._held)
        self.changes = Changes()

    def state(self, uid: Uid) -> State | None:
        """An entity's state with everything added so far, None when no op speaks of it."""
        held = self._held.get(uid) or self._load([uid]).get(uid)
        return held.state if held else None

    def load(self, uids: Iterable[Uid]) -> None:
        """Fetch many entities in few statements, before `add` would fetch them one by one."""
        wanted = [uid for uid in set(uids) if uid not in self._held]
        for start in range(0, len(wanted), 200):
            self._load(wanted[start : start + 200])

    def add(self, op: Op, raw: bytes, *, skewed: bool) -> None:
        """Take one op in: the next of its replica, by the caller's care."""
        held = self._held.get(op.entity) or self._load([op.entity]).get(op.entity) or self._new(op.entity)
        ledger, pending = self._ledger, self._pending
        head = chained(ledger.head(op.replica), raw)
        ledger.vector[op.replica], ledger.heads[op.replica] = op.seq, head
        ledger.arrival += 1
        row = (ledger.arrival, op.replica, op.seq, held.id, op.kind, op.at, int(skewed), raw, head)
        pending.ops.append(row)
        if self._indexing and (text := words(op)):
            pending.words.append((held.id << 32 | ledger.arrival, text))
        held.state.apply(op)
        if op.replica == self._own:
            held.own_seq = op.seq
        pending.touched[op.entity] = held
        desk = as_text(op.body.get("desk"))
        pending.replicas[op.replica] = desk or pending.replicas.get(op.replica, "")

    def flush(self) -> bool:
        """Write what was added since the last flush; true when there was something, and `changes` grew."""
        pending, self._pending = self._pending, _Pending()
        if not pending.ops:
            return False
        self._connection.executemany("insert into op values (?,?,?,?,?,?,?,?,?)", pending.ops)
        if self._indexing:
            follow.add(self._connection, pending.words)
            self._ledger.indexed = self._ledger.arrival
            follow.reached(self._connection, self._ledger.indexed)
        self._write(pending.touched.values())
        self._name_replicas(pending.replicas)
        return True

    def _name_replicas(self, named: dict[int, str]) -> None:
        """Keep what each replica's ops call its desk; a row is written only when that is new."""
        for replica, desk in named.items():
            if (desk and self._ledger.desks.get(replica) != desk) or replica not in self._ledger.desks:
                self._ledger.desks[replica] = desk
                self._connection.execute(
                    """insert into replica (replica, acked, desk) values (?, 0, ?)
                       on conflict (replica) do update set desk = excluded.desk""",
                    [replica, desk],
                )

    def discard(self) -> None:
        """Forget what was folded in memory: the transaction was rolled back to an earlier point."""
        self._held.clear()
        self._pending = _Pending()

    def refold(self, uid: Uid, entity: int, own_seq: int, ops: Iterable[Op]) -> None:
        """Put an entity's state together again from all its ops, after the fold has changed."""
        held = Held(entity, uid, State(), own_seq)
        for op in ops:
            held.state.apply(op)
        self._write([held])

    def _new(self, uid: Uid) -> Held:
        self._ledger.entity += 1
        held = self._held[uid] = Held(self._ledger.entity, uid, State())
        return held

    def _load(self, uids: list[Uid]) -> dict[Uid, Held]:
        found = {}
        sql = f"select id, uid, state, own_seq, type from entity where uid in ({','.join('?' * len(uids))})"  # noqa: S608
        for entity, uid, state, own_seq, kind in self._connection.execute(sql, uids):
            found[uid] = self._held[uid] = Held(entity, uid, unpack_state(state), own_seq, kind)
        return found

    def _write(self, touched: Iterable[Held]) -> None:
        touched = list(touched)
        self._connection.executemany(
            """insert into entity (id, uid, type, rivals, own_seq, state) values (?,?,?,?,?,?)
               on conflict (id) do update set type = excluded.type, rivals = excluded.rivals,
               own_seq = excluded.own_seq, state = excluded.state""",
            [(h.id, h.uid, h.state.type, len(h.state.rivals), h.own_seq, pack_state(h.state)) for h in touched],
        )
        self.changes |= self._projection.write(touched)
        for held in touched:
            held.was = held.state.type
