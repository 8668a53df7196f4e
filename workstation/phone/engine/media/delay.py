"""How long to hold packets back: as long as the wire's jitter and loss ask for, and no longer.

All figures are in samples of the RTP clock. A packet's *transit* is its arrival on our clock minus its timestamp:
only its changes mean something. The fastest transit of the last ten seconds is the base; everything is held to a
target above it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

RATE = 8000
_MEMORY = 500  # packets, 10 s
_EARLY = 50
_FLOOR, _EARLY_FLOOR, _CEILING = 0.030 * RATE, 0.040 * RATE, 0.160 * RATE
_FALL = 0.005 * RATE  # a second
_BURST = 5
_COUNT_EVERY = 5
_SAME_BURST_S = 0.002


class Delay:
    """Learns from each packet's arrival; `target` is the delay to play at, `base` the fastest transit."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._transits: deque[float] = deque(maxlen=_MEMORY)
        self._seqs: deque[int] = deque(maxlen=_MEMORY)
        self._packets = 0
        self._last_arrival: float | None = None
        self._last_raise: float | None = None
        self.base = 0.0
        self.target = _EARLY_FLOOR
        self.loss = 0.0

    @property
    def known(self) -> bool:
        """Whether there is a base to judge a transit by."""
        return bool(self._transits)

    def learn(self, arrival: float, transit: float, seq: int, frame: int) -> None:
        """One packet that came (late ones too, duplicates never): `seq` unwrapped, `frame` its length."""
        self._packets += 1
        self._seqs.append(seq)
        released = (
            self._last_arrival is not None
            and arrival - self._last_arrival < _SAME_BURST_S
            and transit > self.base + self.target
        )
        self._last_arrival = arrival
        # Of what a stalled wire lets go at once only the first tells how long it stalled; the rest would count it
        # again.
        if not released or not self._transits:
            self._transits.append(transit)
        self._update(arrival, frame)

    def _update(self, arrival: float, frame: int) -> None:
        transits = np.sort(np.fromiter(self._transits, float, len(self._transits)))
        self.base = float(transits[0])
        if self._packets % _COUNT_EVERY == 0:
            self.loss = self._lost()
        wanted = _quantile(transits, 0.99) - self.base + self._block
        if self.loss > 0.005:
            ahead = 2 if self.loss > 0.04 else 1
            wanted = max(wanted, _quantile(transits, 0.90) - self.base + self._block + ahead * frame)
        floor = _EARLY_FLOOR if self._packets <= _EARLY else _FLOOR
        wanted = min(max(wanted, floor), _CEILING)
        passed = 0.0 if self._last_raise is None else max(0.0, arrival - self._last_raise)
        self._last_raise = arrival
        self.target = max(wanted, self.target - _FALL * passed)

    def _lost(self) -> float:
        seqs = np.unique(np.fromiter(self._seqs, np.int64, len(self._seqs)))
        if len(seqs) < 2:
            return 0.0
        holes = int(np.minimum(np.diff(seqs) - 1, _BURST).sum())
        return holes / (holes + len(seqs))


def _quantile(ordered: np.ndarray[tuple[int], np.dtype[np.float64]], part: float) -> float:
    return float(ordered[min(len(ordered) - 1, int(part * len(ordered)))])
