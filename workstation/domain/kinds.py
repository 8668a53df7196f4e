"""Kinds of ops: past tense, one row each; which entity they speak of, what they do to its state, and their body.

`check` stands only at the door through which this desk's own services write. Who may write a kind is said in
`workstation.domain.rights`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from workstation.domain.ops import DIGEST_BYTES, VERSION, Op, as_at, as_count, as_dot, as_number, as_uid

TEXT_LIMIT: Final = 16_000
"""Longest text of one field or note, characters."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64


class Effect(StrEnum):
    """What an op of a kind does to its entity's state."""

    CREATE = "create"  # the entity's first facts, never changed
    SET = "set"  # writes registers
    ENTRY = "entry"  # adds a clock stamp, or another act there are few of
    LINE = "line"  # adds a line of text: it stands in the log, not in the state
    LATEST = "latest"  # an entry of which only the newest counts
    LIFE = "life"  # closes or reopens: an entry, and a write of the lifecycle register
    CORRECT = "correct"  # names the entry it puts right


class OpInvalid(ValueError):
    """What a service tried to append does not fit its kind; the text names the kind and the field."""


TEXT, COUNT, NUMBER, NAMES, UID, OPTIONAL_UID, DOT, STAMP, KEY, SIGNATURE, DIGEST, BLOB, UIDS = (
    "text", "count", "number", "names", "uid", "optional uid", "dot", "stamp", "key", "signature", "digest", "blob",
    "uids",
)  # fmt: skip


class Kind(Struct, frozen=True):
    """A kind's entity type ("" = the entity of the entry it names), effect and body."""

    entity: str
    effect: Effect
    required: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)


CALL_REGISTERS: Final[Mapping[str, str]] = dict.fromkeys(
    ("type", "callback", "caller_name", "relation", "language"), TEXT
)
CASUALTIES: Final = ("injured", "dead", "trapped", "missing")
"""Counts that keep an incident open when they came while somebody else closed it (promise M6)."""
INCIDENT_REGISTERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "city", "district", "village", "place", "landmark", "rt", "rw", "street", "floor", "access",
            "point_source", "confidence", "type", "priority_reason", "callback", "caller_name", "caller_elsewhere",
            "hearse_place",
        ),
        TEXT,
    ),
    **dict.fromkeys(("lat", "lon", "radius_m", "sea_bearing_deg", "sea_distance_m"), NUMBER),
    **dict.fromkeys(
        (
            "priority", *CASUALTIES, "affected", "families", "children", "elderly", "disabled",
            "start_red", "start_yellow", "start_green", "start_black",
        ),
        COUNT,
    ),
    **dict.fromkeys(("hazards", "needs"), NAMES),
    "hearse_at": STAMP,
}  # fmt: skip
REGISTERS: Final[Mapping[str, Mapping[str, str]]] = {"offer": CALL_REGISTERS, "incident": INCIDENT_REGISTERS}

_AT: Final = {"at": STAMP}
_WHY: Final = {**_AT, "reason": TEXT}
_RANG: Final = {
    **dict.fromkeys(("number", "e164", "identity", "display", "dialled", "key", "sip_call_id", "desk"), TEXT), **_AT,
}  # fmt: skip
_SEALED: Final = {"key": KEY, "sealed": BLOB}

