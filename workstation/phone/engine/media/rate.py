"""Between the call's 8 kHz and the device's 48 kHz, two milliseconds late.

A windowed-sinc low-pass in six phases. The resampling library the project uses elsewhere holds back 30 to 137 ms of
a stream cut in 10 ms pieces (measured, all its qualities with a filter worth the name), which is the whole delay a
call may have.
"""

from __future__ import annotations

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


class Up:
    """8 kHz to 48 kHz: six samples for each, whatever the length of the pieces."""

    def __init__(self) -> None:
        self._past = np.zeros(_PHASE_TAPS - 1, np.float32)
        # Row p holds the taps that meet real samples (not the zeros between them) in phase p.
        self._phases = (_LOW_PASS * FACTOR).reshape(_PHASE_TAPS, FACTOR)[::-1]

    def run(self, pcm: Pcm) -> Pcm:
        line = np.concatenate([self._past, pcm.astype(np.float32)])
        self._past = line[len(line) - (_PHASE_TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(line, _PHASE_TAPS)
        return _to_int16((windows @ self._phases).ravel())


class Down:
    """48 kHz to 8 kHz: one sample for six; a rest shorter than six waits for the next piece."""

    def __init__(self) -> None:
        self._past = np.zeros(_TAPS - 1, np.float32)
        self._rest = np.zeros(0, np.float32)

    def run(self, pcm: Pcm) -> Pcm:
        fresh = np.concatenate([self._rest, pcm.astype(np.float32)])
        whole = len(fresh) // FACTOR * FACTOR
        fresh, self._rest = fresh[:whole], fresh[whole:]
        if not whole:
            return np.zeros(0, np.int16)
        line = np.concatenate([self._past, fresh])
        self._past = line[len(line) - (_TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(line, _TAPS)[FACTOR - 1 :: FACTOR]
        return _to_int16(windows @ _LOW_PASS[::-1])


def _to_int16(values: npt.NDArray[np.float32]) -> Pcm:
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)
