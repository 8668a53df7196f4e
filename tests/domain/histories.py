"""Histories for the fold: replicas that edit shared entities, hear of each other, and say what they saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from workstation.domain.hlc import stamp
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import Op

INCIDENTS = [bytes([n]) * 16 for n in (1, 2)]
FIELDS = ("village", "priority", "landmark")


@dataclass
class Replica:
    """One author: what it has heard, and the states that makes."""

    number: int
    seq: int = 0
    heard: set[tuple[int, int]] = field(default_factory=set)
    states: dict[bytes, State] = field(default_factory=dict)

    def hear(self, op: Op) -> None:
        if op.dot not in self.heard:
            self.heard.add(op.dot)
            self.states.setdefault(op.entity, State()).apply(op)

    def write(self, entity: bytes, kind: str, body: dict[str, Any], ms: int) -> Op:
        self.seq += 1
        op = Op(self.number, self.seq, stamp(ms), entity, kind, 1, b"", "AMB", ms, body)
        self.hear(op)
        return op

    def seen(self, entity: bytes, name: str) -> list[Any]:
        state = self.states.get(entity)
        return [list(dot) for dot in state.seen_dots(name)] if state else []


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(
            ["edit", "edit", "edit", "note", "close", "reopen", "open", "correct", "hear", "hear", "alien"]
        ),
        st.integers(0, 1),  # which incident
        st.sampled_from(FIELDS),
        st.integers(0, 4),  # value, or how much is heard
        st.integers(0, 50),  # clock
    ),
    max_size=40,
)


def played(steps: list[tuple[int, str, int, str, int, int]]) -> list[Op]:
    """The ops of a history, in an order its authors could have written them."""
    replicas = [Replica(n + 1) for n in range(3)]
    log: list[Op] = []
    for who, act, which, name, value, ms in steps:
        author, entity = replicas[who], INCIDENTS[which]
        if act == "hear":
            # In the order of the log: what is heard is causally closed.
            for op in [op for op in log if op.dot not in author.heard][: value * 3 + 1]:
                author.hear(op)
            continue
        log.append(_act(author, act, entity, name, value, ms, log))
    return log


def _act(author: Replica, act: str, entity: bytes, name: str, value: int, ms: int, log: list[Op]) -> Op:
    if act == "edit":
        return author.write(entity, "incident.edited", {"set": {name: [value, author.seen(entity, name)]}}, ms)
    if act == "note":
        return author.write(entity, "incident.noted", {"text": f"note {value}", "at": ms}, ms)
    if act == "close":
        body = {"at": ms, "disposition": f"d{value}", "seen": author.seen(entity, LIFE)}
        return author.write(entity, "incident.closed", body, ms)
    if act == "reopen":
        body = {"at": ms, "reason": f"r{value}", "seen": author.seen(entity, LIFE)}
        return author.write(entity, "incident.reopened", body, ms)
    if act == "open":
        body = {"number": f"AMB-{author.number}-{value}", "call": b"", "desk": f"Meja {author.number}", "at": ms}
        return author.write(entity, "incident.opened", body, ms)
    if act == "correct":
        target = list(log[value % len(log)].dot) if log else [1, 1]
        return author.write(entity, "entry.corrected", {"entry": target, "text": f"c{value}", "reason": ""}, ms)
    return author.write(entity, "incident.beamed", {"set": {name: [value, []]}, "colour": value}, ms)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=17),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
"""Anything a body may carry."""
