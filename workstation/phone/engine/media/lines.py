"""Open sound devices: an ear and a mouth, between a device's callback at 48 kHz and the call's thread at 8 kHz.

The callback touches the ring buffer and nothing else; resampling, waiting and catching up happen on the call's side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .rate import FACTOR, Down, Up
from .ring import Loop, Ring

Pcm = npt.NDArray[np.int16]
#: Opens a device: (name, "input" or "output", callback) -> a started stream.
Opener = Callable[[str, str, Callable[..., None]], Any]

RATE = 48_000
BLOCK = 480  # 10 ms
_RING = RATE  # one second
_DEAD_S = 1.0
#: How much is kept in hand for a device that takes several blocks at once: much at first, less when it proves steady.
_FIRST_FILL, _LOWEST_FILL, _HIGHEST_FILL = 3 * BLOCK, 2 * BLOCK, 6 * BLOCK
_STEADY = 5 * RATE
_MIC_LEAD, _MIC_LEAD_MOST, _MIC_SLACK = 80, 400, 320
_FADE = 40


class Line:
    """One open stream. Its callback touches the ring buffer and nothing else."""

    def __init__(self, name: str, side: str, opener: Opener) -> None:
        self.name = name
        self._ring = Ring(_RING)
        self._beats = 0
        self._seen = (-1, 0.0)
        self._stream = opener(name, side, self._callback)

    def _callback(self, pcm: Any, frames: int, when: Any, status: Any) -> None:
        raise NotImplementedError

    def dead(self, now: float) -> bool:
        """Whether the device stopped calling back: unplugged, or its server is gone."""
        if not self._stream.active:
            return True
        beats, since = self._seen
        if beats != self._beats:
            self._seen = (self._beats, now)
            return False
        return now - since > _DEAD_S

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._stream.abort()
        with contextlib.suppress(Exception):
            self._stream.close()


class Ear(Line):
    """An output: the call's sound from the ring, and a tone over it."""

    def __init__(self, name: str, opener: Opener) -> None:
        self._tone: Loop | None = None
        self._up = Up()
        self._want = _FIRST_FILL
        self._smooth = 0
        self._gaps = 0
        self._used = False
        super().__init__(name, "output", opener)

    def accompany(self, tone: Pcm | None) -> None:
        """Play `tone` over and over beside the call, None stops it."""
        if (tone is None) != (self._tone is None):
            self._tone = Loop(tone) if tone is not None else None

    def room(self) -> int:
        if self._used and self._ring.missing > self._gaps:
            # The device took more at once than was there: keep one block more in hand from now on.
            self._want, self._smooth = min(_HIGHEST_FILL, self._want + BLOCK), 0
        elif self._smooth > _STEADY:
            self._want, self._smooth = max(_LOWEST_FILL, self._want - BLOCK), 0
        self._gaps = self._ring.missing
        return max(0, self._want - self._ring.fill()) // FACTOR

    def write(self, pcm: Pcm) -> None:
        self._used = True
        self._smooth += FACTOR * len(pcm)
        self._ring.write(self._up.run(pcm))

    def _callback(self, pcm: Any, frames: int, when: Any, status: Any) -> None:
        self._beats += 1
        out = pcm[:, 0]
        self._ring.read_into(out)
        tone = self._tone
        if tone is not None:
            np.clip(out.astype(np.int32) + tone.next(frames), -32768, 32767, out=out, casting="unsafe")


class Mouth(Line):
    """An input: what the microphone heard, at the call's rate."""

    def __init__(self, name: str, opener: Opener) -> None:
        self._down = Down()
        self._line: Pcm = np.zeros(0, np.int16)
        self._lead = _MIC_LEAD
        self._primed = False
        super().__init__(name, "input", opener)

    def read(self, n: int) -> Pcm:
        fresh = self._ring.read(self._ring.fill())
        if len(fresh):
            self._line = np.concatenate([self._line, self._down.run(fresh)])
        if not self._primed and len(self._line) < n + self._lead:
            return np.zeros(n, np.int16)
        if len(self._line) < n:
            # The device was late: wait until there is a little more in hand than last time.
            self._primed, self._lead = False, min(_MIC_LEAD_MOST, self._lead + 80)
            return np.zeros(n, np.int16)
        self._primed = True
        surplus = len(self._line) - n - self._lead
        if surplus > _MIC_SLACK:
            self._catch_up(surplus)
        out, self._line = self._line[:n], self._line[n:]
        return out

    def _catch_up(self, surplus: int) -> None:
        """Its clock runs faster than ours: leave the oldest out, without a click."""
        weight = np.arange(_FADE) / _FADE
        old, new = self._line[:_FADE], self._line[surplus : surplus + _FADE]
        glide = (old * (1 - weight) + new * weight).astype(np.int16)
        self._line = np.concatenate([glide, self._line[surplus + _FADE :]])

    def _callback(self, pcm: Any, frames: int, when: Any, status: Any) -> None:
        self._beats += 1
        self._ring.write(pcm[:, 0])
