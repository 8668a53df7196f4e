"""Ops: every act in the record, who did it, when, on what; and what values of a body are taken for.

An op is never refused on the way in from a peer (promise M8): unknown kinds, unknown fields and values that do not fit
are kept and forwarded. Which kinds there are, and what a service may append: `workstation.domain.kinds`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from workstation.domain.ids import UID_BYTES, Uid

Dot = tuple[int, int]
"""(replica, seq): names one op for ever."""
Body = dict[str, Any]
"""None, bool, int, float, str, bytes, lists and string-keyed dicts of these."""

VERSION: Final = 1
"""Schema version this program writes."""
DIGEST_BYTES: Final = 32
NAME_LIMIT: Final = 256
"""Longest text anything is looked up by, characters: every database can index it."""


class Op(NamedTuple):
    """One act: who (replica, person, site), when (hlc, at), on what (entity), what (kind, version, body).

    Promise M1. `salt` hides the body in the chain and comes with the first op of a replica on an entity (promise M2);
    `signature` is the person's own, where the kind asks for one (promise S10). `erased` is the digest that stands for
    a body taken away by retention, b"" where the body is here.
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
    salt: bytes = b""
    signature: bytes = b""
    erased: bytes = b""

    @property
    def dot(self) -> Dot:
        return (self.replica, self.seq)


def as_text(value: object) -> str:
    """A text for a face column, "" where it is none."""
    return value if isinstance(value, str) else ""


def as_name(value: object) -> str:
    """A text by which things are looked up, "" where it is none: too long for an index, or with a NUL in it."""
    return value if isinstance(value, str) and len(value) <= NAME_LIMIT and "\0" not in value else ""


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


def as_digest(value: object) -> bytes:
    """A sha256, b"" where it is none."""
    return value if isinstance(value, bytes) and len(value) == DIGEST_BYTES else b""


def as_dot(value: object) -> Dot | None:
    """A dot out of what a body carries it as, [replica, seq]; None where it is none."""
    if isinstance(value, list | tuple) and len(value) == 2:
        replica, seq = value
        if type(replica) is int and type(seq) is int and 0 <= replica < 1 << 32 and 0 < seq < 1 << 63:
            return (replica, seq)
    return None
