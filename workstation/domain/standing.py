"""Where an assignment, an incident and a link stand, derived from what was done; nobody writes a status (promise M6).

An act that does not fit what went before is kept like any other and flagged; it never disappears.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from workstation.domain.ids import Uid
from workstation.domain.kinds import CASUALTIES
from workstation.domain.merge import LIFE, Entry, State, Write, order
from workstation.domain.ops import Dot, as_count, as_dot, as_number, as_text, as_uid
from workstation.domain.rows import Step

_ORDER: Final = (
    Step.DONE, Step.ARRIVED, Step.CANCELLED, Step.REFUSED, Step.DEPARTED, Step.ACKNOWLEDGED, Step.NOTIFIED,
)  # fmt: skip
"""Who wins when several stamps are there: a crew on the scene is not cancelled from afar, one on its way is."""
ENDED: Final = frozenset({Step.DONE, Step.CANCELLED, Step.REFUSED})
OUT: Final = frozenset({Step.NOTIFIED, Step.ACKNOWLEDGED, Step.DEPARTED, Step.ARRIVED, Step.DONE})
_ON_THE_WAY: Final = frozenset({Step.ACKNOWLEDGED, Step.DEPARTED, Step.ARRIVED, Step.DONE})


_STEPS: Final = {f"assignment.{step}": step for step in Step}


class Flag(Struct, frozen=True):
    """An act that did not fit: its dot, and what was wrong with it, a key of the screen's words."""

    dot: Dot
    what: str


def assignment_step(state: State) -> Step:
    """How far an assignment has come."""
    kinds = {entry.kind for entry in state.entries}
    return next((step for step in _ORDER if f"assignment.{step}" in kinds), Step.PLANNED)


def assignment_flags(state: State) -> list[Flag]:
    """Stamps that came after the end, and those of an agency nobody had notified."""
    found, ended, notified = [], False, False
    for entry in state.entries:
        step = _STEPS.get(entry.kind)
        if step is None:
            continue
        if ended and step not in ENDED:
            found.append(Flag(entry.dot, "after_end"))
        if step in _ON_THE_WAY and not notified:
            found.append(Flag(entry.dot, "not_notified"))
        notified = notified or step is Step.NOTIFIED
        ended = ended or step in ENDED
    return found


def closing(state: State) -> Entry | None:
    """The close that stands: every live word is a close, and it knew of every person hurt.

    A reopening that no close has seen keeps the incident open; so do people injured, dead, trapped or missing whom the
    one who closed could not know of, unless who wrote them down knew of the close.
    """
    live = state.live(LIFE)
    if not live or any(write.value != "incident.closed" for write in live):
        return None
    closes = [entry for write in live if (entry := state.entry(write.dot))]
    return next((close for close in closes if not unknown_casualties(state, close)), None)


def unknown_casualties(state: State, close: Entry) -> list[Write]:
    """Live counts of people that a close did not know of, and whose authors did not know of the close."""
    if "casualties" not in close.body:
        return []
    known = dots(close.body["casualties"])
    knew = {entry.dot for entry in state.entries if close.dot in dots(entry.body.get("after"))}
    return [
        write
        for name in CASUALTIES
        for write in state.live(name)
        if (as_count(write.value) or 0) > 0 and write.dot not in known and write.dot not in knew
    ]


def incident_flags(state: State) -> list[Flag]:
    """Closes that lost against people they did not know of, and reopenings of what was not closed."""
    found = []
    closed = False
    for entry in sorted((*state.of("incident.closed"), *state.of("incident.reopened")), key=order):
        if entry.kind == "incident.closed":
            closed = True
            if unknown_casualties(state, entry):
                found.append(Flag(entry.dot, "new_casualties"))
        elif not closed:
            found.append(Flag(entry.dot, "was_open"))
        else:
            closed = False
    return found


def dots(value: object) -> set[Dot]:
    """The dots in a list of a body."""
    return {dot for item in value if (dot := as_dot(item))} if isinstance(value, list | tuple) else set()


def disposition(state: State) -> str:
    """How the incident was closed, "" while it is open."""
    entry = closing(state)
    return as_text(entry.body.get("disposition")) if entry else ""


def located(state: State) -> bool:
    """Whether anybody could go there: a village, a place, a landmark, a street, or a point."""
    if any(as_text(state.face(name)) for name in ("village", "place", "landmark", "street")):
        return True
    return as_number(state.face("lat")) is not None and as_number(state.face("lon")) is not None


def saveable(state: State) -> bool:
    """Location and type make an incident more than a draft."""
    return bool(as_text(state.face("type"))) and located(state)


def incident_status(closed: bool, complete: bool, steps: Collection[Step]) -> str:
    """draft, open, dispatched, resolved or closed; `steps` are those of the incident's assignments.

    A close does not stand while somebody is still on the way: it counts once their part has ended.
    """
    running = any(step not in ENDED for step in steps)
    if closed and not running:
        return "closed"
    if Step.DONE in steps and not running:
        return "resolved"
    if any(step in OUT for step in steps):
        return "dispatched"
    return "open" if complete or closed else "draft"


class Link(Struct, frozen=True, order=True):
    """A live tie between two entities; `kind` is one of `kinds.LINKS`."""

    kind: str
    source: Uid
    target: Uid


def link_of(state: State) -> Link | None:
    """The tie a link's state tells of, None where it was undone, or tells of none."""
    facts = state.facts
    source, target = as_uid(facts.get("from")), as_uid(facts.get("to"))
    live = state.live(LIFE)
    if not source or not target or source == target or (live and live[0].value == "link.undone"):
        return None
    return Link(as_text(facts.get("kind")), source, target)


def heads(opened: Mapping[Uid, int], duplicates: Iterable[tuple[Uid, Uid]]) -> dict[Uid, Uid]:
    """The incident each one counts as: those tied as the same, however many, have one head.

    `opened` are the incidents tied together and when each began, `duplicates` the ties, from the one merged to the one
    it is the same as. The head is merged into nothing; where several or none are (two desks merged crosswise), it is
    the one that began first.
    """
    ties = [(source, target) for source, target in duplicates if source in opened and target in opened]
    neighbours: dict[Uid, set[Uid]] = {uid: set() for uid in opened}
    for source, target in ties:
        neighbours[source].add(target)
        neighbours[target].add(source)
    merged = {source for source, _ in ties}
    found: dict[Uid, Uid] = {}
    for uid in opened:
        if uid in found:
            continue
        members, waiting = {uid}, [uid]
        while waiting:
            waiting += (near := neighbours[waiting.pop()] - members)
            members |= near
        head = min((member in merged, opened[member], member) for member in members)[2]
        found.update(dict.fromkeys(members, head))
    return found
