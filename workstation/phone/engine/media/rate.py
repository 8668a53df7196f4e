"""Between the call's 8 kHz and the device's 48 kHz, two milliseconds late.

A windowed-sinc low-pass in six phases. `soxr` holds back 30 to 137 ms of
a stream cut in 10 ms pieces (measured, all its qualities with a filter worth the name), which is the whole delay a
call may have.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
FACTOR = 6
_PHASE_TAPS = 32
_TAPS = FACTOR * _PHASE_TAPS
#: Centre of the slope as a part of 48 kHz, and the window's shape: flat to 3.4 kHz, 60 dB down past 4.3 kHz.
_CUT = 3850 / 48000
_BETA = 5.7


def _low_pass() -> npt.NDArray[np.float32]:
    n = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = 2 * _CUT * np.sinc(2 * _CUT * n) * np.kaiser(_TAPS, _BETA)
    return np.asarray(taps / taps.sum(), np.float32)


_LOW_PASS = _low_pass()
#: Row k, column p: the tap that the sample k back meets in phase p; the zeros between the samples meet none.
_UP = (_LOW_PASS * FACTOR).reshape(_PHASE_TAPS, FACTOR)
#: Row j, column k: the tap that the j-th of six samples meets, k sixes back.
_DOWN = np.ascontiguousarray(_LOW_PASS.reshape(_PHASE_TAPS, FACTOR)[:, ::-1].T)


@lru_cache(maxsize=16)
def _windows(n: int) -> npt.NDArray[np.intp]:
    """Row m: where the `_PHASE_TAPS` samples up to the m-th lie in a line that begins with the past, newest first."""
    return np.arange(n)[:, None] + np.arange(_PHASE_TAPS)[::-1]


class Up:
    """8 kHz to 48 kHz: six samples for each, whatever the length of the pieces."""

    def __init__(self) -> None:
        self._past = np.zeros(_PHASE_TAPS - 1, np.float32)

    def run(self, pcm: Pcm) -> Pcm:
        line = np.concatenate([self._past, pcm.astype(np.float32)])
        self._past = line[len(line) - (_PHASE_TAPS - 1) :]
        return _to_int16((line[_windows(len(pcm))] @ _UP).ravel())


class Down:
    """48 kHz to 8 kHz: one sample for six; a rest shorter than six waits for the next piece."""

    def __init__(self) -> None:
        self._past = np.zeros((_PHASE_TAPS - 1) * FACTOR, np.float32)
        self._rest = np.zeros(0, np.float32)

    def run(self, pcm: Pcm) -> Pcm:
        fresh = np.concatenate([self._rest, pcm.astype(np.float32)])
        whole = len(fresh) // FACTOR
        fresh, self._rest = fresh[: whole * FACTOR], fresh[whole * FACTOR :]
        line = np.concatenate([self._past, fresh])
        self._past = line[len(line) - len(self._past) :]
        # Each six samples against all taps at once; then each output gathers its share of the last 32 sixes.
        shares = line.reshape(-1, FACTOR) @ _DOWN
        return _to_int16(shares[_windows(whole), np.arange(_PHASE_TAPS)].sum(axis=1))


def _to_int16(values: npt.NDArray[np.float32]) -> Pcm:
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)
