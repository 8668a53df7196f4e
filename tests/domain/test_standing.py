"""Where an assignment and an incident stand, from their stamps alone."""

from __future__ import annotations

from typing import Any

import pytest

from workstation.domain.merge import State
from workstation.domain.ops import Op
from workstation.domain.rows import Step
from workstation.domain.standing import (
    Link,
    assignment_flags,
    assignment_step,
    closing,
    heads,
    incident_flags,
    incident_status,
    link_of,
    located,
    saveable,
)


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
        (True, True, [], "closed"),
        (True, True, [Step.DONE, Step.CANCELLED], "closed"),
        (True, True, [Step.NOTIFIED], "dispatched"),
        (True, False, [Step.PLANNED], "open"),
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


def heard(*ops: tuple[int, str, dict[str, Any]]) -> State:
    """A state of ops by several desks: (replica, kind, body), stamped in this order."""
    made, seqs = State(), dict.fromkeys(range(1, 10), 0)
    for hlc, (replica, kind, body) in enumerate(ops, 1):
        seqs[replica] += 1
        made.apply(Op(replica, seqs[replica], hlc, b"e" * 16, kind, 1, b"", "", hlc, body))
    return made


def injured(count: int, **more: Any) -> dict[str, Any]:
    return {"set": {"injured": [count, []]}, **more}


CLOSE = {"at": 5, "disposition": "handled", "seen": [], "casualties": []}


@pytest.mark.promise("M6")
def test_a_close_loses_against_people_it_did_not_know_of_whatever_the_clocks_say() -> None:
    for ops in (
        [(1, "incident.closed", CLOSE), (2, "incident.edited", injured(2))],
        [(2, "incident.edited", injured(2)), (1, "incident.closed", CLOSE)],
    ):
        found = heard(*ops)
        assert closing(found) is None
        assert [flag.what for flag in incident_flags(found)] == ["new_casualties"]


@pytest.mark.promise("M6")
def test_a_close_stands_over_people_it_knew_of_and_over_those_written_down_in_its_knowledge() -> None:
    known = heard((2, "incident.edited", injured(2)), (1, "incident.closed", {**CLOSE, "casualties": [[2, 1]]}))
    assert closing(known) is not None and incident_flags(known) == []
    after = heard((1, "incident.closed", CLOSE), (2, "incident.edited", injured(3, after=[[1, 1]])))
    assert closing(after) is not None, "who corrects a count in a closed incident does not open it"
    none = heard((1, "incident.closed", CLOSE), (2, "incident.edited", injured(0)))
    assert closing(none) is not None, "nobody hurt is nobody unknown"
    older = heard((1, "incident.closed", {"at": 5, "disposition": "x", "seen": []}), (2, "incident.edited", injured(1)))
    assert closing(older) is not None, "a close that says nothing of people is taken at its word"


@pytest.mark.promise("M6")
def test_one_close_that_knew_of_everybody_is_enough() -> None:
    both = heard(
        (2, "incident.edited", injured(2)),
        (1, "incident.closed", CLOSE),
        (3, "incident.closed", {**CLOSE, "disposition": "hospital", "casualties": [[2, 1]]}),
    )
    close = closing(both)
    assert close is not None and close.body["disposition"] == "hospital"


@pytest.mark.promise("M6")
def test_stamps_that_do_not_fit_are_kept_and_flagged() -> None:
    def kinds(*verbs: str) -> list[str]:
        return [
            flag.what for flag in assignment_flags(heard(*((1, f"assignment.{verb}", {"at": 1}) for verb in verbs)))
        ]

    assert kinds("notified", "acknowledged", "departed", "arrived", "done") == []
    assert kinds("notified", "cancelled", "departed") == ["after_end"]
    assert kinds("departed") == ["not_notified"]
    assert kinds("notified", "refused", "cancelled") == [], "both ends stand; which one counts, the order says"
    kept = heard((1, "assignment.cancelled", {"at": 1}), (2, "assignment.arrived", {"at": 2}))
    assert assignment_step(kept) is Step.ARRIVED and len(assignment_flags(kept)) == 2
    assert [flag.what for flag in incident_flags(heard((1, "incident.reopened", {"at": 1})))] == ["was_open"]


@pytest.mark.promise("M6")
def test_a_tie_stands_until_it_is_undone_and_again_when_it_is_restored() -> None:
    made = (1, "link.made", {"kind": "duplicate", "from": b"a" * 16, "to": b"b" * 16, "at": 1})
    undone = (1, "link.undone", {"at": 2, "reason": "", "seen": []})
    restored = (2, "link.restored", {"at": 3, "reason": "", "seen": [[1, 2]]})
    assert link_of(heard(made)) == Link("duplicate", b"a" * 16, b"b" * 16)
    assert link_of(heard(made, undone)) is None
    assert link_of(heard(made, undone, restored)) == link_of(heard(made))
    assert link_of(heard((1, "link.made", {"kind": "duplicate", "from": b"a" * 16, "to": b"a" * 16, "at": 1}))) is None


A, B, C, D = (bytes([n]) * 16 for n in (1, 2, 3, 4))
OPENED = {A: 10, B: 20, C: 30, D: 40}


@pytest.mark.promise("M6")
@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ([], {A: A, B: B, C: C, D: D}),
        ([(A, B)], {A: B, B: B, C: C, D: D}),
        ([(A, B), (B, C)], {A: C, B: C, C: C, D: D}),
        ([(A, B), (B, A)], {A: A, B: A, C: C, D: D}),  # two desks merged crosswise: the older one it is
        ([(A, C), (B, C), (D, C)], {A: C, B: C, C: C, D: C}),
        ([(A, B), (A, C)], {A: B, B: B, C: B, D: D}),  # merged into two: those are the same then, too
        ([(A, b"?" * 16)], {A: A, B: B, C: C, D: D}),  # the other one has not arrived
    ],
)
def test_incidents_that_are_the_same_have_one_head(
    ties: list[tuple[bytes, bytes]], expected: dict[bytes, bytes]
) -> None:
    assert heads(OPENED, ties) == expected
    assert heads(OPENED, [*reversed(ties), *ties]) == expected
