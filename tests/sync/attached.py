"""Files for the tests of attachments: laid on a desk's shelf with the op that names them, and looked at again."""

from __future__ import annotations

import io
import random
from pathlib import Path

from msgspec import Struct

from sync.attachments.sealed import opened, sealed
from sync.attachments.shelf import Shelf
from workstation.domain.ids import Uid
from workstation.store import Store, Tx

FILE_KEY = bytes(range(100, 132))


class Attached(Struct, frozen=True):
    """An attachment of the tests: its op's entity, what the file was, and the digest of what is stored."""

    uid: Uid
    plain: bytes
    digest: bytes

    @property
    def whole(self) -> int:
        """Bytes of the sealed file."""
        return sum(map(len, sealed(io.BytesIO(self.plain), FILE_KEY)))


def some_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def attach(store: Store, plain: bytes, about: Uid = b"i" * 16) -> Attached:
    """Attach a file of these bytes, under a key the tests know."""
    with store.shelf.taken(sealed(io.BytesIO(plain), FILE_KEY)) as digest:
        return Attached(named(store, digest, len(plain), about), plain, digest)


def named(store: Store, digest: bytes, size: int, about: Uid = b"i" * 16) -> Uid:
    """Write the op alone."""

    def act(tx: Tx) -> Uid:
        uid = tx.uid()
        body = {"about": about, "name": "foto.jpg", "size": size, "digest": digest, "key": FILE_KEY, "at": tx.now()}
        tx.append("attachment.added", uid, body)
        return uid

    return store.write(act).result(10).value


def read(shelf: Shelf, digest: bytes) -> bytes:
    """The file on a shelf as it was before it was sealed."""
    with shelf.path(digest).open("rb") as file:
        return b"".join(opened(file, FILE_KEY))


def shelf_of(hub: Path) -> Shelf:
    """The shelf of a hub's process whose record lies at `hub`."""
    return Shelf(hub.with_suffix(".attachments"))
