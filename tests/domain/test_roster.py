"""Who may do what: from the site's key on, by stamps, whatever came first (S9, S10)."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from sync.opwire import parse, seal, signed_message
from workstation.domain.hlc import stamp
from workstation.domain.ops import Op
from workstation.domain.roster import NO_LIMIT, Event, Roster, enrolment, rosters
from workstation.signing import Key, verify

SITE = Key(b"site".ljust(32))
LEAD, IT, OPERATOR = b"l" * 16, b"i" * 16, b"o" * 16
INVITED = b"d" * 16


def key(name: str | bytes) -> Key:
    return Key(hashlib.sha256(name.encode() if isinstance(name, str) else name).digest())


def event(ms: int, kind: str, entity: bytes, body: dict[str, Any], by: bytes = b"", signer: Key | None = None) -> Event:
    """An op signed by a person with the key of their uid, or by the site's key."""
    op = Op(1, ms, stamp(ms), entity, kind, 1, by, "AMB", ms, body, bytes(16))
    chosen = signer or (key(by) if by else SITE)
    return read(seal(op, chosen.sign)[0])


def read(raw: bytes) -> Event:
    parsed = parse(raw)
    return Event(parsed.op, signed_message(parsed, b""))


def enrolled(ms: int, uid: bytes, role: str, by: bytes = b"", signer: Key | None = None) -> Event:
    body = {"login": "x", "name": "X", "role": role, "key": key(uid).public, "sealed": b""}
    return event(ms, "person.enrolled", uid, body, by, signer)


def roster(*events: Event) -> Roster:
    shuffled = list(events)
    random.Random(len(events)).shuffle(shuffled)
    found = rosters({"AMB": SITE.public}, shuffled, verify)["AMB"]
    assert found == rosters({"AMB": SITE.public}, events, verify)["AMB"], "whatever came first"
    return found


def settled(ms: int, by: bytes, signer: Key | None = None) -> Event:
    return event(ms, "incident.settled", b"e" * 16, {"set": {"village": ["x", []]}}, by, signer)


@pytest.mark.promise("S10")
def test_rights_hang_on_the_sites_key() -> None:
    found = roster(enrolled(1, LEAD, "lead"), enrolled(2, IT, "it", LEAD), enrolled(3, OPERATOR, "operator", IT))
    assert {uid: member.role_at((stamp(9), 0, 0)) for uid, member in found.people.items()} == {
        LEAD: "lead", IT: "it", OPERATOR: "operator"
    }  # fmt: skip
    assert found.grants(settled(5, LEAD), verify)
    assert not found.grants(settled(5, IT), verify), "this is for leads"
    assert not found.grants(settled(5, OPERATOR), verify)
    assert not found.grants(settled(5, LEAD, key(OPERATOR)), verify), "signed by another's key"
    assert not found.grants(settled(5, b"z" * 16), verify), "nobody knows them"
    assert not found.grants(settled(5, b"", SITE), verify), "the site's key does not settle"
    unsigned = settled(5, LEAD)
    assert not found.grants(Event(unsigned.op._replace(signature=b""), unsigned.message), verify)


@pytest.mark.promise("S10")
def test_who_was_enrolled_by_somebody_without_the_right_is_not() -> None:
    assert not roster(enrolled(1, LEAD, "lead", signer=key("thief"))).people
    assert not roster(enrolled(1, OPERATOR, "operator", LEAD)).people, "nobody has made them a lead"
    found = roster(enrolled(1, LEAD, "lead"), enrolled(2, OPERATOR, "operator", LEAD), enrolled(3, IT, "it", OPERATOR))
    assert set(found.people) == {LEAD, OPERATOR}
    assert set(roster(enrolled(5, LEAD, "lead"), enrolled(2, OPERATOR, "operator", LEAD)).people) == {LEAD}, (
        "before they were a lead themselves"
    )


