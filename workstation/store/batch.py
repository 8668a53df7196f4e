"""Ops on their way into the record within one transaction: folded in memory, then written as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from sync.opwire import erase, parse
from sync.protocol import Admitted
from sync.snapshot.form import Foretold
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import Op, as_digest, as_text
from workstation.domain.rights import ROSTER, SIGNED
from workstation.store import follow
from workstation.store.authority import Authority, event_of
from workstation.store.cipher import Connection
from workstation.store.held import HELD_MOST, Held
from workstation.store.ledger import FORETOLD, Ledger
from workstation.store.projection import Projection
from workstation.store.retention import blanked, erase_bodies, erasures
from workstation.store.rows import Row, Rows, Table, select_in
from workstation.store.schema import LATE, SKEWED, VOID
from workstation.store.states import pack_state, unpack_state
from workstation.store.words import words

_JUDGED = SIGNED | ROSTER
_OPS = Table("op", ("n", "replica", "seq", "entity", "kind", "at", "flags", "raw", "head", "seal"), "n")
_SIGNED = Table("signed", ("n", "entity", "kind", "site", "void"), "n")
_ENTITIES = Table("entity", ("id", "uid", "type", "rivals", "own_seq", "erased", "told", "state"))
HELD_SQL = "select uid, id, state, own_seq, erased, type, told from entity where uid in ({0})"


class _Pending(Struct):
    ops: list[tuple[Any, ...]] = field(default_factory=list)
    words: list[tuple[int, str]] = field(default_factory=list)
    touched: dict[Uid, Held] = field(default_factory=dict)
    signed: list[tuple[int, int, str, str, int]] = field(default_factory=list)
    erased: list[Uid] = field(default_factory=list)
    heard: list[Held] = field(default_factory=list)
    roster: bool = False


class Batch:
    """One transaction's ops. `add` folds, `flush` writes; `own` is this store's replica, whose ops wait to be sent.

    `held` are entities as they are on disk, kept from one transaction to the next by the only thread that writes; they
    must be forgotten whenever a transaction is taken back. `indexing` writes the words of the ops into the search index
    too, as far as it has followed up to here. `rows` writes the way that suits the database.
    """

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        own: int,
        authority: Authority,
        held: dict[Uid, Held],
        *,
        indexing: bool = False,
        rows: Rows | None = None,
    ) -> None:
        self._connection, self._ledger, self._own, self._authority = connection, ledger, own, authority
        self._indexing = indexing and ledger.indexed == ledger.arrival
        self._held = held
        if len(held) > HELD_MOST:
            held.clear()
        self._absent: set[Uid] = set()
        self._retired = authority.retired()
        self._pending = _Pending()
        self._rows = rows or Rows(connection)
        self._projection = Projection(connection, self._rows, authority, self.load)
        self.changes = Changes()
        self.erased = False
        """Whether bodies were taken away, whose remains in the file's log are to go, too."""

    def state(self, uid: Uid) -> State | None:
        """An entity's state with everything added so far, None when no op speaks of it."""
        held = self._held.get(uid) or self.load([uid]).get(uid)
        return held.state if held else None

    def load(self, uids: Iterable[Uid]) -> dict[Uid, Held]:
        """These entities, those no op speaks of left out; many are fetched in few statements."""
        held, absent = self._held, self._absent
        asked = set(uids)
        if wanted := [uid for uid in asked if uid not in held and uid not in absent]:
            self.keep(wanted, select_in(self._connection, HELD_SQL, wanted))
        return {uid: found for uid in asked if (found := held.get(uid))}

    def keep(self, wanted: Iterable[Uid], rows: Iterable[tuple[Any, ...]]) -> None:
        """Keep what `HELD_SQL` found of these entities, and that there are no others of them."""
        held = self._held
        for uid, entity, state, own_seq, erased, kind, told in rows:
            held[uid] = Held(entity, uid, unpack_state(state), own_seq, bool(erased), True, kind, told=told)
        self._absent.update(uid for uid in wanted if uid not in held)

    def add(self, admitted: Admitted, *, skewed: bool) -> bool:
        """Take one op in: the next of its replica, by the caller's care. Says whether it has an effect."""
        op, raw, _, head, seal, salt = admitted
        replica, seq, _, entity, kind = op[:5]
        held = self._held.get(entity) or self.load([entity]).get(entity) or self._new(entity)
        if held.erased and not op.erased:
            raw = erase(parse(raw), salt)
            op = parse(raw).op
        ledger, pending, own = self._ledger, self._pending, replica == self._own
        ledger.vector[replica], ledger.heads[replica] = seq, head
        if seal or own:
            ledger.sealed[replica] = seq
        ledger.arrival = n = ledger.arrival + 1
        flags = SKEWED if skewed else 0
        if void := kind in _JUDGED and not self._judged(op, raw, held):
            flags |= VOID
        if self._retired and seq > self._retired.get(replica, seq):
            flags |= LATE
        pending.ops.append((n, replica, seq, held.id, kind, op.at, flags, raw, head, seal or None))
        if self._indexing and (text := words(op)):
            pending.words.append((held.id << 32 | n, text))
        if held.told and seq <= ledger.foretold[held.told].get(replica, 0):
            self._hear(held, op)
        else:
            if void:
                held.state.keep_salt(op)
            else:
                held.state.apply(op)
            pending.touched[entity] = held
        if own:
            held.own_seq = seq
            pending.touched[entity] = held
        if "desk" in op.body or replica not in ledger.desks:
            self._name_replica(op)
        return not void

    def _hear(self, held: Held, op: Op) -> None:
        """Take note of an op that a snapshot's state has folded in; its salt counts, not the snapshot's."""
        self._pending.heard.append(held)
        if op.salt and held.state.salt(op.replica) != op.salt:
            held.state.keep_salt(op)
            self._pending.touched[op.entity] = held

    def foretold(self, vector: dict[int, int]) -> int:
        """The number of the snapshots up to this vector. Raises ValueError: it has own ops that are not here."""
        ledger, own = self._ledger, self._own
        if vector.get(own, 0) > ledger.seq(own):
            raise ValueError(f"states with op {vector[own]} of replica {own}, which is this one's and not here")
        for number, known in ledger.foretold.items():
            if known == vector:
                return number
        number = max(ledger.foretold, default=0) + 1
        ledger.foretold = {**ledger.foretold, number: vector}
        self.keep_meta(FORETOLD, msgspec.msgpack.encode(ledger.foretold))
        return number

    def keep_meta(self, name: str, value: bytes) -> None:
        """Keep a value beside the record."""
        self._connection.execute("insert or replace into meta values (?, ?)", [name, value])

    def tell(self, entity: Foretold, told: int) -> Held:
        """An entity no op here speaks of, as a snapshot has it; to be written."""
        held = self._new(entity.uid)
        held.state, held.erased, held.told = entity.state, entity.erased, told
        return held

    def prove(self, right: Collection[Uid], wrong: Collection[Uid]) -> Changes:
        """Told entities that are what their ops say, and such as are folded from them; gives what changed by that."""
        for uid in right:
            if held := self._held.get(uid):
                held.told = 0
        self._connection.executemany("update entity set told = 0 where uid = ?", [(uid,) for uid in right])
        told = self.load(wrong).values()
        for held in told:
            self.refold(held)
        self.write(told)
        return self.changes

    def flush(self) -> bool:
        """Write what was added since the last flush; true when there was something, and `changes` grew."""
        pending, self._pending = self._pending, _Pending()
        if not pending.ops:
            return False
        self._rows.add(_OPS, pending.ops)
        if self._indexing:
            follow.add(self._connection, pending.words)
            self._ledger.indexed = self._ledger.arrival
            follow.reached(self._connection, self._ledger.indexed)
        self._rows.add(_SIGNED, pending.signed)
        self.write(pending.touched.values())
        if pending.heard:
            self.changes |= _heard(pending.heard)
        if pending.roster:
            self.reconsider()
        self._erase(pending.erased)
        return True

    def write(self, touched: Iterable[Held]) -> None:
        """Bring the rows of these entities up to their states."""
        touched = list(touched)
        self._rows.save(_ENTITIES, [(_entity_row(held), not held.kept) for held in touched])
        self.changes |= self._projection.write(touched)
        for held in touched:
            held.kept, held.was = True, held.state.type

    def forget(self) -> None:
        """Let go of the entities in memory; nothing of them waits to be written."""
        self._held.clear()
        self._absent.clear()

    def discard(self) -> None:
        """Forget what was folded in memory: the transaction was rolled back to an earlier point."""
        self.forget()
        self._pending = _Pending()
        self._authority.load(self._connection)

    def reconsider(self) -> None:
        """The roster is another: ops that need a signature may count now, or no longer; their entities fold anew."""
        changed: list[Held] = []
        erased: list[Uid] = []
        sql = """select signed.n, signed.void, op.raw, entity.uid from signed join op on op.n = signed.n
                 join entity on entity.id = signed.entity order by signed.n"""
        kept = self._connection.execute(sql).fetchall()
        entities = self.load(uid for *_, uid in kept)
        for n, void, raw, uid in kept:
            held = entities[uid]
            event = event_of(raw, held.state)
            if bool(void) == self._counts(event.op, raw, held):
                self._connection.execute("update signed set void = ? where n = ?", [1 - void, n])
                self._connection.execute("update op set flags = flags + ? where n = ?", [-VOID if void else VOID, n])
                changed.append(held)
                if void:
                    erased += erasures(event.op)
        for held in changed:
            self.refold(held)
        people = "select uid from entity where type = 'person'"
        touched = {held.uid: held for held in changed} | self.load(row[0] for row in self._connection.execute(people))
        self.write(touched.values())
        self._erase(erased)

    def refold(self, held: Held) -> None:
        """Put an entity's state together again from its ops here, those without effect left out; others are to come."""
        held.state, held.row, held.around, held.told = State(), None, None, 0
        sql = "select raw, flags from op where entity = ? order by n"
        for raw, flags in self._connection.execute(sql, [held.id]):
            op = parse(raw).op
            if flags & VOID:
                held.state.keep_salt(op)
            else:
                held.state.apply(op)

    def _judged(self, op: Op, raw: bytes, held: Held) -> bool:
        """Whether an op that needs a signature counts; noted, since the roster may yet say otherwise."""
        event = event_of(raw, held.state)
        if op.kind in ROSTER:
            self._authority.learn(event)
            self._pending.roster = True
        counts = self._counts(op, raw, held)
        self._pending.signed.append((self._ledger.arrival, held.id, op.kind, op.site, int(not counts)))
        if counts:
            self._pending.erased += erasures(op)
        return counts

    def _counts(self, op: Op, raw: bytes, held: Held) -> bool:
        return op.kind not in SIGNED or self._authority.judge(event_of(raw, held.state))

    def _erase(self, uids: Iterable[Uid]) -> None:
        """Take the bodies of these entities away, those that have not come yet included."""
        touched = []
        for uid in set(uids):
            held = self._held.get(uid) or self.load([uid]).get(uid) or self._new(uid)
            if not held.erased:
                if digest := as_digest(held.state.facts.get("digest") if held.state.type == "attachment" else None):
                    self.changes |= Changes(gone=frozenset({digest}))
                self.take_bodies(held)
                held.erased = self.erased = True
                if held.told:  # of its ops here alone it could not be put together
                    held.state, held.row, held.around = blanked(held.state), None, None
                else:
                    self.refold(held)
                touched.append(held)
        if touched:
            self.write(touched)

    def take_bodies(self, held: Held) -> None:
        """Write an entity's ops anew without bodies, and take their words out of the search index."""
        erase_bodies(self._connection, held, self._ledger.indexed)

    def _name_replica(self, op: Op) -> None:
        """Keep what each replica's ops call its desk; a row is written only when that is new."""
        desks, desk = self._ledger.desks, as_text(op.body.get("desk"))
        if op.replica not in desks or (desk and desks[op.replica] != desk):
            desks[op.replica] = desk
            self.write_replica(op.replica, desk)

    def write_replica(self, replica: int, desk: str) -> None:
        """Write down that there is this replica, and what its desk is called."""
        sql = "insert into replica (replica, acked, desk) values (?, 0, ?) " \
              "on conflict (replica) do update set desk = excluded.desk"  # fmt: skip
        self._connection.execute(sql, [replica, desk])

    def _new(self, uid: Uid) -> Held:
        self._ledger.entity += 1
        held = self._held[uid] = Held(self._ledger.entity, uid, State())
        self._absent.discard(uid)
        return held


def _entity_row(held: Held) -> Row:
    state = held.state
    erased, told = int(held.erased), held.told
    return (held.id, held.uid, state.type, len(state.rivals), held.own_seq, erased, told, pack_state(state))


def _heard(heard: Iterable[Held]) -> Changes:
    """What shows the lines of these entities, which their states do not have, is to look again."""
    of: dict[str, set[Uid]] = {}
    for held in heard:
        of.setdefault(held.state.type, set()).add(held.uid)
    return Changes(incidents=frozenset(of.get("incident", ())), offers=frozenset(of.get("offer", ())))
