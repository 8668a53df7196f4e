"""Who may do what, and which devices there are: a pure function of the roster's ops (promises S9, S10).

The site key, which IT keeps offline, signs the first lead and the first hub; from there on people with the role sign
each other's grants and invite devices. Whether a signature counts is decided by the order of stamps (clock, replica,
seq), the same everywhere and whatever came first: a grant counts from its stamp on, a retirement too. A device proves
its invitation with a key made of the one-time code, so that nobody who reads the record can enrol in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeGuard

from msgspec import Struct, field

from workstation.domain.ids import Uid
from workstation.domain.kinds import DEVICE_ROLES, KEY_BYTES, ROLES
from workstation.domain.ops import Op, as_count, as_text
from workstation.domain.rights import SITE_KEY_WRITES, WRITES

Order = tuple[int, int, int]
"""(hlc, replica, seq) of an op."""
Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, message): whether it fits."""
_ENROLMENT: Final = b"tahuri device 1\0"
NO_LIMIT: Final = 1 << 62


class Event(NamedTuple):
    """An op of the roster, and what its signature covers."""

    op: Op
    message: bytes

    @property
    def order(self) -> Order:
        return (self.op.hlc, self.op.replica, self.op.seq)


class Member(Struct):
    """A person of the roster: `spans` are their roles from a stamp on ("" = none any more), `keys` likewise."""

    uid: Uid
    spans: list[tuple[Order, str]] = field(default_factory=list)
    keys: list[tuple[Order, bytes]] = field(default_factory=list)

    def role_at(self, order: Order) -> str:
        """The role at that moment, "" = none."""
        return next((role for since, role in reversed(self.spans) if since < order), "")

    def key_at(self, order: Order) -> bytes:
        """The public key at that moment, b"" = none."""
        return next((key for since, key in reversed(self.keys) if since < order), b"")


class Device(Struct):
    """A device of the site: which replica it writes, by which key it signs, and how far its ops count."""

    entity: Uid
    name: str
    role: str
    site: str
    invitation: bytes
    """Public key of the one-time code."""
    replica: int = 0
    key: bytes = b""
    upto: int = NO_LIMIT
    """Its newest op that counts: ops past the one that was known when it was retired are its thief's."""


class Roster(Struct):
    """One site's people and devices. Made by `rosters`; look, don't touch."""

    site: str
    key: bytes
    people: dict[Uid, Member] = field(default_factory=dict)
    devices: dict[Uid, Device] = field(default_factory=dict)
    by_replica: dict[int, Device] = field(default_factory=dict)
    recovery: bytes = b""
    """The public key to which the site's records seal their own, b"" = none yet."""
    recovery_number: int = -1
    """Which of the site's recovery keys that is. The greatest counts, not the latest: no clock decides it."""

    def grants(self, event: Event, verify: Verify) -> bool:
        """Whether an op that needs a signature has that of somebody who had the right."""
        op, order = event.op, event.order
        if len(op.signature) == 0:
            return False
        if op.person == b"":
            return op.kind in SITE_KEY_WRITES and verify(self.key, op.signature, event.message)
        member = self.people.get(op.person)
        if member is None or member.role_at(order) not in WRITES[op.kind].roles:
            return False
        if op.kind == "person.secret_changed" and op.entity != op.person:
            return False
        return verify(member.key_at(order), op.signature, event.message)


Rosters = Mapping[str, Roster]
"""Roster by site."""


def rosters(keys: Mapping[str, bytes], events: Iterable[Event], verify: Verify) -> dict[str, Roster]:
    """The rosters of the sites whose public keys are known, out of all ops of kinds in `rights.ROSTER`."""
    found = {site: Roster(site, key) for site, key in keys.items()}
    for event in sorted(events, key=lambda event: event.order):
        roster = found.get(event.op.site)
        if roster is None:
            continue
        if event.op.kind == "device.enrolled":
            _enrolled(roster, event.op, verify)
        elif roster.grants(event, verify):
            _granted(roster, event)
    return found


def _granted(roster: Roster, event: Event) -> None:
    op, body = event.op, event.op.body
    kind, role = op.kind, as_text(body.get("role"))
    if kind == "device.invited":
        if op.entity not in roster.devices and role in DEVICE_ROLES and _is_key(body.get("key")):
            roster.devices[op.entity] = Device(op.entity, as_text(body.get("name")), role, op.site, body["key"])
    elif kind == "device.retired":
        device = roster.by_replica.get(as_count(body.get("replica")) or 0)
        if device is not None and device.entity == op.entity:
            device.upto = min(device.upto, as_count(body.get("upto")) or 0)
    elif kind == "site.recovery_named":
        number = as_count(body.get("number"))
        if number is not None and number > roster.recovery_number and _is_key(body.get("key")):
            roster.recovery, roster.recovery_number = body["key"], number
    elif kind == "person.enrolled":
        if op.entity not in roster.people and role in ROLES and _is_key(body.get("key")):
            roster.people[op.entity] = Member(op.entity, [(event.order, role)], [(event.order, body["key"])])
    elif member := roster.people.get(op.entity):
        if kind == "person.granted" and role in ROLES:
            member.spans.append((event.order, role))
        elif kind == "person.retired":
            member.spans.append((event.order, ""))
        elif kind == "person.secret_changed" and _is_key(body.get("key")):
            member.keys.append((event.order, body["key"]))


def _enrolled(roster: Roster, op: Op, verify: Verify) -> None:
    """The first device that proves the code is the one that was invited; a replica belongs to one device."""
    device, replica, key = roster.devices.get(op.entity), as_count(op.body.get("replica")), op.body.get("key")
    if device is None or device.key or not replica or replica in roster.by_replica or not _is_key(key):
        return
    proof = op.body.get("proof")
    if isinstance(proof, bytes) and verify(device.invitation, proof, enrolment(roster.site, op.entity, replica, key)):
        device.replica, device.key = replica, key
        roster.by_replica[replica] = device


def enrolment(site: str, invitation: Uid, replica: int, key: bytes) -> bytes:
    """What a new device signs with the key of its one-time code."""
    return _ENROLMENT + site.encode() + b"\0" + invitation + replica.to_bytes(4, "big") + key


def _is_key(value: object) -> TypeGuard[bytes]:
    return isinstance(value, bytes) and len(value) == KEY_BYTES