@pytest.mark.promise("S10")
def test_a_grant_and_a_retirement_count_from_their_stamp_on() -> None:
    found = roster(
        enrolled(1, LEAD, "lead"), enrolled(2, OPERATOR, "operator", LEAD),
        event(10, "person.granted", OPERATOR, {"role": "lead", "at": 10}, LEAD),
        event(20, "person.retired", OPERATOR, {"reason": "left", "at": 20}, LEAD),
    )  # fmt: skip
    assert [found.grants(settled(ms, OPERATOR), verify) for ms in (5, 15, 25)] == [False, True, False]
    assert found.people[OPERATOR].role_at((stamp(99), 0, 0)) == ""


@pytest.mark.promise("S10")
def test_a_new_secret_brings_a_new_key_and_only_ones_own() -> None:
    body = {"key": key("new").public, "sealed": b"", "at": 10}
    own = event(10, "person.secret_changed", OPERATOR, body, OPERATOR)
    found = roster(enrolled(1, LEAD, "lead"), enrolled(2, OPERATOR, "lead", LEAD), own)
    assert found.grants(settled(5, OPERATOR), verify)
    assert not found.grants(settled(15, OPERATOR), verify), "the old key is over"
    assert found.grants(settled(15, OPERATOR, key("new")), verify)
    others = event(10, "person.secret_changed", LEAD, body, OPERATOR)
    assert not roster(enrolled(1, LEAD, "lead"), enrolled(2, OPERATOR, "lead", LEAD), others).grants(
        settled(15, LEAD, key("new")), verify
    )


def invited(ms: int = 3, by: bytes = LEAD, role: str = "desk") -> Event:
    body = {"name": "Meja 1", "role": role, "key": key("code").public, "at": ms}
    return event(ms, "device.invited", INVITED, body, by)


def proved(ms: int = 4, replica: int = 7, device: str = "device", code: str = "code") -> Event:
    public = key(device).public
    proof = key(code).sign(enrolment("AMB", INVITED, replica, public))
    body = {"replica": replica, "key": public, "proof": proof, "at": ms}
    return read(seal(Op(1, ms, stamp(ms), INVITED, "device.enrolled", 1, b"", "AMB", ms, body, bytes(16)))[0])


@pytest.mark.promise("S9")
def test_a_device_is_enrolled_by_the_code_and_the_first_that_proves_it_is_the_one() -> None:
    lead = enrolled(1, LEAD, "lead")
    device = roster(lead, invited(), proved()).by_replica[7]
    assert (device.name, device.role, device.key, device.upto) == ("Meja 1", "desk", key("device").public, NO_LIMIT)
    assert not roster(lead, invited(), proved(code="another")).by_replica
    assert not roster(lead, proved()).by_replica, "not invited"
    assert not roster(lead, invited(by=OPERATOR), proved()).by_replica, "invited by nobody with the right"
    twice = roster(lead, invited(), proved(), proved(5, 8, "second"))
    assert set(twice.by_replica) == {7}, "a code serves once"
    other = proved()
    stolen = read(seal(other.op._replace(body={**other.op.body, "replica": 9}))[0])
    assert not roster(lead, invited(), stolen).by_replica, "the proof is for one number alone"


@pytest.mark.promise("S9")
def test_a_retired_device_counts_up_to_what_was_known() -> None:
    lead = enrolled(1, LEAD, "lead")
    body = {"replica": 7, "upto": 42, "reason": "stolen", "at": 9}
    retired = event(9, "device.retired", INVITED, body, LEAD)
    assert roster(lead, invited(), proved(), retired).by_replica[7].upto == 42
    again = event(10, "device.retired", INVITED, {**body, "upto": 50}, LEAD)
    assert roster(lead, invited(), proved(), retired, again).by_replica[7].upto == 42, "never further than before"
    by_operator = event(9, "device.retired", INVITED, body, OPERATOR)
    assert (
        roster(lead, enrolled(2, OPERATOR, "operator", LEAD), invited(), proved(), by_operator).by_replica[7].upto
        == NO_LIMIT
    )


@pytest.mark.promise("S10")
def test_a_site_believes_its_own_key_alone() -> None:
    events = [enrolled(1, LEAD, "lead")]
    found = rosters({"AMB": SITE.public, "TUAL": key("tual").public}, events, verify)
    assert set(found["AMB"].people) == {LEAD} and not found["TUAL"].people
    assert rosters({}, events, verify) == {}
