"""Where an assignment and an incident stand, derived from their stamps; nobody writes a status."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from workstation.domain.merge import LIFE, Entry, State
from workstation.domain.ops import as_number, as_text
from workstation.domain.rows import Step

_ORDER: Final = (
    Step.DONE, Step.ARRIVED, Step.CANCELLED, Step.REFUSED, Step.DEPARTED, Step.ACKNOWLEDGED, Step.NOTIFIED,
)  # fmt: skip
"""Who wins when several stamps are there: a crew on the scene is not cancelled from afar, one on its way is."""
ENDED: Final = frozenset({Step.DONE, Step.CANCELLED, Step.REFUSED})
OUT: Final = frozenset({Step.NOTIFIED, Step.ACKNOWLEDGED, Step.DEPARTED, Step.ARRIVED, Step.DONE})


def assignment_step(state: State) -> Step:
    """How far an assignment has come."""
    kinds = {entry.kind for entry in state.entries.values()}
    return next((step for step in _ORDER if f"assignment.{step}" in kinds), Step.PLANNED)


def closing(state: State) -> Entry | None:
    """The close that stands: every live word is a close; a reopening that no close has seen keeps it open."""
    register = state.registers.get(LIFE)
    if register is None or not register.live:
        return None
    if any(write.value != "incident.closed" for write in register.live.values()):
        return None
    return state.entries.get(register.values[0].dot)


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
    """draft, open, dispatched, resolved or closed; `steps` are those of the incident's assignments."""
    if closed:
        return "closed"
    if Step.DONE in steps and all(step in ENDED for step in steps):
        return "resolved"
    if any(step in OUT for step in steps):
        return "dispatched"
    return "open" if complete else "draft"
