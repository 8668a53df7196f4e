"""The fold: what a set of ops says an entity is (promises M3, M4, M5, M8).

Pure and free of order: any order of the same ops gives the same state, on desk and hub alike. Whoever holds a log takes
each op in once (its dot says which it is). The fold never raises on what a peer wrote; what does not fit is left out of
the state and stays in the log. Lines of text stay in the log too (`workstation.domain.narrative`): a state holds what
has an end, however long an incident lasts.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from workstation.domain.ids import Uid
from workstation.domain.kinds import KINDS, Effect, upcast
from workstation.domain.ops import VERSION, Body, Dot, Op, as_at, as_dot, as_text

LIFE: Final = "_life"
"""The register behind close and reopen, undo and redo; no `set` may name it."""
CORRECTED: Final = "entry.corrected"
FOLD_VERSION: Final = 1
_SET, _LINE = Effect.SET, Effect.LINE
_new: Final = tuple.__new__  # named tuples' own constructors take twice as long
"""Raised whenever the same ops give another state, so that a store folds its log again."""


class Write(NamedTuple):
    """One write of a register, in the order that decides the face: (hlc, replica, seq) first."""

    hlc: int
    replica: int
    seq: int
    value: Any
    at: int
    person: bytes

    @property
    def dot(self) -> Dot:
        return (self.replica, self.seq)


class Entry(NamedTuple):
    """One add-only act or clock stamp: `kind` is its op's kind, `at` its time in ms UTC, `body` as written."""

    hlc: int
    replica: int
    seq: int
    kind: str
    at: int
    person: bytes
    body: Body

    @property
    def dot(self) -> Dot:
        return (self.replica, self.seq)


