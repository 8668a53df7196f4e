"""The fold: what a set of ops says an entity is (promises M3, M4, M5, M8).

Pure and free of order: any order of the same ops, with any repeated, gives the same state, on desk and hub alike. It
never raises on what a peer wrote; what does not fit is left out of the state and stays in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from workstation.domain.ids import Uid
from workstation.domain.ops import KINDS, Body, Dot, Effect, Op, as_at, as_dot, as_text, upcast

LIFE: Final = "_life"
"""The register behind close and reopen; no `set` may name it."""
CORRECTED: Final = "entry.corrected"
FOLD_VERSION: Final = 1
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
    """One add-only line or clock stamp: `kind` is its op's kind, `at` its time in ms UTC, `body` as written."""

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


class Register(Struct):
    """A multi-value register with a last-writer face.

    `live` are the writes nobody replaced, `gone` every dot named as replaced: it keeps those whose write has not
    arrived, or arrives again, from coming back to life.
    """

    live: dict[Dot, Write] = field(default_factory=dict)
    gone: set[Dot] = field(default_factory=set)

    def write(self, write: Write, replaces: Iterable[Dot]) -> None:
        dot = write.dot
        for old in replaces:
            if old != dot:
                self.gone.add(old)
                self.live.pop(old, None)
        if dot not in self.gone:
            self.live[dot] = write

    @property
    def values(self) -> list[Write]:
        """Live writes, the face first: greatest (hlc, replica)."""
        if len(self.live) < 2:
            return list(self.live.values())
        return sorted(self.live.values(), key=_order, reverse=True)

    @property
    def face(self) -> Any:
        """The value shown, None where nothing lives."""
        values = self.values
        return values[0].value if values else None

    @property
    def rival(self) -> bool:
        """Whether people disagree: live writes of different values. Two desks that wrote the same do not."""
        if len(self.live) < 2:
            return False
        first, *rest = (_likeness(write.value) for write in self.live.values())
        return any(other != first for other in rest)


def _order(write: Write | Entry) -> tuple[int, int, int]:
    return (write.hlc, write.replica, write.seq)


def _likeness(value: object) -> tuple[str, str]:
    return (type(value).__name__, repr(value))


class State(Struct):
    """What an entity is: its first facts, registers by field, and entries by dot. Changed only by `apply`.

    `seen` is the entity type the ops so far speak of, "" when none of their kinds is known here.
    """

    seen: str = ""
    created: Entry | None = None
    registers: dict[str, Register] = field(default_factory=dict)
    entries: dict[Dot, Entry] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """offer, incident, assignment, person, or "" for what this version does not know."""
        return KINDS[self.created.kind].entity if self.created else self.seen

    @property
    def facts(self) -> Body:
        """The body of the op that made the entity, empty before it arrives."""
        return self.created.body if self.created else {}

    def face(self, name: str) -> Any:
        """The value shown of a register, None where there is none."""
        register = self.registers.get(name)
        return register.face if register else None

    def seen_dots(self, name: str) -> list[Dot]:
        """The dots an edit of this register replaces when its author saw it as it is here."""
        register = self.registers.get(name)
        return [write.dot for write in register.values] if register else []

    @property
    def rivals(self) -> list[str]:
        """Names of the registers with rival values."""
        return sorted(name for name, register in self.registers.items() if name != LIFE and register.rival)

    def of(self, kind: str) -> list[Entry]:
        """Entries of a kind, oldest first."""
        return sorted((entry for entry in self.entries.values() if entry.kind == kind), key=_order)

    def stamp(self, kind: str) -> int | None:
        """When something first happened, ms UTC, corrections heeded; None = not yet.

        `kind` is the op's, or the creation's.
        """
        entries = [entry for entry in self.entries.values() if entry.kind == kind]
        if self.created and self.created.kind == kind:
            entries.append(self.created)
        return min((self.corrected_at(entry) for entry in entries), default=None)

    def first(self, kind: str) -> Entry | None:
        """The entry that gives `stamp` its time."""
        return min(self.of(kind), key=lambda entry: (self.corrected_at(entry), *_order(entry)), default=None)

    def corrections(self, dot: Dot) -> list[Entry]:
        """What was put right about an entry, oldest first."""
        return [entry for entry in self.of(CORRECTED) if as_dot(entry.body.get("entry")) == dot]

    def corrected_at(self, entry: Entry) -> int:
        """An entry's time after its newest correction, and the newest correction of that one."""
        return self._put_right(entry, lambda body: as_at(body.get("at")) is not None).at

    def corrected_text(self, entry: Entry) -> str:
        """An entry's text after its newest correction, and the newest correction of that one."""
        return as_text(self._put_right(entry, lambda body: isinstance(body.get("text"), str)).body.get("text"))

    def _put_right(self, entry: Entry, fits: Callable[[Body], bool]) -> Entry:
        """The correction that counts, else the entry itself."""
        newest: dict[Dot, Entry] = {}
        for correction in self.entries.values():
            if correction.kind == CORRECTED and fits(correction.body):
                target = as_dot(correction.body.get("entry"))
                if target and (target not in newest or _order(newest[target]) < _order(correction)):
                    newest[target] = correction
        passed = set()  # only a forged pair that name each other makes a ring
        while (better := newest.get(entry.dot)) is not None and entry.dot not in passed:
            passed.add(entry.dot)
            entry = better
        return entry

    def apply(self, op: Op) -> None:
        """Fold one op in. The same op again changes nothing."""
        op = upcast(op)
        kind = KINDS.get(op.kind)
        if kind is None:
            return
        self.seen = max(self.seen, kind.entity)
        effect = kind.effect
        if effect is Effect.SET:
            self._set(op)
            return
        at = as_at(op.body.get("at"))
        entry = Entry(op.hlc, op.replica, op.seq, op.kind, op.at if at is None else at, op.person, op.body)
        if effect is Effect.CREATE:
            if self.created is None or _order(entry) < _order(self.created):
                self.created = entry
            return
        if effect is Effect.LATEST:
            self._latest(entry)
            return
        self.entries[op.dot] = entry
        if effect is Effect.LIFE:
            write = Write(op.hlc, op.replica, op.seq, op.kind, entry.at, op.person)
            self.registers.setdefault(LIFE, Register()).write(write, _dots(op.body.get("seen")))

    def _set(self, op: Op) -> None:
        writes = op.body.get("set")
        if not isinstance(writes, dict):
            return
        for name, pair in writes.items():
            if (
                not isinstance(name, str)
                or name.startswith("_")
                or not isinstance(pair, list | tuple)
                or len(pair) != 2
            ):
                continue
            write = Write(op.hlc, op.replica, op.seq, pair[0], op.at, op.person)
            register = self.registers.get(name)
            if register is None:
                register = self.registers[name] = Register()
            register.write(write, _dots(pair[1]))

    def _latest(self, entry: Entry) -> None:
        """Keep the newest of a kind for each desk: a person signs in a thousand times a year."""
        desk = as_text(entry.body.get("desk"))
        for old in self.entries.values():
            if old.kind == entry.kind and as_text(old.body.get("desk")) == desk:
                if _order(old) < _order(entry):
                    del self.entries[old.dot]
                    break
                return
        self.entries[entry.dot] = entry


