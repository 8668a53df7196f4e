"""Sound between two threads without a lock: one writes, one reads (a device's callback must never wait)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]


class Ring:
    """A ring of samples for one writing and one reading thread. Full: what is new is not taken, and counted."""

    def __init__(self, size: int) -> None:
        self._line = np.zeros(size, np.int16)
        self._size = size
        # Each is changed by one thread only, and grows without end: their difference is the fill.
        self._written = self._read = 0
        self.dropped = self.missing = 0

    def fill(self) -> int:
        """Samples waiting."""
        return self._written - self._read

    def write(self, pcm: Pcm) -> None:
        """Add `pcm`; what finds no place is dropped and counted."""
        n = min(len(pcm), self._size - self.fill())
        self.dropped += len(pcm) - n
        at = self._written % self._size
        first = min(n, self._size - at)
        self._line[at : at + first] = pcm[:first]
        self._line[: n - first] = pcm[first:n]
        self._written += n

    def read_into(self, out: Pcm) -> int:
        """Fill `out`; where the ring has fewer, the rest becomes silence and is counted. Returns how many were real."""
        n = min(len(out), self.fill())
        at = self._read % self._size
        first = min(n, self._size - at)
        out[:first] = self._line[at : at + first]
        out[first:n] = self._line[: n - first]
        out[n:] = 0
        self.missing += len(out) - n
        self._read += n
        return n

    def read(self, n: int) -> Pcm:
        """Up to `n` samples."""
        out = np.zeros(min(n, self.fill()), np.int16)
        self.read_into(out)
        return out


class Loop:
    """A piece of sound played over and over by a callback: it only copies."""

    def __init__(self, pcm: Pcm) -> None:
        self._pcm, self._at = pcm, 0

    def next(self, n: int) -> Pcm:
        """The next `n` samples."""
        out = np.take(self._pcm, range(self._at, self._at + n), mode="wrap")
        self._at = (self._at + n) % len(self._pcm)
        return out
