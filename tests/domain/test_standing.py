"""Where an assignment and an incident stand, from their stamps alone."""

from __future__ import annotations

from typing import Any

import pytest

from workstation.domain.merge import State
from workstation.domain.ops import Op
from workstation.domain.rows import Step
from workstation.domain.standing import assignment_step, incident_status, located, saveable


def state(*ops: tuple[str, dict[str, Any]]) -> State:
    made = State()
    for seq, (kind, body) in enumerate(ops, 1):
        made.apply(Op(1, seq, seq, b"e" * 16, kind, 1, b"", "", seq, body))
    return made


@pytest.mark.parametrize(
    ("stamps", "step"),
    [
        ([], Step.PLANNED),
        (["notified"], Step.NOTIFIED),
        (["notified", "departed"], Step.DEPARTED),
        (["departed", "cancelled"], Step.CANCELLED),
        (["cancelled", "arrived"], Step.ARRIVED),
        (["refused", "notified"], Step.REFUSED),
        (["arrived", "done"], Step.DONE),
    ],
)
def test_how_far_an_assignment_is(stamps: list[str], step: Step) -> None:
    assert assignment_step(state(*((f"assignment.{name}", {"at": 1}) for name in stamps))) is step


@pytest.mark.parametrize(
    ("closed", "complete", "steps", "status"),
    [
        (True, True, [Step.NOTIFIED], "closed"),
        (False, False, [], "draft"),
        (False, True, [], "open"),
        (False, True, [Step.PLANNED], "open"),
        (False, False, [Step.PLANNED, Step.NOTIFIED], "dispatched"),
        (False, True, [Step.DONE, Step.ARRIVED], "dispatched"),
        (False, True, [Step.DONE, Step.CANCELLED], "resolved"),
        (False, True, [Step.CANCELLED, Step.REFUSED], "open"),
    ],
)
def test_where_an_incident_stands(closed: bool, complete: bool, steps: list[Step], status: str) -> None:
    assert incident_status(closed, complete, steps) == status


def test_location_and_type_make_it_saveable() -> None:
    assert not saveable(state(("incident.edited", {"set": {"type": ["medis.birth", []]}})))
    assert not located(state(("incident.edited", {"set": {"lat": [-3.7, []], "village": [7, []]}})))
    both = state(("incident.edited", {"set": {"type": ["medis.birth", []], "landmark": ["gereja", []]}}))
    assert saveable(both)
