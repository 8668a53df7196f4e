"""A frame: ops in the sender's order of arrival, and where each replica's run ends, its device's signature (S3, S11).

    frame = zstd( [protocol, first bytes, [header, …], [rest, …], [seal, …], [salt, …]] )
    seal  = [replica, seq, signature]    salt = [replica, entity, salt]
    signature = the device's signature of (replica, seq, head of its chain there)

An op's bytes are its first byte, its header and the rest; headers stand together, for they are much alike.

A chain's hash does not travel: the receiver computes it, and the seal says whether it is the author's. Salts come only
where the receiver asked for them: it has erased the op that brought them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeVar

import msgspec
import zstandard

from sync.opwire import OP_LIMIT, SALT_BYTES, ProtocolError, split, unpack
from sync.protocol import FRAME_BYTES, FRAME_OPS, FRAME_OVERHEAD, PROTOCOL, Stored
from workstation.domain.ids import UID_BYTES, Uid
from workstation.domain.kinds import SIGNATURE_BYTES

_SEALED: Final = b"tahuri head 1\0"
_LEVEL: Final = 3
"""A backlog is cut by a twentieth more at level 6, for four times the work."""
_FIRST: Final = [bytes([n]) for n in range(256)]
_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_SEQ = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
_UID = Annotated[bytes, msgspec.Meta(min_length=UID_BYTES, max_length=UID_BYTES)]
_SALT = Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
_SEAL = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class Frame(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a frame unfolds to: ops in three parts each, (replica, seq, seal), and (replica, entity, salt)."""

    protocol: _U32
    firsts: Annotated[bytes, msgspec.Meta(max_length=FRAME_OPS)]
    headers: Annotated[list[bytes], msgspec.Meta(max_length=FRAME_OPS)]
    rests: Annotated[list[bytes], msgspec.Meta(max_length=FRAME_OPS)]
    seals: Annotated[list[tuple[_U32, _SEQ, _SEAL]], msgspec.Meta(max_length=FRAME_OPS)]
    salts: Annotated[list[tuple[_U32, _UID, _SALT]], msgspec.Meta(max_length=FRAME_OPS)] = []

    @property
    def parts(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Each op in its parts."""
        return zip(self.firsts, self.headers, self.rests, strict=True)

    @property
    def ops(self) -> list[bytes]:
        """The ops as their authors wrote them."""
        return [joined(*parts) for parts in self.parts]


class Frame1(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A frame as version 1 of the exchange has it: ops in one piece each, no salts."""

    protocol: _U32
    ops: Annotated[list[bytes], msgspec.Meta(max_length=FRAME_OPS)]
    seals: Annotated[list[tuple[_U32, _SEQ, _SEAL]], msgspec.Meta(max_length=FRAME_OPS)]
    salts: tuple[()] = ()

    @property
    def parts(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Each op in its parts. Raises ProtocolError for what is no op."""
        return map(split, self.ops)


_F = TypeVar("_F", Frame, Frame1)


class _Spoken(msgspec.Struct, array_like=True, frozen=True, gc=False):
    protocol: _U32


_decoder = msgspec.msgpack.Decoder(Frame)
_decoder1 = msgspec.msgpack.Decoder(Frame1)
_spoken = msgspec.msgpack.Decoder(_Spoken)


def joined(first: int, header: bytes, rest: bytes) -> bytes:
    """An op's bytes out of their parts."""
    return _FIRST[first] + header + rest


def sealing(replica: int, seq: int, head: bytes) -> bytes:
    """What a device signs to say that its chain comes to this head at this op."""
    return _SEALED + replica.to_bytes(4, "big") + seq.to_bytes(8, "big") + head


def cut(ops: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """Split ops, in order, into runs that fit a frame each and end where every replica's run is sealed.

    A tail that no seal ends is left out: it comes with the op that is sealed.
    """
    start = size = end = 0
    unsealed: set[int] = set()
    for index, stored in enumerate(ops):
        size += len(stored.raw)
        if end > start and (index - start >= FRAME_OPS or size > FRAME_BYTES):
            yield ops[start:end]
            start = end
            size = sum(len(later.raw) for later in ops[start : index + 1])
        if stored.seal:
            unsealed.discard(stored.replica)
        else:
            unsealed.add(stored.replica)
        if not unsealed:
            end = index + 1
    if end > start:
        yield ops[start:end]


def pack_frame(
    ops: Sequence[Stored], salts: Mapping[tuple[int, Uid], bytes] | None = None, spoken: int = PROTOCOL
) -> bytes:
    """A frame of at most `FRAME_OPS` ops and `FRAME_BYTES`, in which the last op of each replica is sealed.

    In the version of the exchange that is `spoken` with the peer.
    """
    if len(ops) > FRAME_OPS or sum(len(stored.raw) for stored in ops) > max(FRAME_BYTES, OP_LIMIT):
        raise ProtocolError("more ops than a frame holds")
    last = {stored.replica: (stored.replica, stored.seq, stored.seal) for stored in ops}
    if spoken == 1:
        first = Frame1(1, [stored.raw for stored in ops], list(last.values()))
        return packed_frame(first)
    along = [(replica, entity, salt) for (replica, entity), salt in (salts or {}).items()]
    parts = [split(stored.raw) for stored in ops]
    firsts = bytes(first for first, _, _ in parts)
    headers, rests = [header for _, header, _ in parts], [rest for _, _, rest in parts]
    return packed_frame(Frame(PROTOCOL, firsts, headers, rests, list(last.values()), along))


def packed_frame(frame: Frame | Frame1) -> bytes:
    """The bytes of a frame as they travel."""
    # A compressor is one thread's (python-zstandard, "not thread safe"), and a hub answers several desks at once.
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(frame))


def open_frame(packed: bytes) -> Frame | Frame1:
    """What lies in these bytes. Raises ProtocolError for what is no frame, or too large."""
    limit = FRAME_BYTES + FRAME_OVERHEAD
    if len(packed) > limit:
        raise ProtocolError(f"a frame of {len(packed)} bytes, the limit is {limit}")
    try:
        # max_window_size bounds the memory, read(limit + 1) the output: a bomb never unfolds.
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(io.BytesIO(packed))
        unfolded = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise ProtocolError(f"not a compressed frame: {error}") from error
    if len(unfolded) > limit:
        raise ProtocolError(f"a frame unfolds past {limit} bytes")
    try:
        spoken = _spoken.decode(unfolded).protocol
        if spoken == 1:
            first = _decoder1.decode(unfolded)
            return _within(first, sum(map(len, first.ops)))
        if spoken > PROTOCOL:
            raise ProtocolError(f"a frame of version {spoken}, which is not spoken here")
        frame = _decoder.decode(unfolded)
    except ProtocolError:
        raise
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"not a frame: {error}") from error
    if not len(frame.firsts) == len(frame.headers) == len(frame.rests):
        raise ProtocolError("not a frame: its ops lack a part")
    return _within(frame, sum(map(len, frame.headers)) + sum(map(len, frame.rests)) + len(frame.firsts))


def _within(frame: _F, size: int) -> _F:
    if size > max(FRAME_BYTES, OP_LIMIT):
        raise ProtocolError(f"a frame with {size} bytes of ops, the limit is {FRAME_BYTES}")
    return frame


def salted(ops: Sequence[Stored]) -> set[tuple[int, Uid]]:
    """The (replica, entity) pairs of ops whose salt came with an earlier one."""
    pairs = set()
    for stored in ops:
        op = unpack(stored.raw)
        if not op.salt and not op.erased:
            pairs.add((op.replica, op.entity))
    return pairs
