"""Speech for the caller and the operator, and how alike two recordings are."""

from __future__ import annotations

import io
import subprocess
import wave
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soxr

from workstation.demo.process import program

Pcm = npt.NDArray[np.int16]
Signal = npt.NDArray[np.float64]
RATE = 8000
INDONESIAN = "poz/id"


@lru_cache(maxsize=32)
def _spoken(text: str, voice: str, words_a_minute: int) -> bytes:
    made = subprocess.run(
        [program("espeak-ng"), "-v", voice, "-s", str(words_a_minute), "--stdout", "--", text],
        capture_output=True,
        check=True,
        timeout=20,
    )
    with wave.open(io.BytesIO(made.stdout)) as file:
        # espeak-ng can't know the length of what it writes into a pipe: the header's count is wrong, the frames are
        # right.
        pcm, rate = np.frombuffer(file.readframes(2**24), np.int16), file.getframerate()
    return np.asarray(soxr.resample(pcm, rate, RATE), dtype=np.int16).tobytes()


def speech(text: str, voice: str = INDONESIAN, *, words_a_minute: int = 160) -> Pcm:
    """`text` spoken by espeak-ng: 8 kHz, one channel, int16. Raises PeerMissing where espeak-ng is not installed."""
    return np.frombuffer(_spoken(text, voice, words_a_minute), np.int16).copy()


def correlation(
    sent: npt.NDArray[np.generic],
    heard: npt.NDArray[np.generic],
    rate: int = RATE,
    *,
    window_s: float = 0.4,
    hop_s: float = 0.1,
    slack_s: float = 0.25,
) -> float:
    """How much of `sent` is in `heard`: 1 = all of it, near 0 = none. Both one channel at `rate`.

    The delay of the whole is found first (cross-correlation). Then each window of `sent` looks for its own best lag
    within `slack_s` of that, and each `hop_s` of `sent` counts as the best window that holds it, because a playout may
    cut or stretch by some 10 ms here and there. Pieces weigh by their energy; one that is not in `heard` at all counts
    as 0. Loudness does not matter.
    """
    a, b = _centred(sent), _centred(heard)
    if not a.any() or not b.any():
        return 0.0
    start, hop, slack = _whole_lag(a, b), int(hop_s * rate), int(slack_s * rate)
    across = max(1, round(window_s / hop_s))
    pieces = -(-len(a) // hop)
    scores = np.zeros(pieces)
    for first in range(max(1, pieces - across + 1)):
        window = a[first * hop : (first + across) * hop]
        fit = _best(window, b, first * hop + start, slack)
        scores[first : first + across] = np.maximum(scores[first : first + across], fit)
    energies = np.add.reduceat(a * a, np.arange(0, len(a), hop))
    return float(scores @ energies / energies.sum())


def _centred(signal: npt.NDArray[np.generic]) -> Signal:
    values = np.asarray(signal, dtype=np.float64).ravel()
    return values - values.mean() if len(values) else values


def _whole_lag(a: Signal, b: Signal) -> int:
    """Where in `b` the start of `a` lies best; may be negative when the start was not heard."""
    size = 1 << (len(a) + len(b)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    lag = int(np.argmax(cross))
    return lag if lag <= size // 2 else lag - size


def _best(piece: Signal, b: Signal, at: int, slack: int) -> float:
    low, high = max(0, at - slack), min(len(b), at + slack + len(piece))
    if high - low < len(piece):
        return 0.0
    region = b[low:high]
    cross = np.correlate(region, piece, "valid") if len(piece) < 256 else _correlate(region, piece)
    squares = np.concatenate(([0.0], np.cumsum(region * region)))
    energies = squares[len(piece) :] - squares[: -len(piece)]
    # A stretch of near silence can't be a likeness, however well its noise fits.
    floor = 1e-6 * float(squares[-1]) + 1e-9
    scores = cross / np.sqrt(np.maximum(energies, floor) * float(piece @ piece) + 1e-12)
    return max(0.0, float(scores.max()))


def _correlate(region: Signal, piece: Signal) -> Signal:
    size = 1 << len(region).bit_length()
    cross = np.fft.irfft(np.fft.rfft(region, size) * np.conj(np.fft.rfft(piece, size)), size)
    return np.asarray(cross[: len(region) - len(piece) + 1])