KINDS: Final[Mapping[str, Kind]] = {
    "offer.rang": Kind("offer", Effect.CREATE, _RANG, {"direction": TEXT}),
    "offer.answered": Kind("offer", Effect.ENTRY, _AT),
    "offer.held": Kind("offer", Effect.ENTRY, _AT),
    "offer.resumed": Kind("offer", Effect.ENTRY, _AT),
    "offer.ended": Kind("offer", Effect.ENTRY, _WHY),
    "call.classified": Kind("offer", Effect.SET),
    "call.described": Kind("offer", Effect.SET),
    "call.wrapped_up": Kind("offer", Effect.ENTRY, _AT),
    "call.called_back": Kind("offer", Effect.ENTRY, {**_AT, "outcome": TEXT}, {"offer": UID, "note": TEXT}),
    "incident.opened": Kind("incident", Effect.CREATE, {"number": TEXT, "call": OPTIONAL_UID, "desk": TEXT, **_AT}),
    "incident.edited": Kind("incident", Effect.SET),
    "incident.settled": Kind("incident", Effect.SET),
    "incident.noted": Kind("incident", Effect.LINE, {"text": TEXT, **_AT}),
    "incident.closed": Kind("incident", Effect.LIFE, {**_AT, "disposition": TEXT}),
    "incident.reopened": Kind("incident", Effect.LIFE, _WHY),
    "link.made": Kind("link", Effect.CREATE, {"kind": TEXT, "from": UID, "to": UID, **_AT}),
    "link.undone": Kind("link", Effect.LIFE, _WHY),
    "link.restored": Kind("link", Effect.LIFE, _WHY),
    "assignment.planned": Kind(
        "assignment", Effect.CREATE, {"incident": UID, "agency": TEXT, "channel": TEXT, "unit": TEXT, **_AT}
    ),
    "assignment.notified": Kind("assignment", Effect.ENTRY, {**_AT, "proof": TEXT}),
    "assignment.acknowledged": Kind("assignment", Effect.ENTRY, _AT, {"by": TEXT}),
    "assignment.departed": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.arrived": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.done": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.cancelled": Kind("assignment", Effect.ENTRY, _WHY),
    "assignment.refused": Kind("assignment", Effect.ENTRY, _WHY),
    "assignment.noted": Kind("assignment", Effect.LINE, {"text": TEXT, **_AT}),
    "entry.corrected": Kind("", Effect.CORRECT, {"entry": DOT, "reason": TEXT}, {"text": TEXT, "at": STAMP}),
    "person.enrolled": Kind("person", Effect.CREATE, {**dict.fromkeys(("login", "name", "role"), TEXT), **_SEALED}),
    "person.granted": Kind("person", Effect.ENTRY, {"role": TEXT, **_AT}),
    "person.retired": Kind("person", Effect.ENTRY, _WHY),
    "person.secret_changed": Kind("person", Effect.ENTRY, {**_SEALED, **_AT}),
    "person.signed_in": Kind("person", Effect.LATEST, {"desk": TEXT, **_AT}),
    "person.signed_out": Kind("person", Effect.LATEST, {"desk": TEXT, **_AT}),
    "device.invited": Kind("device", Effect.CREATE, {"name": TEXT, "role": TEXT, "key": KEY, **_AT}),
    "device.enrolled": Kind("device", Effect.ENTRY, {"replica": COUNT, "key": KEY, "proof": SIGNATURE, **_AT}),
    "device.retired": Kind("device", Effect.ENTRY, {"replica": COUNT, "upto": COUNT, **_WHY}),
    "site.recovery_named": Kind("site", Effect.CREATE, {"key": KEY, "number": COUNT, **_AT}),
    "hold.placed": Kind("hold", Effect.CREATE, {"on": UIDS, **_WHY}),
    "hold.lifted": Kind("hold", Effect.LIFE, _WHY),
    "erasure.ordered": Kind("erasure", Effect.CREATE, {"entities": UIDS, **_WHY}),
    "record.erased": Kind("erasure", Effect.ENTRY, {"entities": UIDS, **_AT}),
    "record.exported": Kind("export", Effect.CREATE, {"what": TEXT, "digest": DIGEST, **_WHY}),
    "attachment.added": Kind(
        "attachment", Effect.CREATE, {"about": UID, "name": TEXT, "size": COUNT, "digest": DIGEST, "key": KEY, **_AT}
    ),
    "shift.handed_over": Kind("handover", Effect.CREATE, {"shift": TEXT, "to": UID, "report": DIGEST, **_AT}),
    "shift.taken_over": Kind("handover", Effect.ENTRY, {"report": DIGEST, **_AT}),
}
REASONS: Final = ("caller_hung_up", "desk_hung_up", "cancelled", "answered_elsewhere", "refused", "failed", "lost")
IDENTITIES: Final = ("mobile", "landline", "no_sim", "withheld", "foreign", "unknown")
PROOFS: Final = ("call", "read_out", "receipt")
OUTCOMES: Final = ("reached", "no_answer", "busy", "failed")
LINKS: Final = ("call", "duplicate", "related", "part", "follow_up", "call_back")
"""`from` an incident `to`: the call it tells of, the incident it is the same as, one it has to do with, the major event
it is a part of; `from` a call `to` the incident it asks after, or the call it answers."""
DEVICE_ROLES: Final = ("desk", "hub")
ROLES: Final = ("operator", "lead", "it")
CHOICES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("offer.ended", "reason"): REASONS,
    ("offer.rang", "identity"): IDENTITIES,
    ("offer.rang", "direction"): ("in", "out"),
    ("call.called_back", "outcome"): OUTCOMES,
    ("assignment.notified", "proof"): PROOFS,
    ("person.enrolled", "role"): ROLES,
    ("person.granted", "role"): ROLES,
    ("device.invited", "role"): DEVICE_ROLES,
    ("link.made", "kind"): LINKS,
}

