"""Identifiers: what names an entity for ever, and the number that names one replica of the log.

The only module, with `hlc`, that may ask the machine for randomness; everyone else is handed an `Ids`.
"""

from __future__ import annotations

import os
import random
from typing import Final, Protocol

from workstation.domain.hlc import Clock, SystemClock

Uid = bytes
UID_BYTES: Final = 16
NOBODY: Final[Uid] = b""
"""The person of an op written while nobody is signed in."""


class Ids(Protocol):
    """Where new names come from."""

    def uid(self) -> Uid:
        """A new 16-byte name, never given before on any machine."""
        ...

    def replica(self) -> int:
        """A new replica number, 1 to 2**32 - 1."""
        ...

    def secret(self, size: int) -> bytes:
        """`size` bytes nobody can guess: keys, nonces, epochs."""
        ...


def _uid(ms: int, tail: bytes) -> Uid:
    """Time-ordered name (RFC 9562 section 5.7, version 7): neighbours in time are neighbours in the index."""
    made = bytearray((ms & (1 << 48) - 1).to_bytes(6, "big") + tail)
    made[6] = 0x70 | made[6] & 0x0F
    made[8] = 0x80 | made[8] & 0x3F
    return bytes(made)


class SystemIds:
    """Names from the operating system's random source."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()

    def uid(self) -> Uid:
        return _uid(self._clock.now_ms(), os.urandom(10))

    def replica(self) -> int:
        return int.from_bytes(os.urandom(4), "big") or 1

    def secret(self, size: int) -> bytes:
        return os.urandom(size)


class SeededIds:
    """The same names every time for the same seed: tests, benchmarks and the simulation.

    Never for secrets on a desk.
    """

    def __init__(self, seed: int, clock: Clock | None = None) -> None:
        self._random = random.Random(seed)
        self._clock = clock

    def uid(self) -> Uid:
        ms = self._clock.now_ms() if self._clock else 0
        return _uid(ms, self._random.randbytes(10))

    def replica(self) -> int:
        return self._random.randrange(1, 1 << 32)

    def secret(self, size: int) -> bytes:
        return self._random.randbytes(size)