class State(Struct, array_like=True):
    """What an entity is: its first facts, registers by field, and entries in order. Changed only by `apply`.

    `seen` is the entity type the ops so far speak of, "" when none of their kinds is known here. A register is its live
    writes, those nobody replaced, the face first: greatest (hlc, replica, seq). `gone` counts, by field, how often a
    dot was named as replaced beyond the one write it took away: those whose write has not arrived, or stands in another
    entity (a call's offers), never live. `salts` are what each replica hid its ops' bodies with (promise M2).
    """

    seen: str = ""
    created: Entry | None = None
    registers: dict[str, list[Write]] = field(default_factory=dict)
    gone: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    salts: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def type(self) -> str:
        """offer, incident, assignment, person, …, or "" for what this version does not know."""
        return KINDS[self.created.kind].entity if self.created else self.seen

    @property
    def facts(self) -> Body:
        """The body of the op that made the entity, empty before it arrives."""
        return self.created.body if self.created else {}

    def live(self, name: str) -> list[Write]:
        """The live writes of a register, the face first. Look, don't touch."""
        return self.registers.get(name, [])

    def face(self, name: str) -> Any:
        """The value shown of a register, None where there is none."""
        live = self.registers.get(name)
        return live[0].value if live else None

    def seen_dots(self, name: str) -> list[Dot]:
        """The dots an edit of this register replaces when its author saw it as it is here."""
        return [(write.replica, write.seq) for write in self.registers.get(name, ())]

    @property
    def rivals(self) -> list[str]:
        """Names of the registers with rival values."""
        several = [name for name, live in self.registers.items() if len(live) > 1]
        return sorted(name for name in several if name != LIFE and rival(self.registers[name])) if several else []

    def of(self, kind: str) -> list[Entry]:
        """Entries of a kind, oldest first."""
        return [entry for entry in self.entries if entry.kind == kind]

    def entry(self, dot: Dot) -> Entry | None:
        """The entry an op left, None where it left none."""
        return next((entry for entry in self.entries if entry.dot == dot), None)

    def stamp(self, kind: str) -> int | None:
        """When something first happened, ms UTC, corrections heeded; None = not yet.

        `kind` is the op's, or the creation's.
        """
        times = [self.corrected_at(entry) for entry in self.entries if entry.kind == kind]
        if self.created and self.created.kind == kind:
            times.append(self.corrected_at(self.created))
        return min(times, default=None)

    def first(self, kind: str) -> Entry | None:
        """The entry that gives `stamp` its time."""
        return min(self.of(kind), key=lambda entry: (self.corrected_at(entry), *order(entry)), default=None)

    def corrected_at(self, entry: Entry) -> int:
        """An entry's time after its newest correction, and the newest correction of that one."""
        corrections = [entry for entry in self.entries if entry.kind == CORRECTED] if self.entries else []
        if not corrections:
            return entry.at
        return put_right(entry, corrections, lambda body: as_at(body.get("at")) is not None).at

    def apply(self, op: Op) -> None:
        """Fold one op in. Each op is folded once: whoever holds the log knows its dots."""
        if op.salt:
            self.keep_salt(op)
        if op.version < VERSION:
            op = upcast(op)
        kind = KINDS.get(op.kind)
        if kind is None:
            return
        if kind.entity > self.seen:
            self.seen = kind.entity
        effect = kind.effect
        if effect is _SET:
            self._set(op)
            if "after" in op.body:
                knew = entry_of(op)._replace(body={"after": op.body["after"]})
                insort(self.entries, knew, key=order)
        elif effect is not _LINE:
            self._entry(op, effect)

    def keep_salt(self, op: Op) -> None:
        """Remember what the replica hides its bodies with: all there is to take of an op without effect."""
        if op.salt:
            self.salts = sorted([*(pair for pair in self.salts if pair[0] != op.replica), (op.replica, op.salt)])

    def salt(self, replica: int) -> bytes:
        """What a replica hid its bodies with on this entity, b"" where it wrote none, or it was erased."""
        return next((salt for author, salt in self.salts if author == replica), b"")

    def _entry(self, op: Op, effect: Effect) -> None:
        entry = entry_of(op)
        if effect is Effect.CREATE:
            if self.created is None or order(entry) < order(self.created):
                self.created = entry
        elif effect is Effect.LATEST:
            self._latest(entry)
        elif effect is Effect.CORRECT:
            if as_at(op.body.get("at")) is not None:
                insort(self.entries, entry, key=order)
        else:
            insort(self.entries, entry, key=order)
            if effect is Effect.LIFE:
                self._write(LIFE, Write(op.hlc, op.replica, op.seq, op.kind, entry.at, op.person), op.body.get("seen"))

    def _set(self, op: Op) -> None:
        writes = op.body.get("set")
        if type(writes) is not dict:
            return
        registers, gone = self.registers, self.gone
        replica, seq, hlc, _, _, _, person, _, at = op[:9]
        for name, pair in writes.items():
            if type(name) is not str or name[:1] == "_" or type(pair) not in _PAIRS or len(pair) != 2:
                continue
            write = _new(Write, (hlc, replica, seq, pair[0], at, person))
            if not pair[1] and not gone and name not in registers:
                registers[name] = [write]  # nearly every first value
            else:
                self._write(name, write, pair[1])

    def _write(self, name: str, write: Write, replaces: object) -> None:
        live = self.registers.get(name)
        if live is None:
            live = self.registers[name] = []
        elif len(live) == 1 and type(replaces) in _PAIRS and len(replaces) == 1:  # type: ignore[arg-type]
            old = live[0]
            if as_dot(replaces[0]) == (old.replica, old.seq) and not self.gone:  # type: ignore[index]
                live[0] = write  # nearly every edit: it replaces the one value there is
                return
        for dot in _dots(replaces):
            if dot != (write.replica, write.seq):
                self._replaced(name, live, dot)
        if not self._named_before(name, (write.replica, write.seq)):
            live.append(write)
            live.sort(key=order, reverse=True)

    def _replaced(self, name: str, live: list[Write], dot: Dot) -> None:
        for at, write in enumerate(live):
            if (write.replica, write.seq) == dot:
                del live[at]
                return
        counts = {(replica, seq): count for replica, seq, count in self.gone.get(name, ())}
        counts[dot] = counts.get(dot, 0) + 1
        self._count(name, counts)

    def _named_before(self, name: str, dot: Dot) -> bool:
        """Whether this write was replaced before it came; it is then counted off."""
        counts = {(replica, seq): count for replica, seq, count in self.gone.get(name, ())}
        if dot not in counts:
            return False
        counts[dot] -= 1
        self._count(name, counts)
        return True

    def _count(self, name: str, counts: dict[Dot, int]) -> None:
        kept = [(replica, seq, count) for (replica, seq), count in sorted(counts.items()) if count]
        if kept:
            self.gone[name] = kept
        else:
            self.gone.pop(name, None)

    def _latest(self, entry: Entry) -> None:
        """Keep the newest of a kind for each desk: a person signs in a thousand times a year."""
        desk = as_text(entry.body.get("desk"))
        for old in self.entries:
            if old.kind == entry.kind and as_text(old.body.get("desk")) == desk:
                if order(old) < order(entry):
                    self.entries.remove(old)
                    break
                return
        insort(self.entries, entry, key=order)


