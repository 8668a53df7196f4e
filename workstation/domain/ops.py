"""Ops: every act in the record, their kinds, and what a service may append.

An op is never refused on the way in from a peer (promise M8): unknown kinds, unknown fields and values that do not fit
are kept and forwarded. `check` stands only at the door through which this desk's own services write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from workstation.domain.ids import UID_BYTES, Uid

Dot = tuple[int, int]
"""(replica, seq): names one op for ever."""
Body = dict[str, Any]
"""None, bool, int, float, str, bytes, lists and string-keyed dicts of these."""

VERSION: Final = 1
"""Schema version this program writes."""
TEXT_LIMIT: Final = 16_000
"""Longest text of one field or note, characters."""


class Op(NamedTuple):
    """One act: who (replica, person, site), when (hlc, at), on what (entity), what (kind, version, body).

    Promise M1.
    """

    replica: int
    seq: int
    hlc: int
    entity: Uid
    kind: str
    version: int
    person: bytes
    site: str
    at: int
    body: Body

    @property
    def dot(self) -> Dot:
        return (self.replica, self.seq)


class Effect(StrEnum):
    """What an op of a kind does to its entity's state."""

    CREATE = "create"  # the entity's first facts, never changed
    SET = "set"  # writes registers
    ENTRY = "entry"  # adds a line or a clock stamp
    LATEST = "latest"  # an entry of which only the newest counts
    LIFE = "life"  # closes or reopens: an entry, and a write of the lifecycle register
    CORRECT = "correct"  # an entry that names the one it puts right


class OpInvalid(ValueError):
    """What a service tried to append does not fit its kind; the text names the kind and the field."""


TEXT, COUNT, NUMBER, NAMES, UID, OPTIONAL_UID, DOT, STAMP = (
    "text",
    "count",
    "number",
    "names",
    "uid",
    "optional uid",
    "dot",
    "stamp",
)


class Kind(Struct, frozen=True):
    """A kind's entity type ("" = the entity of the entry it names), effect and body."""

    entity: str
    effect: Effect
    required: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)


CALL_REGISTERS: Final[Mapping[str, str]] = dict.fromkeys(
    ("type", "callback", "caller_name", "relation", "language"), TEXT
)
INCIDENT_REGISTERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "village", "place", "landmark", "rt", "rw", "street", "point_source", "type", "priority_reason",
            "callback", "caller_name", "caller_elsewhere",
        ),
        TEXT,
    ),
    **dict.fromkeys(("lat", "lon", "radius_m"), NUMBER),
    **dict.fromkeys(("priority", "injured", "dead", "trapped", "missing", "families"), COUNT),
    **dict.fromkeys(("hazards", "needs"), NAMES),
}  # fmt: skip

_AT: Final = {"at": STAMP}
_RANG: Final = {
    **dict.fromkeys(("number", "e164", "identity", "display", "dialled", "key", "sip_call_id", "desk"), TEXT), **_AT,
}  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {
    "offer.rang": Kind("offer", Effect.CREATE, _RANG),
    "offer.answered": Kind("offer", Effect.ENTRY, _AT),
    "offer.held": Kind("offer", Effect.ENTRY, _AT),
    "offer.resumed": Kind("offer", Effect.ENTRY, _AT),
    "offer.ended": Kind("offer", Effect.ENTRY, {**_AT, "reason": TEXT}),
    "call.classified": Kind("offer", Effect.SET),
    "call.described": Kind("offer", Effect.SET),
    "incident.opened": Kind("incident", Effect.CREATE, {"number": TEXT, "call": OPTIONAL_UID, "desk": TEXT, **_AT}),
    "incident.edited": Kind("incident", Effect.SET),
    "incident.settled": Kind("incident", Effect.SET),
    "incident.noted": Kind("incident", Effect.ENTRY, {"text": TEXT, **_AT}),
    "incident.linked": Kind("incident", Effect.ENTRY, {"call": UID}, _AT),
    "incident.closed": Kind("incident", Effect.LIFE, {**_AT, "disposition": TEXT}),
    "incident.reopened": Kind("incident", Effect.LIFE, {**_AT, "reason": TEXT}),
    "assignment.planned": Kind(
        "assignment", Effect.CREATE, {"incident": UID, "agency": TEXT, "channel": TEXT, "unit": TEXT, **_AT}
    ),
    "assignment.notified": Kind("assignment", Effect.ENTRY, {**_AT, "proof": TEXT}),
    "assignment.acknowledged": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.departed": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.arrived": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.done": Kind("assignment", Effect.ENTRY, _AT),
    "assignment.cancelled": Kind("assignment", Effect.ENTRY, {**_AT, "reason": TEXT}),
    "assignment.refused": Kind("assignment", Effect.ENTRY, {**_AT, "reason": TEXT}),
    "entry.corrected": Kind("", Effect.CORRECT, {"entry": DOT, "reason": TEXT}, {"text": TEXT, "at": STAMP}),
    "person.enrolled": Kind("person", Effect.CREATE, dict.fromkeys(("login", "name", "role", "verifier"), TEXT)),
    "person.signed_in": Kind("person", Effect.LATEST, {"desk": TEXT, **_AT}),
    "person.signed_out": Kind("person", Effect.LATEST, {"desk": TEXT, **_AT}),
}
ROLES: Final = ("operator", "lead", "it")
REASONS: Final = ("caller_hung_up", "desk_hung_up", "cancelled", "answered_elsewhere", "refused", "failed", "lost")
IDENTITIES: Final = ("mobile", "landline", "no_sim", "withheld", "foreign", "unknown")
PROOFS: Final = ("call", "read_out", "receipt")
CHOICES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("offer.ended", "reason"): REASONS,
    ("offer.rang", "identity"): IDENTITIES,
    ("assignment.notified", "proof"): PROOFS,
    ("person.enrolled", "role"): ROLES,
}

