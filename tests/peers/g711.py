"""G.711 written down straight from the recommendation, slow and separate from the product's: what the product is
checked against.

ITU-T G.711 tables 1a/2a. One sample at a time, by the decision values of the recommendation, no table built by anyone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def alaw_decode(code: int) -> int:
    """16-bit value of one A-law octet: even bits inverted on the line, chord and step, half a step added."""
    code ^= 0x55
    chord, step = (code >> 4) & 7, code & 15
    value = (2 * step + 1) * 16 // 2 if chord == 0 else ((2 * step + 33) << (chord - 1)) * 16 // 2
    return value if code & 0x80 else -value


def ulaw_decode(code: int) -> int:
    """16-bit value of one mu-law octet: all bits inverted on the line, bias of 33 in 14 bits."""
    code = ~code & 0xFF
    value = (((2 * (code & 15) + 33) << ((code >> 4) & 7)) - 33) * 4
    return -value if code & 0x80 else value


def alaw_encode(sample: int) -> int:
    """A-law octet of a 16-bit sample, by its 13-bit magnitude and the chord's decision values."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = (sample if sample >= 0 else -sample - 1) >> 4  # 12 bits of magnitude: 0..2047
    chord = 0
    while chord < 7 and magnitude >= 16 << chord:
        chord += 1
    step = magnitude >> max(0, chord - 1) & 15
    return (sign | chord << 4 | step) ^ 0x55


def ulaw_encode(sample: int) -> int:
    """mu-law octet of a 16-bit sample, by its 14-bit magnitude plus bias and the chord's decision values."""
    sign = 0x80 if sample < 0 else 0
    # The sample in 14 bits is rounded towards minus infinity, as the line's arithmetic shift does.
    magnitude = min(abs(sample >> 2), 8158) + 33
    chord = 0
    while magnitude >= 64 << chord:
        chord += 1
    return ~(sign | chord << 4 | (magnitude >> (chord + 1)) & 15) & 0xFF


_A_ENCODE = bytes(alaw_encode(sample) for sample in range(-32768, 32768))
_A_DECODE = np.array([alaw_decode(code) for code in range(256)], dtype=np.int16)


def to_alaw(pcm: npt.NDArray[np.int16]) -> bytes:
    """A-law of PCM, for the peers."""
    return bytes(_A_ENCODE[int(sample) + 32768] for sample in pcm)


def from_alaw(octets: bytes) -> npt.NDArray[np.int16]:
    """PCM of A-law, for the peers."""
    return _A_DECODE[np.frombuffer(octets, dtype=np.uint8)]