_PAIRS: Final = (list, tuple)


def order(act: Write | Entry) -> tuple[int, int, int]:
    """The order of acts: clock, then replica, then the replica's own."""
    return (act.hlc, act.replica, act.seq)


def entry_of(op: Op) -> Entry:
    """An op as the entry it leaves."""
    at = as_at(op.body.get("at"))
    return Entry(op.hlc, op.replica, op.seq, op.kind, op.at if at is None else at, op.person, op.body)


def rival(live: list[Write]) -> bool:
    """Whether people disagree: live writes of different values. Two desks that wrote the same do not."""
    first, *rest = (_likeness(write.value) for write in live)
    return any(other != first for other in rest)


def put_right(entry: Entry, corrections: Iterable[Entry], fits: Callable[[Body], bool]) -> Entry:
    """The correction that counts for an entry, else the entry itself: the newest that fits, and the newest of that."""
    newest: dict[Dot, Entry] = {}
    for correction in corrections:
        target = as_dot(correction.body.get("entry"))
        if target and fits(correction.body) and (target not in newest or order(newest[target]) < order(correction)):
            newest[target] = correction
    passed = set()  # only a forged pair that name each other makes a ring
    while (better := newest.get(entry.dot)) is not None and entry.dot not in passed:
        passed.add(entry.dot)
        entry = better
    return entry


def _likeness(value: object) -> tuple[str, str]:
    return (type(value).__name__, repr(value))


def _dots(value: object) -> Iterator[Dot]:
    if isinstance(value, list | tuple):
        yield from {dot for item in value if (dot := as_dot(item)) is not None}


def fold(ops: Iterable[Op]) -> dict[Uid, State]:
    """The state of every entity the ops speak of; an op that comes again is left out."""
    states: dict[Uid, State] = {}
    had: set[Dot] = set()
    for op in ops:
        if op.dot in had:
            continue
        had.add(op.dot)
        state = states.get(op.entity)
        if state is None:
            state = states[op.entity] = State()
        state.apply(op)
    return states


def join(states: Iterable[State]) -> State:
    """One state out of those of several entities: a call out of its offers (M11), whose ops may replace each other's.

    Associative and commutative. The argument states are left as they are.
    """
    joined = State()
    for state in states:
        joined.seen = max(joined.seen, state.seen)
        if state.created and (joined.created is None or order(state.created) < order(joined.created)):
            joined.created = state.created
        for entry in state.entries:
            if KINDS[entry.kind].effect is Effect.LATEST:
                joined._latest(entry)
            else:
                insort(joined.entries, entry, key=order)
        for name, live in state.registers.items():
            joined.registers.setdefault(name, []).extend(live)
        for name, gone in state.gone.items():
            joined.gone.setdefault(name, []).extend(gone)
    for name, live in joined.registers.items():
        dead = {(replica, seq) for replica, seq, _ in joined.gone.get(name, ())}
        live[:] = sorted((write for write in live if write.dot not in dead), key=order, reverse=True)
    return joined