def _dots(value: object) -> Iterator[Dot]:
    if isinstance(value, list | tuple):
        for item in value:
            dot = as_dot(item)
            if dot is not None:
                yield dot


def fold(ops: Iterable[Op]) -> dict[Uid, State]:
    """The state of every entity the ops speak of."""
    states: dict[Uid, State] = {}
    for op in ops:
        state = states.get(op.entity)
        if state is None:
            state = states[op.entity] = State()
        state.apply(op)
    return states


def join(states: Iterable[State]) -> State:
    """One state out of several: a call out of its offers (M11), or an entity's state out of two halves of its ops.

    Associative, commutative, and harmless to repeat. The argument states are left as they are.
    """
    joined = State()
    for state in states:
        joined.seen = max(joined.seen, state.seen)
        if state.created and (joined.created is None or _order(state.created) < _order(joined.created)):
            joined.created = state.created
        for entry in state.entries.values():
            if KINDS[entry.kind].effect is Effect.LATEST:
                joined._latest(entry)
            else:
                joined.entries[entry.dot] = entry
        for name, register in state.registers.items():
            into = joined.registers.setdefault(name, Register())
            into.gone |= register.gone
            into.live |= register.live
    for register in joined.registers.values():
        register.live = {dot: write for dot, write in register.live.items() if dot not in register.gone}
    return joined


def canonical(state: State) -> list[Any]:
    """A state as plain lists, the same for equal states however they came about; what is hashed and stored."""
    return [
        state.seen,
        state.created,
        [
            [name, [*register.values], [part for dot in sorted(register.gone) for part in dot]]
            for name, register in sorted(state.registers.items())
        ],
        sorted(state.entries.values(), key=_order),
    ]


def restored(parts: list[Any]) -> State:
    """The state `canonical` was made of."""
    seen, created, registers, entries = parts
    state = State(seen, Entry(*created) if created else None)
    for name, live, gone in registers:
        writes = (Write(*write) for write in live)
        state.registers[name] = Register(
            {(write.replica, write.seq): write for write in writes}, set(zip(gone[::2], gone[1::2], strict=True))
        )
    for parts in entries:
        entry = Entry(*parts)
        state.entries[(entry.replica, entry.seq)] = entry
    return state
