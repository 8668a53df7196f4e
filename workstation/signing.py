"""Signatures: Ed25519 (RFC 8032), by `cryptography`. Keys are 32 raw bytes, signatures 64."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_P: Final = (1 << 255) - 19


class Signer(Protocol):
    """Whoever holds a private key: signs, and says by which public key that can be checked."""

    public: bytes

    def sign(self, message: bytes) -> bytes: ...


class Key:
    """A private key in memory, made of 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)

    def x25519_seed(self) -> bytes:
        """The same key as one that boxes are sealed to (RFC 8032, section 5.1.5; RFC 7748): for `RecoveryKey`."""
        return hashlib.sha512(self._key.private_bytes_raw()).digest()[:32]


def x25519_public(public: bytes) -> bytes:
    """The public key to seal boxes to, of whoever signs by this one: the same point on the other curve.

    RFC 7748, section 4.1: u = (1 + y) / (1 - y). Raises ValueError for what is no key.
    """
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if len(public) != 32 or y >= _P or y == 1:
        raise ValueError("no public key")
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little")


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is of this message by the owner of the key; false also for what is no key at all."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
