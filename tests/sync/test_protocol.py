"""The bytes: what is packed comes out again, and nothing else comes in."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync import protocol
from sync.protocol import (
    DEPTH_LIMIT,
    FRAME_BYTES,
    FRAME_OPS,
    GENESIS,
    OP_LIMIT,
    ChainBroken,
    Gap,
    ProtocolError,
    Stored,
    chained,
    cut,
    open_frame,
    pack,
    pack_frame,
    unpack,
)
from tests.domain.histories import PLAIN
from workstation.domain.ops import Op

ONE = Op(7, 1, 1 << 40, b"e" * 16, "incident.noted", 1, b"", "AMB", 1_767_225_600_000, {"text": "x", "at": 1})


def chain(count: int, replica: int = 7, text: str = "x") -> list[Stored]:
    """A replica's first ops."""
    head, found = GENESIS, []
    for seq in range(1, count + 1):
        raw = pack(ONE._replace(replica=replica, seq=seq, body={"text": text, "at": seq}))
        head = chained(head, raw)
        found.append(Stored(replica, seq, raw, head))
    return found


@pytest.mark.promise("M1")
@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=4))
def test_an_op_comes_out_as_it_went_in(body: dict[str, Any]) -> None:
    raw = pack(ONE._replace(body=body))
    again = unpack(raw)
    assert pack(again) == raw
    assert repr(again.body) == repr(body)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"replica": 1 << 32}, "replica|int"),
        ({"seq": 0}, "int"),
        ({"hlc": 1 << 63}, "int"),
        ({"entity": b"short"}, "length"),
        ({"kind": ""}, "length"),
        ({"kind": "x" * 65}, "length"),
        ({"person": b"p" * 17}, "length"),
        ({"at": -1}, "int"),
        ({"body": {"x": "y" * OP_LIMIT}}, "the limit is"),
        ({"body": {"x": {1: 2}}}, "no text"),
        ({"body": {"x": object()}}, "does not fit"),
    ],
)
def test_an_op_outside_the_limits_is_not_packed(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        pack(ONE._replace(**change))


def test_depth_is_bounded() -> None:
    body: Any = "end"
    for _ in range(DEPTH_LIMIT - 1):
        body = [body]
    pack(ONE._replace(body={"x": body}))
    with pytest.raises(ProtocolError, match="nested deeper"):
        pack(ONE._replace(body={"x": [body]}))
    bomb = pack(ONE)[:-14] + b"\x81\xa1x" + b"\x91" * 60_000 + b"\xc0"
    with pytest.raises(ProtocolError):
        unpack(bomb)


def test_what_msgpack_has_beyond_plain_values_is_refused() -> None:
    timestamp = b"\xd6\xff" + struct.pack(">I", 1_700_000_000)
    extension = b"\xd4\x07\x00"
    for value in (timestamp, extension):
        raw = msgspec.msgpack.encode([*tuple(ONE)[:-1], msgspec.Raw(b"\x81\xa1x" + value)])
        with pytest.raises(ProtocolError, match="carries a"):
            unpack(raw)


@given(st.binary(max_size=200))
def test_noise_is_refused_in_words(noise: bytes) -> None:
    for opening in (unpack, lambda raw: open_frame(raw, {}, {})):
        with pytest.raises(ProtocolError):
            opening(noise)  # type: ignore[operator]


@given(st.integers(0, 400), st.integers(0, 255), st.integers(1, 3))
def test_a_damaged_frame_is_refused_or_is_the_same(at: int, byte: int, count: int) -> None:
    ops = chain(count)
    packed = bytearray(pack_frame(ops))
    packed[at % len(packed)] = byte
    with suppress(ProtocolError):
        assert open_frame(bytes(packed), {}, {}) == ops


@pytest.mark.promise("S3")
def test_frames_are_cut_between_ops_within_both_limits() -> None:
    small = chain(FRAME_OPS * 2 + 1)
    assert [len(part) for part in cut(small)] == [FRAME_OPS, FRAME_OPS, 1]
    large = chain(40, text="y" * 60_000)
    parts = list(cut(large))
    assert [s for part in parts for s in part] == large
    assert all(sum(len(s.raw) for s in part) <= FRAME_BYTES for part in parts)
    have: dict[int, int] = {}
    heads: dict[int, bytes] = {}
    for part in parts:
        fresh = open_frame(pack_frame(part), have, heads)
        assert fresh == list(part)
        have, heads = {7: fresh[-1].seq}, {7: fresh[-1].head}
    with pytest.raises(ProtocolError, match="more ops"):
        pack_frame(large)
    assert list(cut([])) == []


@pytest.mark.promise("S3")
def test_known_ops_are_skipped_by_identity_and_a_gap_is_refused() -> None:
    ops = chain(10)
    packed = pack_frame(ops[2:])
    with pytest.raises(Gap) as gap:
        open_frame(packed, {}, {})
    assert (gap.value.replica, gap.value.expected, gap.value.got, gap.value.vector) == (7, 1, 3, {})
    assert open_frame(packed, {7: 5}, {7: ops[4].head}) == ops[5:]
    assert open_frame(packed, {7: 10}, {7: ops[9].head}) == []


@pytest.mark.promise("M1")
def test_a_chain_that_was_altered_or_forked_is_refused() -> None:
    ops = chain(5)
    swapped = [*ops]
    swapped[2] = ops[2]._replace(raw=pack(unpack(ops[2].raw)._replace(at=99)))
    with pytest.raises(ChainBroken):
        open_frame(pack_frame(swapped), {}, {})
    with pytest.raises(ChainBroken):
        open_frame(pack_frame([*ops[:4], ops[4]._replace(head=bytes(32))]), {}, {})
    other = chain(5, text="z")
    with pytest.raises(ChainBroken):  # the receiver has another history of the same replica
        open_frame(pack_frame(ops[2:]), {7: 3}, {7: other[2].head})
    with pytest.raises(ChainBroken):  # and it shows even when nothing is new
        open_frame(pack_frame(ops), {7: 5}, {7: other[4].head})


@pytest.mark.promise("S3")
def test_a_bomb_does_not_unfold() -> None:
    packed = zstandard.ZstdCompressor(level=19).compress(bytes(64 << 20))
    unknown_size = zstandard.ZstdCompressor(level=3).compressobj()
    streamed = unknown_size.compress(bytes(64 << 20)) + unknown_size.flush()
    for bomb in (packed, streamed):
        assert len(bomb) < FRAME_BYTES
        tracemalloc.start()
        with pytest.raises(ProtocolError, match="unfolds past"):
            open_frame(bomb, {}, {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20
    with pytest.raises(ProtocolError, match="the limit is"):
        open_frame(bytes(4 << 20), {}, {})


@pytest.mark.promise("S3")
def test_too_many_ops_or_bytes_in_one_frame_are_refused() -> None:
    def frame(raws: list[bytes], version: int = 1) -> bytes:
        return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([version, raws, []]))

    with pytest.raises(ProtocolError, match="not a frame"):
        open_frame(frame([b"x"] * (FRAME_OPS + 1)), {}, {})
    with pytest.raises(ProtocolError, match="bytes of ops"):
        open_frame(frame([bytes(OP_LIMIT)] * 17), {}, {})
    with pytest.raises(ProtocolError, match="protocol 99"):
        open_frame(frame([], 99), {}, {})
    assert 99 not in protocol.PROTOCOLS


def test_fields_a_newer_program_adds_do_not_hurt() -> None:
    raw = msgspec.msgpack.encode([*msgspec.msgpack.decode(pack(ONE)), {"salt": b"s"}])
    assert unpack(raw) == ONE
