"""One op as bytes: what its author wrote, what of it is hashed into the chain, and what is left after retention.

    op     = [header, body]  or, a replica's first op on an entity,  [header, body, salt]
    header = [replica, seq, hlc, lag, entity, kind, version, person, site]  or with the person's signature behind
    erased = [header, digest]
    digest = sha256(salt || seq, 8 bytes || body's bytes)
    head   = sha256(head before || header's bytes || digest)

All in msgpack. The chain covers the header and the digest, never the body itself: once body and salt are erased
everywhere the chain still verifies, and the digest tells nothing of a body that could be guessed (promise M2). `lag` is
how far the op's wall clock was behind its stamp, ms. Fields that a later version adds stand behind those of the header.

Everything that arrives is hostile until it has passed `parse`, which refuses with a sentence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from workstation.domain.hlc import COUNTER_BITS, HLC_LIMIT, ms_of
from workstation.domain.ids import UID_BYTES
from workstation.domain.kinds import SIGNATURE_BYTES
from workstation.domain.ops import DIGEST_BYTES, Op

OP_LIMIT: Final = 64 * 1024
"""Longest op, bytes."""
DEPTH_LIMIT: Final = 8
"""Deepest nesting of a body: a set is 4 deep."""
SALT_BYTES: Final = 16
GENESIS: Final = bytes(32)
"""The head before a replica's first op."""
_SIGNED: Final = b"tahuri op 1\0"
"""Goes before what a person signs, so that no signature made for one purpose serves another."""


class ProtocolError(ValueError):
    """Something that arrived is not what the protocol allows; the text says what."""


class Parsed(NamedTuple):
    """An op read out of its bytes, and the two parts of them that are hashed; `tail` is b"" where it was erased."""

    op: Op
    header: bytes
    tail: bytes


_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_SEQ = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]


class _Header(msgspec.Struct, array_like=True, frozen=True, gc=False):
    replica: _U32
    seq: _SEQ
    hlc: Annotated[int, msgspec.Meta(ge=0, le=HLC_LIMIT - 1)]
    lag: Annotated[int, msgspec.Meta(ge=0, lt=1 << 47)]
    entity: Annotated[bytes, msgspec.Meta(min_length=UID_BYTES, max_length=UID_BYTES)]
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    version: Annotated[int, msgspec.Meta(ge=1, lt=1 << 16)]
    person: Annotated[bytes, msgspec.Meta(max_length=UID_BYTES)]
    site: Annotated[str, msgspec.Meta(max_length=64)]
    signature: Annotated[bytes, msgspec.Meta(max_length=SIGNATURE_BYTES)] = b""


class _Outer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    header: msgspec.Raw
    body: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_outer = msgspec.msgpack.Decoder(_Outer)
_header = msgspec.msgpack.Decoder(_Header)
_body = msgspec.msgpack.Decoder(dict[str, Any])
_digest = msgspec.msgpack.Decoder(Annotated[bytes, msgspec.Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)])
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})
_UNSALTED, _SALTED = 0x92, 0x93
"""First byte of an op: an array of two, or of three."""
_SALT_HEAD: Final = b"\xc4\x10"
_SALT_PART: Final = len(_SALT_HEAD) + SALT_BYTES
_ERASED: Final = b"\xc4"
"""First byte of a short msgpack binary, which no map begins with."""
_new: Final = tuple.__new__
_sha256: Final = hashlib.sha256


def parse(raw: bytes) -> Parsed:
    """The op in these bytes. Raises ProtocolError: too long, too deep, not an op, or values no op carries."""
    return parse_parts(*split(raw))


def parse_parts(first: int, header: bytes, rest: bytes) -> Parsed:
    """The op in these three parts of its bytes (`split`). Raises as `parse`."""
    if len(header) + len(rest) >= OP_LIMIT:
        raise ProtocolError(f"an op of {1 + len(header) + len(rest)} bytes, the limit is {OP_LIMIT}")
    tail, salt = rest, b""
    if first == _SALTED:
        tail, salt = rest[:-_SALT_PART], rest[-SALT_BYTES:]
        if rest[-_SALT_PART:-SALT_BYTES] != _SALT_HEAD:
            raise ProtocolError("not an op: no salt where one should be")
    elif first != _UNSALTED:
        raise ProtocolError("not an op: neither two parts nor three")
    erased, body = b"", {}
    try:
        h = _header.decode(header)
        if tail[:1] == _ERASED:
            erased = _digest.decode(tail)
        else:
            body = _body.decode(tail)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise ProtocolError(f"not an op: {error}") from error
    for value in body.values():
        if type(value) not in _PLAIN and not _is_set(value):
            _bounded(value, 2)
    at = (h.hlc >> COUNTER_BITS) - h.lag
    fields = (h.replica, h.seq, h.hlc, h.entity, h.kind, h.version, h.person, h.site, at if at > 0 else 0, body, salt,
              h.signature, erased)  # fmt: skip
    # The constructors of named tuples take three times as long, and this is done for every op there is.
    return _new(Parsed, (_new(Op, fields), header, b"" if erased else tail))


