"""G.711: one octet a sample at 8 kHz (ITU-T G.711; payload types 0 and 8 of RFC 3551), by tables made once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Pcm = npt.NDArray[np.int16]


class Codec(Struct, frozen=True):
    """One law. `silence` is the octet of no sound: what a muted microphone sends."""

    name: str
    payload_type: int
    silence: int
    _decode: Pcm
    _encode: npt.NDArray[np.uint8]

    def decode(self, octets: bytes) -> Pcm:
        """16-bit samples, as many as octets."""
        return self._decode[np.frombuffer(octets, np.uint8)]

    def encode(self, pcm: Pcm) -> bytes:
        """One octet a 16-bit sample."""
        return self._encode[pcm.view(np.uint16)].tobytes()


def _alaw_values() -> Pcm:
    """Figure of each A-law octet: even bits inverted on the line, then sign, chord, step; 13 bits left-justified in
    16.
    """
    code = np.arange(256) ^ 0x55
    chord, step = code >> 4 & 7, code & 15
    magnitude = np.where(chord == 0, 2 * step + 1, (2 * step + 33) << np.maximum(chord - 1, 0)) << 3
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _ulaw_values() -> Pcm:
    """Figure of each mu-law octet: all bits inverted on the line, then sign, chord, step; 14 bits left-justified in
    16.
    """
    code = ~np.arange(256) & 0xFF
    magnitude = (((2 * (code & 15) + 33) << (code >> 4 & 7)) - 33) << 2
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _chords(magnitude: npt.NDArray[np.int64], first: int) -> npt.NDArray[np.int64]:
    """Which of the eight chords a magnitude lies in, when the second chord begins at `first` and each is twice the
    last.
    """
    return np.searchsorted(first << np.arange(7), magnitude, side="right").astype(np.int64)


def _alaw_octets() -> npt.NDArray[np.uint8]:
    pcm = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    # Twelve bits of magnitude; the negative side by ones' complement, so that both signs have the same decision values.
    magnitude = np.where(pcm < 0, ~pcm, pcm) >> 4
    chord = _chords(magnitude, 16)
    code = chord << 4 | magnitude >> np.maximum(chord - 1, 0) & 15
    return ((code | np.where(pcm < 0, 0, 0x80)) ^ 0x55).astype(np.uint8)


def _ulaw_octets() -> npt.NDArray[np.uint8]:
    pcm = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    magnitude = np.minimum(np.abs(pcm >> 2), 8158) + 33
    chord = _chords(magnitude, 64)
    code = chord << 4 | magnitude >> chord + 1 & 15
    octets: npt.NDArray[np.uint8] = (~(code | np.where(pcm < 0, 0x80, 0)) & 0xFF).astype(np.uint8)
    return octets


ULAW = Codec("PCMU", 0, 0xFF, _ulaw_values(), _ulaw_octets())
ALAW = Codec("PCMA", 8, 0xD5, _alaw_values(), _alaw_octets())

#: By RTP payload type, the ones this phone speaks.
CODECS = {codec.payload_type: codec for codec in (ALAW, ULAW)}
