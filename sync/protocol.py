"""The exact bytes that travel and lie on disk: one op, a frame of ops, the messages around them, and their limits.

Everything that arrives is hostile until it has passed `unpack` or `open_frame`; those refuse with a sentence and apply
nothing.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import zstandard

from workstation.domain.hlc import HLC_LIMIT
from workstation.domain.ids import UID_BYTES
from workstation.domain.ops import Op

PROTOCOL: Final = 1
"""Version of the exchange this program speaks."""
PROTOCOLS: Final = frozenset({1})
"""Versions it understands."""
OP_LIMIT: Final = 64 * 1024
"""Longest op, bytes."""
DEPTH_LIMIT: Final = 8
"""Deepest nesting of a body: a set is 4 deep."""
FRAME_OPS: Final = 1_000
FRAME_BYTES: Final = 1024 * 1024
"""Most ops and most bytes of ops in a frame, before compression (promise S3)."""
FRAME_OVERHEAD: Final = 256 * 1024
"""What heads and lengths may add to `FRAME_BYTES`."""
GENESIS: Final = bytes(32)
"""The head before a replica's first op."""

Vector = Mapping[int, int]
"""replica to the greatest seq had of it."""
Heads = Mapping[int, bytes]
"""replica to the hash of its chain at that seq."""


class ProtocolError(ValueError):
    """Something that arrived is not what the protocol allows; the text says what."""


class ChainBroken(ProtocolError):
    """The ops of a replica do not lead to the announced head: altered, left out, or two histories (promise M1)."""

    def __init__(self, replica: int, seq: int) -> None:
        super().__init__(f"replica {replica}: the ops up to {seq} do not match their announced hash")
        self.replica, self.seq = replica, seq


class Gap(ProtocolError):
    """Ops of a replica are missing in between; `vector` says what the receiver has (promise S3)."""

    def __init__(self, replica: int, expected: int, got: int, vector: Vector) -> None:
        super().__init__(f"replica {replica}: op {expected} is missing, {got} came")
        self.replica, self.expected, self.got = replica, expected, got
        self.vector = dict(vector)


class Stored(NamedTuple):
    """One op as it lies in a log: its dot, the author's exact bytes, the chain's hash after it (b"" = not known)."""

    replica: int
    seq: int
    raw: bytes
    head: bytes = b""


_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_SEQ = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
_HASH = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An op's fields in their order on the wire; a later version may add some behind, which stay in `raw`."""

    replica: _U32
    seq: _SEQ
    hlc: Annotated[int, msgspec.Meta(ge=0, le=HLC_LIMIT - 1)]
    entity: Annotated[bytes, msgspec.Meta(min_length=UID_BYTES, max_length=UID_BYTES)]
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    version: Annotated[int, msgspec.Meta(ge=1, lt=1 << 16)]
    person: Annotated[bytes, msgspec.Meta(max_length=UID_BYTES)]
    site: Annotated[str, msgspec.Meta(max_length=64)]
    at: Annotated[int, msgspec.Meta(ge=0, lt=1 << 47)]
    body: dict[str, Any]


_op_encoder = msgspec.msgpack.Encoder()
_op_decoder = msgspec.msgpack.Decoder(_Wire)
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def pack(op: Op) -> bytes:
    """An op's bytes, stored, hashed and forwarded as they are. Raises ProtocolError where they break a limit."""
    return seal(op)[0]


def seal(op: Op) -> tuple[bytes, Op]:
    """An op's bytes, and the op as everybody will read it out of them, so that its author folds what others fold."""
    try:
        raw = _op_encoder.encode(tuple(op))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"{op.kind}: does not fit the wire: {error}") from error
    return raw, unpack(raw)


def unpack(raw: bytes) -> Op:
    """The op in these bytes. Raises ProtocolError: too long, too deep, not an op, or values no op carries."""
    if len(raw) > OP_LIMIT:
        raise ProtocolError(f"an op of {len(raw)} bytes, the limit is {OP_LIMIT}")
    try:
        wire = _op_decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise ProtocolError(f"not an op: {error}") from error
    _bounded(wire.body, 1)
    return Op(
        wire.replica,
        wire.seq,
        wire.hlc,
        wire.entity,
        wire.kind,
        wire.version,
        wire.person,
        wire.site,
        wire.at,
        wire.body,
    )


def _bounded(value: Any, depth: int) -> None:
    """Refuse what is nested too deep or is neither plain nor a container of plain values."""
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"an op's body is nested deeper than {DEPTH_LIMIT}")
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise ProtocolError("an op's body has a key that is no text")
        inner: Iterable[Any] = value.values()
    elif type(value) is list:
        inner = value
    else:
        raise ProtocolError(f"an op's body carries a {type(value).__name__}")
    for item in inner:
        if type(item) not in _PLAIN:
            _bounded(item, depth + 1)


def chained(head: bytes, raw: bytes) -> bytes:
    """The next head of a replica's chain: sha256(head || raw)."""
    return hashlib.sha256(head + raw).digest()


