"""The door: what a service may append; and the coercion of what came in another way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.domain.histories import PLAIN
from workstation.domain import kinds, ops
from workstation.domain.ids import SeededIds, SystemIds
from workstation.domain.kinds import CALL_REGISTERS, INCIDENT_REGISTERS, OpInvalid, check
from workstation.domain.ops import Op

RANG = dict(
    number="0811", e164="", identity="mobile", display="", dialled="112", key="", sip_call_id="x", desk="M", at=1
)


def test_what_the_services_write_passes() -> None:
    check("offer.rang", RANG)
    check("call.classified", {"set": {"type": ["prank", []]}})
    check(
        "incident.edited", {"set": {"hazards": [["fire", "gas"], [(1, 2)]], "lat": [-3.7, []], "priority": [None, []]}}
    )
    check("entry.corrected", {"entry": (1, 2), "text": "x", "reason": ""})
    check("incident.closed", {"at": 1, "disposition": "handled", "seen": [[1, 2]]})


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("incident.beamed", {}, "no such kind"),
        ("offer.rang", {**RANG, "at": "now"}, "at is not"),
        ("offer.rang", {**RANG, "identity": "ghost"}, "identity"),
        ("offer.rang", {k: v for k, v in RANG.items() if k != "desk"}, "desk missing"),
        ("offer.ended", {"at": 1, "reason": "bored"}, "reason"),
        ("incident.noted", {"text": "x" * 16_001, "at": 1}, "text"),
        ("incident.noted", {"text": "x", "at": 1, "mood": 2}, "no field mood"),
        ("incident.edited", {"set": {}}, "non-empty"),
        ("incident.edited", {"set": {"vilage": ["x", []]}}, "no register vilage"),
        ("incident.edited", {"set": {"injured": [-1, []]}}, "injured"),
        ("incident.edited", {"set": {"injured": [True, []]}}, "injured"),
        ("incident.edited", {"set": {"lat": [float("nan"), []]}}, "lat"),
        ("incident.edited", {"set": {"village": ["x", [[0]]]}}, "no dot"),
        ("incident.edited", {"set": {"village": "x"}}, "is not"),
        ("link.made", {"kind": "call", "from": b"short", "to": b"t" * 16, "at": 1}, "from is not"),
        ("entry.corrected", {"entry": [1, 1], "reason": ""}, "neither"),
        ("call.described", {"set": {"village": ["x", []]}}, "no register village"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(kind: str, body: dict[str, Any], named: str) -> None:
    with pytest.raises(OpInvalid, match=named):
        check(kind, body)


@given(PLAIN)
def test_coercion_takes_anything(value: object) -> None:
    assert isinstance(ops.as_text(value), str)
    count = ops.as_count(value)
    assert count is None or -(1 << 63) < count < 1 << 63
    number = ops.as_number(value)
    assert number is None or abs(number) < float("inf")
    at = ops.as_at(value)
    assert at is None or 0 <= at < 1 << 47
    assert len(ops.as_uid(value)) in (0, 16)
    dot = ops.as_dot(value)
    assert dot is None or dot[1] > 0


def test_an_upcaster_lifts_old_versions_and_leaves_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "VERSION", 3)
    monkeypatch.setitem(kinds.UPCASTERS, ("x.y", 1), lambda op: op._replace(version=2, body={**op.body, "two": 2}))
    monkeypatch.setitem(kinds.UPCASTERS, ("x.y", 2), lambda op: op._replace(version=3, body={**op.body, "three": 3}))
    old = Op(1, 1, 1, b"e" * 16, "x.y", 1, b"", "", 1, {})
    assert kinds.upcast(old).body == {"two": 2, "three": 3}
    assert kinds.upcast(old._replace(version=9)).version == 9


def test_registers_of_calls_and_incidents_are_the_contract() -> None:
    assert set(CALL_REGISTERS) == {"type", "callback", "caller_name", "relation", "language"}
    assert len(INCIDENT_REGISTERS) == 40


def test_names_are_new_and_ordered_by_time() -> None:
    ids = SystemIds()
    names = [ids.uid() for _ in range(100)]
    assert len(set(names)) == 100
    assert all(len(name) == 16 and name[6] >> 4 == 7 for name in names)
    assert SeededIds(4).uid() == SeededIds(4).uid() != SeededIds(5).uid()
    assert 0 < SystemIds().replica() < 1 << 32
