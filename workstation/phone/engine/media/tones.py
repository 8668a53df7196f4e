"""The two sounds of a ringing line, made here: loud on every output while idle, soft in the ear of who is talking
(promise P7).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
RATE = 48_000
#: Peaks as a part of full scale. The soft one is some 26 dB below the loud: heard beside a voice, never over it.
LOUD, SOFT = 0.5, 0.025


def loud_ring() -> Pcm:
    """Three seconds: two bursts of a two-tone warble, then a pause."""
    burst = _warble(0.8, (760.0, 960.0), 0.04) * LOUD
    quiet = np.zeros(int(0.2 * RATE))
    line = np.concatenate([burst, quiet, burst])
    return _pcm(np.concatenate([line, np.zeros(3 * RATE - len(line))]))


def soft_tone() -> Pcm:
    """Four seconds: one short low note, then a pause."""
    note = _shaped(np.sin(2 * np.pi * 440.0 * np.arange(int(0.15 * RATE)) / RATE)) * SOFT
    return _pcm(np.concatenate([note, np.zeros(4 * RATE - len(note))]))


def _warble(seconds: float, pitches: tuple[float, float], each_s: float) -> npt.NDArray[np.float64]:
    at = np.arange(int(seconds * RATE)) / RATE
    pitch = np.where((at / each_s).astype(int) % 2 == 0, *pitches)
    # The phase runs on through every change of pitch, so that none of them clicks.
    return _shaped(np.sin(2 * np.pi * np.cumsum(pitch) / RATE))


def _shaped(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    edge = int(0.01 * RATE)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    sound[:edge] *= rise
    sound[-edge:] *= rise[::-1]
    return sound


def _pcm(sound: npt.NDArray[np.float64]) -> Pcm:
    return np.asarray(np.rint(sound * 32767), np.int16)
