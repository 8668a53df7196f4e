"""Sealed files: what was put in comes out, and nothing else does (promise S12)."""

from __future__ import annotations

import io

import pytest

from sync.attachments.sealed import CHUNK, TAG, Altered, opened, sealed, sealed_size
from tests.sync.attached import some_bytes

KEY = bytes(range(32))
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7)
PIECE = CHUNK + TAG


def seal(plain: bytes, key: bytes = KEY) -> bytes:
    return b"".join(sealed(io.BytesIO(plain), key))


def unseal(stored: bytes, key: bytes = KEY) -> bytes:
    return b"".join(opened(io.BytesIO(stored), key))


@pytest.mark.promise("S12")
@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_out_as_it_went_in_and_is_as_long_as_was_said(size: int) -> None:
    plain = some_bytes(size)
    stored = seal(plain)
    assert unseal(stored) == plain
    assert len(stored) == sealed_size(size)
    assert not plain or plain[:16] not in stored


@pytest.mark.promise("S12")
def test_altered_cut_reordered_repeated_or_under_another_key_nothing_is_taken_for_the_file() -> None:
    stored = seal(some_bytes(3 * CHUNK + 7))
    first, second, third = stored[:PIECE], stored[PIECE : 2 * PIECE], stored[2 * PIECE : 3 * PIECE]
    rest = stored[3 * PIECE :]
    wrong = {
        "a bit": stored[:-1] + bytes([stored[-1] ^ 1]),
        "a bit in the middle": stored[:PIECE] + bytes([stored[PIECE] ^ 128]) + stored[PIECE + 1 :],
        "cut within a piece": stored[:-1],
        "cut behind a piece": first + second + third,
        "a piece left out": first + third + rest,
        "two pieces turned round": second + first + third + rest,
        "a piece twice": first + first + second + third + rest,
        "more at the end": stored + rest,
        "nothing": b"",
    }
    for what, altered in wrong.items():
        with pytest.raises(Altered):
            unseal(altered)
            pytest.fail(what)
    with pytest.raises(Altered):
        unseal(stored, bytes(32))