Upcaster = Callable[[Op], Op]
UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}
"""(kind, version) to the pure function that rewrites an op as the next version would; empty while there is one."""


def upcast(op: Op) -> Op:
    """The op as this program's version would have written it; an op of a newer version is left as it is."""
    while op.version < VERSION and (step := UPCASTERS.get((op.kind, op.version))) is not None:
        op = step(op)
    return op


def as_text(value: object) -> str:
    """A text for a face column, "" where it is none."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """A whole number that SQLite holds, None where it is none; a float without a fraction is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def as_number(value: object) -> float | None:
    """A finite number, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < float("inf") else None  # NaN compares false too


def as_at(value: object) -> int | None:
    """A time in ms UTC within the range of stamps, None where it is none."""
    number = as_count(value)
    return number if number is not None and 0 <= number < 1 << 47 else None


def as_uid(value: object) -> Uid:
    """A 16-byte name, b"" where it is none."""
    return value if isinstance(value, bytes) and len(value) == UID_BYTES else b""


def as_dot(value: object) -> Dot | None:
    """A dot out of what a body carries it as, [replica, seq]; None where it is none."""
    if isinstance(value, list | tuple) and len(value) == 2:
        replica, seq = value
        if type(replica) is int and type(seq) is int and 0 <= replica < 1 << 32 and 0 < seq < 1 << 63:
            return (replica, seq)
    return None


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    TEXT: lambda v: isinstance(v, str) and len(v) <= TEXT_LIMIT,
    COUNT: lambda v: type(v) is int and as_count(v) is not None and v >= 0,
    NUMBER: lambda v: as_number(v) is not None,
    NAMES: lambda v: (
        isinstance(v, list | tuple) and len(v) <= 64 and all(isinstance(n, str) and len(n) <= 100 for n in v)
    ),
    UID: lambda v: as_uid(v) != b"",
    OPTIONAL_UID: lambda v: v == b"" or as_uid(v) != b"",
    DOT: lambda v: as_dot(v) is not None,
    STAMP: lambda v: as_at(v) is not None,
}


def check(kind: str, body: Mapping[str, Any]) -> Kind:
    """Let through what a service may append; returns the kind's row.

    Raises OpInvalid for an unknown kind, a missing or unknown field, or a value of the wrong shape.
    """
    known = KINDS.get(kind)
    if known is None:
        raise OpInvalid(f"{kind}: no such kind of op")
    if known.effect is Effect.SET:
        _check_set(kind, CALL_REGISTERS if known.entity == "offer" else INCIDENT_REGISTERS, body)
        return known
    expected = {**known.required, **known.optional}
    if known.effect is Effect.LIFE:
        body = {name: value for name, value in body.items() if name != "seen"}
    if missing := known.required.keys() - body.keys():
        raise OpInvalid(f"{kind}: {', '.join(sorted(missing))} missing")
    for name, value in body.items():
        if name not in expected:
            raise OpInvalid(f"{kind}: has no field {name}")
        if not _FITS[expected[name]](value):
            raise OpInvalid(f"{kind}: {name} is not a {expected[name]}")
        if (choices := CHOICES.get((kind, name))) and value not in choices:
            raise OpInvalid(f"{kind}: {name} is none of {', '.join(choices)}")
    if known.effect is Effect.CORRECT and not ({"text", "at"} & body.keys()):
        raise OpInvalid(f"{kind}: corrects neither text nor at")
    return known


def _check_set(kind: str, registers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    writes = body.get("set")
    if body.keys() != {"set"} or not isinstance(writes, dict) or not writes:
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
