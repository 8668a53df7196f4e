"""Secrets under a password: Argon2id (RFC 9106) makes a key of it, AES-256-GCM keeps the secret under that key.

What is sealed says whether the password was right, so nothing else of the password is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12


class Cost(Struct, frozen=True):
    """What one try costs; RFC 9106's second recommended choice, about 0.1 s on a desk's PC."""

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 2


COST: Cost = Cost()
"""A cheaper one may stand here where time is not the point."""


def seal(secret: bytes, password: str, random: Callable[[int], bytes], cost: Cost | None = None) -> bytes:
    """The secret under the password; `random` gives bytes nobody can guess."""
    cost = cost or COST
    salt, nonce = random(SALT_BYTES), random(NONCE_BYTES)
    head = bytes([cost.passes, cost.lanes]) + cost.memory_kib.to_bytes(4, "big")
    return head + salt + nonce + AESGCM(_key(password, salt, cost)).encrypt(nonce, secret, head)


def unseal(sealed: bytes, password: str) -> bytes | None:
    """The secret, None where the password is another or these bytes are no sealed secret."""
    head, rest = sealed[:6], sealed[6:]
    salt, nonce, kept = rest[:SALT_BYTES], rest[SALT_BYTES : SALT_BYTES + NONCE_BYTES], rest[SALT_BYTES + NONCE_BYTES :]
    if len(kept) < 16:
        return None
    cost = Cost(head[0], int.from_bytes(head[2:], "big"), head[1])
    if not (0 < cost.passes <= 16 and 0 < cost.lanes <= 16 and 8 * cost.lanes <= cost.memory_kib <= 1 << 20):
        return None  # a roster must not make a desk use up its memory
    try:
        return AESGCM(_key(password, salt, cost)).decrypt(nonce, kept, head)
    except InvalidTag:
        return None


def _key(password: str, salt: bytes, cost: Cost) -> bytes:
    # Loaded when it is needed: the first frame does not wait for it.
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(
        password.encode(), salt, cost.passes, cost.memory_kib, cost.lanes, hash_len=32, type=Type.ID
    )  # fmt: skip