Upcaster = Callable[[Op], Op]
UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}
"""(kind, version) to the pure function that rewrites an op as the next version would; empty while there is one."""


def upcast(op: Op) -> Op:
    """The op as this program's version would have written it; an op of a newer version is left as it is."""
    while op.version < VERSION and (step := UPCASTERS.get((op.kind, op.version))) is not None:
        op = step(op)
    return op


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    TEXT: lambda v: isinstance(v, str) and len(v) <= TEXT_LIMIT,
    COUNT: lambda v: type(v) is int and as_count(v) is not None and v >= 0,
    NUMBER: lambda v: as_number(v) is not None,
    NAMES: lambda v: (
        isinstance(v, list | tuple) and len(v) <= 64 and all(isinstance(n, str) and len(n) <= 100 for n in v)
    ),
    UID: lambda v: as_uid(v) != b"",
    UIDS: lambda v: isinstance(v, list | tuple) and 0 < len(v) <= 1000 and all(as_uid(uid) for uid in v),
    OPTIONAL_UID: lambda v: v == b"" or as_uid(v) != b"",
    DOT: lambda v: as_dot(v) is not None,
    STAMP: lambda v: as_at(v) is not None,
    KEY: lambda v: isinstance(v, bytes) and len(v) == KEY_BYTES,
    SIGNATURE: lambda v: isinstance(v, bytes) and len(v) == SIGNATURE_BYTES,
    DIGEST: lambda v: isinstance(v, bytes) and len(v) == DIGEST_BYTES,
    BLOB: lambda v: isinstance(v, bytes) and len(v) <= 1024,
}


def check(kind: str, body: Mapping[str, Any]) -> Kind:
    """Let through what a service may append; returns the kind's row.

    Raises OpInvalid for an unknown kind, a missing or unknown field, or a value of the wrong shape.
    """
    known = KINDS.get(kind)
    if known is None:
        raise OpInvalid(f"{kind}: no such kind of op")
    if known.effect is Effect.SET:
        _check_set(kind, REGISTERS[known.entity], body)
        return known
    if known.effect is Effect.LIFE:
        body = {name: value for name, value in body.items() if name not in ("seen", "casualties")}
    if missing := known.required.keys() - body.keys():
        raise OpInvalid(f"{kind}: {', '.join(sorted(missing))} missing")
    for name, value in body.items():
        expected = known.required.get(name) or known.optional.get(name)
        if expected is None:
            raise OpInvalid(f"{kind}: has no field {name}")
        if not _FITS[expected](value):
            raise OpInvalid(f"{kind}: {name} is not a {expected}")
        if (choices := CHOICES.get((kind, name))) and value not in choices:
            raise OpInvalid(f"{kind}: {name} is none of {', '.join(choices)}")
    if known.effect is Effect.CORRECT and not ({"text", "at"} & body.keys()):
        raise OpInvalid(f"{kind}: corrects neither text nor at")
    return known


def _check_set(kind: str, registers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    writes = body.get("set")
    if not body.keys() <= {"set", "after"} or not isinstance(writes, dict) or not writes:
        raise OpInvalid(f"{kind}: the body is one non-empty set")
    for name, write in writes.items():
        if name not in registers:
            raise OpInvalid(f"{kind}: has no register {name}")
        if not isinstance(write, list | tuple) or len(write) != 2 or not isinstance(write[1], list | tuple):
            raise OpInvalid(f"{kind}: {name} is not [value, [dot, ...]]")
        if write[0] is not None and not _FITS[registers[name]](write[0]):
            raise OpInvalid(f"{kind}: {name} is not a {registers[name]}")
        if any(as_dot(dot) is None for dot in write[1]):
            raise OpInvalid(f"{kind}: {name} replaces something that is no dot")
