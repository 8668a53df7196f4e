"""Making a part of a snapshot: its states in pieces, in a file that no name leads to and no other process can read.

What lies on the disk is personal data, so it is encrypted, under a key that is in this process's memory alone; the
system takes the file away with the process, however that ends. Nothing larger than a piece is held in memory.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.snapshot.form import (
    PIECES_MOST,
    VERSION,
    Contents,
    Folded,
    Listed,
    Part,
    Piece,
    cut,
    pack_piece,
    sign,
)
from workstation.domain.merge import FOLD_VERSION
from workstation.signing import Key

T = TypeVar("T")
Visit = Callable[[Mapping[int, int], Iterable[Folded]], T]
BYTES_MOST: Final = 1 << 30
"""Longest file of a part. Entities beyond it come by their ops."""
_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16


class Foldings(Protocol):
    """Who can tell what all entities are, as of one commit."""

    def folded(self, part: Part, visit: Visit[T]) -> T:
        """What `visit` makes of the vector and the entities of a part. Waits for the disk.

        Raises LookupError where this log's own states are not proven yet.
        """
        ...


class Told(Protocol):
    """What a snapshot is made of: a log that can tell its states."""

    @property
    def replica(self) -> int: ...
    @property
    def site(self) -> str: ...
    @property
    def device(self) -> Key: ...
    @property
    def epoch(self) -> bytes: ...
    @property
    def foretold(self) -> Foldings: ...


class Made:
    """A part of a snapshot that can be read, until it is closed. Any thread may read."""

    def __init__(self, listed: Listed, contents: Contents, spool: _Spool) -> None:
        self.listed, self.name, self.epoch = listed, listed.name, contents.epoch
        self._ends = list(accumulate(piece.size for piece in contents.pieces))
        self._spool = spool
        self.size = self._ends[-1] if self._ends else 0

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """The bytes from `first` to `last`, both included, at most a piece at a time. Raises OSError, ValueError."""
        start = 0
        for number, end in enumerate(self._ends):
            if end > first and start <= last:
                yield self._spool.get(number)[max(0, first - start) : last + 1 - start]
            start = end

    def close(self) -> None:
        """Give the disk back."""
        self._spool.close()


class _Spool:
    """Pieces on the disk, each encrypted by itself."""

    def __init__(self, secret: Callable[[int], bytes]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the snapshot, not with this function
        self._aead = AESGCM(secret(_KEY_BYTES))
        self._places: list[tuple[int, int]] = []
        self._gate = threading.Lock()
        self.size = 0

    def put(self, plain: bytes) -> None:
        sealed = self._aead.encrypt(len(self._places).to_bytes(12, "big"), plain, None)
        self._file.write(sealed)
        self._places.append((self.size, len(sealed)))
        self.size += len(sealed)

    def get(self, number: int) -> bytes:
        at, size = self._places[number]
        with self._gate:
            self._file.seek(at)
            sealed = self._file.read(size)
        if len(sealed) != size:
            raise OSError("the file of a snapshot is shorter than it was written")
        return self._aead.decrypt(number.to_bytes(12, "big"), sealed, None)

    def close(self) -> None:
        with self._gate:
            self._file.close()


def make(log: Told, part: Part, secret: Callable[[int], bytes]) -> Made:
    """Make a part, as of one commit; `secret` gives bytes nobody can guess. Raises OSError, LogAway, LookupError."""
    vector, pieces, spool = log.foretold.folded(part, lambda vector, entities: _written(vector, entities, secret))
    contents = Contents(VERSION, FOLD_VERSION, part, log.site, log.replica, log.epoch, vector, pieces)
    return Made(sign(contents, log.device), contents, spool)


def _written(
    vector: Mapping[int, int], entities: Iterable[Folded], secret: Callable[[int], bytes]
) -> tuple[dict[int, int], list[Piece], _Spool]:
    pieces: list[Piece] = []
    spool = _Spool(secret)
    try:
        for some in cut(entities):
            packed, piece = pack_piece(some)
            if len(pieces) == PIECES_MOST or spool.size + piece.size + _TAG_BYTES > BYTES_MOST:
                break
            spool.put(packed)
            pieces.append(piece)
        return dict(vector), pieces, spool
    except BaseException:
        spool.close()
        raise