def split(raw: bytes) -> tuple[int, bytes, bytes]:
    """An op's first byte, its header, and what is behind it. Raises ProtocolError for what is no op, or too long."""
    if len(raw) > OP_LIMIT:
        raise ProtocolError(f"an op of {len(raw)} bytes, the limit is {OP_LIMIT}")
    try:
        header = bytes(_outer.decode(raw).header)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"not an op: {error}") from error
    return raw[0], header, raw[1 + len(header) :]


def unpack(raw: bytes) -> Op:
    """The op in these bytes, where nobody needs to hash it. Raises as `parse`."""
    return parse(raw).op


def _is_set(value: Any) -> bool:
    """Whether this is what nearly every nested value is: {field: [plain value, [[replica, seq], …]]}."""
    if type(value) is not dict:
        return False
    for name, pair in value.items():
        if type(name) is not str or type(pair) is not list or len(pair) != 2 or type(pair[0]) not in _PLAIN:
            return False
        if type(pair[1]) is not list:
            return False
        for dot in pair[1]:
            if type(dot) is not list or len(dot) != 2 or type(dot[0]) is not int or type(dot[1]) is not int:
                return False
    return True


def _bounded(value: Any, depth: int) -> None:
    """Refuse what is nested too deep or is neither plain nor a container of plain values."""
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"an op's body is nested deeper than {DEPTH_LIMIT}")
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise ProtocolError("an op's body has a key that is no text")
            if type(item) not in _PLAIN:
                _bounded(item, depth + 1)
    elif type(value) is list:
        for item in value:
            if type(item) not in _PLAIN:
                _bounded(item, depth + 1)
    else:
        raise ProtocolError(f"an op's body carries a {type(value).__name__}")


def pack(op: Op, sign: Callable[[bytes], bytes] | None = None, salt: bytes = b"") -> bytes:
    """An op's bytes, stored, hashed and forwarded as they are. Raises ProtocolError where msgpack has none.

    `sign` puts the person's signature in, for which `salt` is the replica's on the entity, where the op does not bring
    it; without it the op keeps the one it has.
    """
    lag = max(0, ms_of(op.hlc) - op.at)
    fields = (op.replica, op.seq, op.hlc, lag, op.entity, op.kind, op.version, op.person, op.site)
    try:
        tail = _encoder.encode(op.erased or op.body)
        signature = sign(_message(_encoder.encode(fields), digest(op, tail, salt))) if sign else op.signature
        header = _encoder.encode((*fields, signature) if signature else fields)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"{op.kind}: does not fit the wire: {error}") from error
    if op.salt and not op.erased:
        if len(op.salt) != SALT_BYTES:
            raise ProtocolError(f"a salt of {len(op.salt)} bytes")
        return b"\x93" + header + tail + _SALT_HEAD + op.salt
    return b"\x92" + header + tail


def seal(op: Op, sign: Callable[[bytes], bytes] | None = None, salt: bytes = b"") -> tuple[bytes, Parsed]:
    """An op's bytes, and what everybody will read out of them, so that its author folds what others fold.

    Raises ProtocolError where they break a limit.
    """
    raw = pack(op, sign, salt)
    return raw, parse(raw)


def digest(op: Op, tail: bytes, salt: bytes = b"") -> bytes:
    """What stands for a body in the chain; `salt` is the replica's on this entity, where the op does not bring it."""
    if op.erased:
        return op.erased
    return hashlib.sha256((op.salt or salt) + op.seq.to_bytes(8, "big") + tail).digest()


def chained(head: bytes, header: bytes, digest: bytes) -> bytes:
    """The next head of a replica's chain."""
    return hashlib.sha256(head + header + digest).digest()


def next_head(head: bytes, parsed: Parsed, salt: bytes) -> bytes:
    """The head after an op; `salt` is its replica's on its entity, where the op does not bring it."""
    op, header, tail = parsed
    # As `chained` of `digest`, without their calls: this is done for every op there is.
    hidden = op.erased or _sha256((op.salt or salt) + op.seq.to_bytes(8, "big") + tail).digest()
    return _sha256(head + header + hidden).digest()


def signed_message(parsed: Parsed, salt: bytes) -> bytes:
    """What the person's signature of an op covers: all of it, before and after its body is erased."""
    op = parsed.op
    lag = max(0, ms_of(op.hlc) - op.at)
    fields = (op.replica, op.seq, op.hlc, lag, op.entity, op.kind, op.version, op.person, op.site)
    return _message(_encoder.encode(fields), digest(op, parsed.tail, salt))


def _message(fields: bytes, digest: bytes) -> bytes:
    return _SIGNED + fields + digest


def erase(parsed: Parsed, salt: bytes) -> bytes:
    """An op's bytes without its body and salt: the digest in its place."""
    return b"\x92" + parsed.header + _encoder.encode(digest(parsed.op, parsed.tail, salt))
