"""A file under a key of its own, in pieces that can be neither altered, reordered, left out nor cut off at the end.

STREAM (Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
CRYPTO 2015) over AES-256-GCM: the nonce of each piece is its number and whether it is the last. A key is drawn for
each file and seals nothing else, so no nonce is used twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK: Final = 1024 * 1024
"""Bytes of the file in one piece; the last one has fewer, and is there even when the file is empty."""
TAG: Final = 16
_WHAT: Final = b"tahuri attachment 1"


class Altered(Exception):
    """These are not the bytes that were sealed under this key."""


def sealed_size(size: int) -> int:
    """How many bytes a file of `size` bytes has when it is sealed."""
    return size + TAG * max(1, -(-size // CHUNK))


def sealed(file: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The pieces of a file, sealed; joined they are what is stored. `key`: 32 bytes that sealed nothing before."""
    cipher = AESGCM(key)
    number, piece = 0, file.read(CHUNK)
    while True:
        following = file.read(CHUNK)
        yield cipher.encrypt(_nonce(number, not following), piece, _WHAT)
        if not following:
            return
        number, piece = number + 1, following


def opened(file: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The pieces of a sealed file as they were. Raises Altered; what was given before that is genuine, but not all."""
    cipher = AESGCM(key)
    number, piece = 0, file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(number, not following), piece, _WHAT)
        except InvalidTag:
            raise Altered(f"piece {number} is not what was sealed") from None
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
