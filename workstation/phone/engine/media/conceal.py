"""What is heard where a packet is missing: the voice's own pitch cycles, from the past, and from the future when it
is here.

Filling a hole from both sides is worth about half a mark of PESQ over filling it from the past alone (ITU-T G.711
Appendix I), at the same delay: the packet after the hole has mostly arrived already. Signals are float64, 8 kHz;
positions count samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Signal = npt.NDArray[np.float64]

#: Pitch cycles searched, 2.5 to 16.5 ms, over the last 20 ms.
_LAG_MIN, _LAG_MAX, _WINDOW = 20, 132, 160
#: A cycle that fits worse than this is no pitch: a longer piece is repeated instead, so that it doesn't buzz.
_VOICED, _UNVOICED_CYCLE = 0.5, 60
#: Samples of past that concealment looks at.
PAST = _WINDOW + _LAG_MAX + _LAG_MAX // 4 + 8
_FULL, _GONE = 160, 640
_START = 8


class Pitch(Struct, frozen=True):
    """A cycle's length in samples and how well it fits (normalised correlation, -1..1)."""

    lag: int
    fit: float


def find_pitch(past: Signal, low: int = _LAG_MIN, high: int = _LAG_MAX) -> Pitch:
    """The lag at which the end of `past` is most like itself."""
    high = min(high, len(past) - 32)
    if high < low:
        return Pitch(max(1, min(low, len(past) // 2)), 0.0)
    window = min(_WINDOW, len(past) - high)
    recent = past[len(past) - window :]
    region = past[len(past) - window - high : len(past) - low]
    dots = np.correlate(region, recent, "valid")
    squares = np.concatenate(([0.0], np.cumsum(region * region)))
    energies = squares[window:] - squares[:-window]
    fits = dots / np.sqrt(np.maximum(energies * float(recent @ recent), 1.0))
    best = int(np.argmax(fits))
    return Pitch(high - best, float(fits[best]))


class Repetition:
    """The past going on by its last pitch cycle; `take(n)` gives the next samples, without end."""

    def __init__(self, past: Signal, pitch: Pitch | None = None) -> None:
        self.pitch = pitch if pitch is not None else find_pitch(past)
        lag = self.pitch.lag
        if self.pitch.fit < _VOICED:
            while lag < _UNVOICED_CYCLE:
                lag *= 2
        lag = max(1, min(lag, len(past) * 3 // 4))
        self._cycle = past[len(past) - lag :].copy()
        seam = min(lag // 4, len(past) - lag)
        if seam:
            # The end of the cycle is led into what stood before its start, so that repeating it makes no step.
            fade = rise(seam)
            before = past[len(past) - lag - seam : len(past) - lag]
            self._cycle[lag - seam :] = self._cycle[lag - seam :] * (1 - fade) + before * fade
        step = past[-1] - past[len(past) - lag - 1] if len(past) > lag else 0.0
        self._start = step * (1 - np.arange(1, _START + 1) / (_START + 1))
        self._at = 0

    def take(self, n: int) -> Signal:
        out = np.take(self._cycle, np.arange(self._at, self._at + n), mode="wrap")
        if self._at < _START:
            lead = self._start[self._at : self._at + n]
            out[: len(lead)] += lead
        self._at += n
        return out


class OneSided:
    """A hole without a far side: the past at full level for 20 ms, gone at 80 ms, the room's noise from then on."""

    def __init__(self, past: Signal, floor: float, noise: np.random.Generator) -> None:
        self._voice = Repetition(past)
        self._floor, self._noise, self._at = floor, noise, 0
        self._peak = float(np.max(np.abs(past[-_WINDOW - _LAG_MAX :]), initial=0.0))

    def take(self, n: int) -> Signal:
        at = np.arange(self._at, self._at + n)
        level = np.clip((_GONE - at) / (_GONE - _FULL), 0.0, 1.0)
        self._at += n
        voice = np.clip(self._voice.take(n), -self._peak, self._peak) if self._at - n < _GONE else np.zeros(n)
        return voice * level + self._noise.normal(0.0, self._floor, n) * (1 - level)


def bridge(past: Signal, future: Signal, n: int) -> Signal:
    """`n` samples between `past` and `future`, from both sides, mixed by a raised cosine over the whole hole."""
    forward = Repetition(past)
    pitch = forward.pitch
    mirrored = future[::-1]
    if pitch.fit > _VOICED:
        back = find_pitch(mirrored, max(_LAG_MIN, int(pitch.lag * 0.85)), min(_LAG_MAX, int(pitch.lag * 1.18) + 1))
    else:
        back = find_pitch(mirrored)
    backward = Repetition(mirrored, back).take(n)[::-1]
    weight = rise(n)
    out = forward.take(n) * (1 - weight) + backward * weight
    if n > 2 * _FULL:
        # Nobody's vowel is steady for so long: the middle of a long hole is quieter than its ends.
        edge = np.minimum(np.arange(n), np.arange(n)[::-1])
        out *= np.clip((_GONE - edge) / (_GONE - _FULL), 0.0, 1.0)
    peak = max(float(np.max(np.abs(past[-_WINDOW:]), initial=0.0)), float(np.max(np.abs(future), initial=0.0)))
    return np.clip(out, -peak, peak)


def rise(n: int) -> Signal:
    """A raised cosine from just above 0 to just below 1 in `n` samples."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)


def cross_fade(old: Signal, new: Signal) -> Signal:
    """From one signal into another of the same length."""
    weight = rise(len(new))
    return old * (1 - weight) + new * weight
