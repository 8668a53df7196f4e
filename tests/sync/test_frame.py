"""Frames: cut where runs are sealed, within their limits, in both versions of the exchange; and what is no frame."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync.frame import cut, open_frame, pack_frame, salted
from sync.opwire import OP_LIMIT, SALT_BYTES, ProtocolError, pack, unpack
from sync.protocol import FRAME_BYTES, FRAME_OPS, PROTOCOL, Stored
from workstation.domain.hlc import stamp
from workstation.domain.ops import Op

SEAL = bytes(64)


def run(count: int, replica: int = 7, text: str = "x", *, sealed: int = 1) -> list[Stored]:
    """A replica's first ops, every `sealed`-th of them sealed."""
    made = []
    for seq in range(1, count + 1):
        salt = bytes(SALT_BYTES) if seq == 1 else b""
        op = Op(replica, seq, stamp(seq), b"e" * 16, "incident.noted", 1, b"", "AMB", seq, {"text": text}, salt)
        made.append(Stored(replica, seq, pack(op), SEAL if seq % sealed == 0 else b""))
    return made


@pytest.mark.promise("S3")
@pytest.mark.parametrize("spoken", [1, 2])
def test_what_goes_into_a_frame_comes_out(spoken: int) -> None:
    ops = run(5, sealed=5) + run(3, 8, sealed=3)
    frame = open_frame(pack_frame(ops, None, spoken))
    assert frame.protocol == spoken
    assert frame.ops == [stored.raw for stored in ops]
    assert list(frame.seals) == [(7, 5, SEAL), (8, 3, SEAL)]


@pytest.mark.promise("S3")
def test_frames_are_cut_between_ops_within_both_limits() -> None:
    small = run(FRAME_OPS * 2 + 1)
    assert [len(part) for part in cut(small)] == [FRAME_OPS, FRAME_OPS, 1]
    large = run(40, text="y" * 60_000)
    parts = list(cut(large))
    assert [s for part in parts for s in part] == large
    assert all(sum(len(s.raw) for s in part) <= FRAME_BYTES for part in parts)
    for part in parts:
        assert open_frame(pack_frame(part)).ops == [stored.raw for stored in part]
    with pytest.raises(ProtocolError, match="more ops"):
        pack_frame(large)
    assert list(cut([])) == []


@pytest.mark.promise("S3", "S11")
@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=40))
def test_frames_end_where_every_replicas_run_is_sealed(steps: list[tuple[int, bool]]) -> None:
    ops, seqs = [], {1: 0, 2: 0, 3: 0}
    for replica, sealed in steps:
        seqs[replica] += 1
        ops.append(Stored(replica, seqs[replica], b"x", SEAL if sealed else b""))
    parts = list(cut(ops))
    joined = [stored for part in parts for stored in part]
    assert joined == ops[: len(joined)], "in order, and only a tail is left out"
    for part in parts:
        last = {stored.replica: stored for stored in part}
        assert all(stored.seal for stored in last.values())
    tail = {stored.replica: stored for stored in ops[len(joined) :]}
    assert not ops[len(joined) :] or not all(stored.seal for stored in tail.values())


@pytest.mark.promise("M2")
def test_salts_come_along_where_they_are_asked_for() -> None:
    ops = run(3)[1:]
    assert salted(ops) == {(7, b"e" * 16)} and salted(run(1)) == set()
    assert open_frame(pack_frame(ops)).salts == []
    salt = bytes(range(SALT_BYTES))
    frame = open_frame(pack_frame(ops, {(7, b"e" * 16): salt}))
    assert list(frame.salts) == [(7, b"e" * 16, salt)]


@given(st.binary(max_size=200))
def test_noise_is_refused_in_words(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        open_frame(noise)
    with pytest.raises(ProtocolError):
        open_frame(zstandard.compress(noise))


@given(st.integers(0, 400), st.integers(0, 255), st.integers(1, 3), st.sampled_from([1, 2]))
def test_a_damaged_frame_is_refused_or_opens(at: int, byte: int, count: int, spoken: int) -> None:
    packed = bytearray(pack_frame(run(count), None, spoken))
    packed[at % len(packed)] = byte
    with suppress(ProtocolError):
        for raw in open_frame(bytes(packed)).ops:
            unpack(raw)


@pytest.mark.promise("S3")
def test_a_bomb_does_not_unfold() -> None:
    packed = zstandard.ZstdCompressor(level=19).compress(bytes(64 << 20))
    unknown_size = zstandard.ZstdCompressor(level=3).compressobj()
    streamed = unknown_size.compress(bytes(64 << 20)) + unknown_size.flush()
    for bomb in (packed, streamed):
        assert len(bomb) < FRAME_BYTES
        tracemalloc.start()
        with pytest.raises(ProtocolError, match="unfolds past"):
            open_frame(bomb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20
    with pytest.raises(ProtocolError, match="the limit is"):
        open_frame(bytes(4 << 20))


@pytest.mark.promise("S3")
def test_too_many_ops_or_bytes_in_one_frame_are_refused() -> None:
    def one(raws: list[bytes], version: int = 1) -> bytes:
        return zstandard.compress(msgspec.msgpack.encode([version, raws, []]))

    def two(headers: list[bytes], rests: list[bytes]) -> bytes:
        return zstandard.compress(msgspec.msgpack.encode([2, bytes(len(headers)), headers, rests, []]))

    with pytest.raises(ProtocolError, match="not a frame"):
        open_frame(one([b"x"] * (FRAME_OPS + 1)))
    with pytest.raises(ProtocolError, match="not a frame"):
        open_frame(two([b"x"] * (FRAME_OPS + 1), [b"x"] * (FRAME_OPS + 1)))
    with pytest.raises(ProtocolError, match="bytes of ops"):
        open_frame(one([bytes(OP_LIMIT)] * 17))
    with pytest.raises(ProtocolError, match="bytes of ops"):
        open_frame(two([b""] * 17, [bytes(OP_LIMIT)] * 17))
    with pytest.raises(ProtocolError, match="lack a part"):
        open_frame(two([b"x"] * 2, [b"x"]))
    with pytest.raises(ProtocolError, match="version 99"):
        open_frame(one([], 99))
    assert PROTOCOL == 2


@pytest.mark.promise("S3")
def test_frames_packed_at_once_by_many_threads_each_open() -> None:
    ops = run(200, text="Pasar Mardika terbakar " * 40)
    with ThreadPoolExecutor(8) as threads:
        frames = list(threads.map(lambda _: pack_frame(ops), range(400)))
    assert all(open_frame(frame).ops == [stored.raw for stored in ops] for frame in frames)