class _Frame(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Ops in the sender's arrival order, and per replica the head after its last op here."""

    protocol: _U32
    ops: Annotated[list[bytes], msgspec.Meta(max_length=FRAME_OPS)]
    heads: Annotated[list[tuple[_U32, _SEQ, _HASH]], msgspec.Meta(max_length=FRAME_OPS)]


_frame_decoder = msgspec.msgpack.Decoder(_Frame)
_compressor_level: Final = 3


def cut(ops: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """Split ops, in order, into runs that fit a frame each."""
    start = size = 0
    for index, stored in enumerate(ops):
        if index > start and (index - start >= FRAME_OPS or size + len(stored.raw) > FRAME_BYTES):
            yield ops[start:index]
            start, size = index, 0
        size += len(stored.raw)
    if start < len(ops):
        yield ops[start:]


def pack_frame(ops: Sequence[Stored]) -> bytes:
    """A frame of at most `FRAME_OPS` ops and `FRAME_BYTES`; the last op of each replica must carry its head."""
    if len(ops) > FRAME_OPS or sum(len(stored.raw) for stored in ops) > max(FRAME_BYTES, OP_LIMIT):
        raise ProtocolError("more ops than a frame holds")
    last = {stored.replica: (stored.replica, stored.seq, stored.head) for stored in ops}
    frame = _Frame(PROTOCOL, [stored.raw for stored in ops], list(last.values()))
    return zstandard.ZstdCompressor(level=_compressor_level).compress(msgspec.msgpack.encode(frame))


def open_frame(packed: bytes, vector: Vector, heads: Heads) -> list[Stored]:
    """The ops of a frame the receiver lacks, in their order, after every check; nothing is applied here.

    `vector` and `heads` say what the receiver has. Ops it has are left out. Raises Gap, ChainBroken, or ProtocolError
    for what is no frame, too large, or of another version.
    """
    frame = _decoded(packed)
    announced = {replica: (seq, head) for replica, seq, head in frame.heads}
    reached: dict[int, tuple[int, bytes]] = {}
    fresh: list[Stored] = []
    for raw in frame.ops:
        op = unpack(raw)
        seq, head = reached.get(op.replica) or (vector.get(op.replica, 0), heads.get(op.replica, GENESIS))
        if op.seq <= seq:
            continue
        if op.seq != seq + 1:
            raise Gap(op.replica, seq + 1, op.seq, vector)
        head = chained(head, raw)
        reached[op.replica] = (op.seq, head)
        fresh.append(Stored(op.replica, op.seq, raw, head))
    for replica, (seq, head) in reached.items():
        if announced.get(replica) != (seq, head):
            raise ChainBroken(replica, seq)
    for replica, (seq, head) in announced.items():
        if seq == vector.get(replica) and replica not in reached and head != heads.get(replica):
            raise ChainBroken(replica, seq)
    return fresh


def _decoded(packed: bytes) -> _Frame:
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
        frame = _frame_decoder.decode(unfolded)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"not a frame: {error}") from error
    if frame.protocol not in PROTOCOLS:
        raise ProtocolError(f"a frame of protocol {frame.protocol}, this program understands {sorted(PROTOCOLS)}")
    if sum(map(len, frame.ops)) > FRAME_BYTES:
        raise ProtocolError(f"a frame of more than {FRAME_BYTES} bytes of ops")
    return frame


class Hello(msgspec.Struct, frozen=True):
    """Who asks, and what they have.

    `epoch` is the hub's last known life (b"" = none), `now_ms` the asker's wall clock.
    """

    protocol: int
    site: str
    desk: str
    replica: int
    vector: dict[int, int]
    digest: bytes = b""
    epoch: bytes = b""
    now_ms: int = 0


class Welcome(msgspec.Struct, frozen=True):
    """The hub's answer to a hello: what it has, which life it is in, and its wall clock."""

    protocol: int
    epoch: bytes
    vector: dict[int, int]
    digest: bytes = b""
    now_ms: int = 0
    heartbeat_s: float = 5.0
    """How often its stream of events gives a sign of life."""


class Ack(msgspec.Struct, frozen=True):
    """What the hub has on disk after the commit, never before (promise S2)."""

    epoch: bytes
    vector: dict[int, int]


class Pull(msgspec.Struct, frozen=True):
    """What the asker has, how many ops it takes at once, and of what (`scope`: a site, "" = all the asker may see)."""

    vector: dict[int, int]
    limit: Annotated[int, msgspec.Meta(ge=1, le=FRAME_OPS)] = FRAME_OPS
    scope: str = ""


class Page(msgspec.Struct, frozen=True):
    """The answer to a pull: a frame of the next ops the asker lacks (b"" = none), and what the hub has."""

    epoch: bytes
    vector: dict[int, int]
    frame: bytes = b""


class Refusal(msgspec.Struct, frozen=True):
    """Why something was not taken: a sentence for IT, a word for the program, and the vector to go on from."""

    sentence: str
    vector: dict[int, int] = {}
    error: str = ""


GAP: Final = "gap"
CHAIN: Final = "chain"
"""`Refusal.error` of the two conflicts a push can meet: ops missing in between, and two histories of one replica."""


def event_id(epoch: bytes, vector: Vector) -> str:
    """Names a moment of a log: its life and the number of ops had, which only grows while seqs have no gaps."""
    return f"{epoch.hex()}-{sum(vector.values())}"


def read_event_id(text: str) -> tuple[bytes, int]:
    """The life and count in an event's id; (b"", 0) for a stranger's: then everything is new."""
    epoch, _, count = text.partition("-")
    try:
        return bytes.fromhex(epoch), int(count) if len(count) < 20 else 0
    except ValueError:
        return b"", 0
