"""A record's key, sealed to the site's offline recovery key: a box that only its private half opens (promise D1).

    box = ephemeral public key || ChaCha20-Poly1305(HKDF-SHA256(X25519(ephemeral, recovery)), secret)

The public half is known to every device of the site, so a desk can seal without asking anybody; the private half lies
in the site's key file, under its password (`workstation.site`). A box is bound to its site: it opens as nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

KEY_BYTES: Final = 32
_PURPOSE: Final = b"tahuri recovery 1\0"
_NONCE: Final = bytes(12)
"""Each box has a key of its own, used once."""


class RecoveryKey:
    """The private half, made of 32 secret bytes; `public` is what devices seal to."""

    def __init__(self, seed: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def open(self, box: bytes, context: bytes) -> bytes | None:
        """The secret in a box, None where it was sealed to another key, in another context, or is no box."""
        ephemeral, sealed = box[:KEY_BYTES], box[KEY_BYTES:]
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            return ChaCha20Poly1305(_key(shared, ephemeral, self.public)).decrypt(_NONCE, sealed, context)
        except (InvalidTag, ValueError):
            return None


def seal_to(public: bytes, secret: bytes, context: bytes, random: Callable[[int], bytes]) -> bytes:
    """A box that the owner of `public` alone opens. Raises ValueError where that is no key to seal to."""
    own = X25519PrivateKey.from_private_bytes(random(KEY_BYTES))
    ephemeral = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    return ephemeral + ChaCha20Poly1305(_key(shared, ephemeral, public)).encrypt(_NONCE, secret, context)


def _key(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=ephemeral + public, info=_PURPOSE).derive(shared)


class Sealed(Struct, frozen=True):
    """A record's key as it lies beside the record: of which key, for which site, to which public key, in which box."""

    of: str
    site: str
    to: bytes
    box: bytes

    @property
    def context(self) -> bytes:
        return _context(self.site)

    def open(self, keys: Iterable[RecoveryKey]) -> bytes | None:
        """The record's key, None where none of these keys is the one it was sealed to."""
        return next((secret for key in keys if (secret := key.open(self.box, self.context)) is not None), None)


def _context(site: str) -> bytes:
    return b"record\0" + site.encode()


def place(record: Path) -> Path:
    """Where a record's sealed key lies: beside it, under the same name."""
    return record.with_suffix(".recovery")


def name_of(secret: bytes) -> str:
    """Names a record's key without telling anything of it."""
    return hashlib.sha256(b"tahuri record key\0" + secret).hexdigest()[:16]


def read(path: Path) -> Sealed | None:
    """The sealed key in a file, None where there is none, or what lies there is none."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        return Sealed(str(kept["of"]), str(kept["site"]), bytes.fromhex(kept["to"]), bytes.fromhex(kept["box"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, site: str, secret: bytes, public: bytes, random: Callable[[int], bytes]) -> None:
    """Seal a record's key into a file, on disk when this returns. Raises OSError, and ValueError for no key."""
    box = seal_to(public, secret, _context(site), random)
    kept = {"of": name_of(secret), "site": site, "to": public.hex(), "box": box.hex()}
    replace(path, json.dumps(kept, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """Put a private file whole in the place of another, or none: there is never half of it. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def private(path: Path, mode: str = "wb") -> BinaryIO:
    """Open a file for writing that only this account reads; "ab" adds to what is there. Raises OSError."""
    how = os.O_APPEND if mode == "ab" else os.O_TRUNC
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_BINARY", 0), 0o600)
    return os.fdopen(handle, mode)  # type: ignore[return-value]


def sync_folder(folder: Path) -> None:
    """Have a folder's list of names on disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
