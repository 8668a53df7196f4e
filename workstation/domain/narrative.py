"""Lines of text: what was noted about an entity, and what was put right, in the order it was written (promise M5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from workstation.domain.kinds import KINDS, Effect
from workstation.domain.merge import CORRECTED, Entry, entry_of, order, put_right
from workstation.domain.ops import Dot, Op, as_dot, as_text

LINES: Final = frozenset(kind for kind, row in KINDS.items() if row.effect is Effect.LINE)


def narrative(ops: Iterable[Op]) -> list[Entry]:
    """The lines of an entity's ops, and the corrections of their text, oldest first."""
    acts = {op.dot: entry_of(op) for op in ops if op.kind in LINES or op.kind == CORRECTED}
    lines = {dot for dot, entry in acts.items() if entry.kind in LINES}
    told = [entry for entry in acts.values() if entry.kind in LINES or _about(entry, acts, lines)]
    return sorted(told, key=order)


def _about(correction: Entry, acts: dict[Dot, Entry], lines: set[Dot]) -> bool:
    """Whether a correction, or the correction it corrects, is of a line."""
    passed: set[Dot] = set()
    entry: Entry | None = correction
    while entry is not None and entry.dot not in passed:
        passed.add(entry.dot)
        target = as_dot(entry.body.get("entry"))
        if target in lines:
            return isinstance(correction.body.get("text"), str)
        entry = acts.get(target) if target else None
    return False


def corrected_text(entry: Entry, told: Sequence[Entry]) -> str:
    """A line's text after its newest correction, and the newest correction of that one."""
    corrections = [other for other in told if other.kind == CORRECTED]
    return as_text(put_right(entry, corrections, lambda body: isinstance(body.get("text"), str)).body.get("text"))


def corrections(dot: Dot, told: Sequence[Entry]) -> list[Entry]:
    """What was put right about a line, oldest first."""
    return [entry for entry in told if entry.kind == CORRECTED and as_dot(entry.body.get("entry")) == dot]
