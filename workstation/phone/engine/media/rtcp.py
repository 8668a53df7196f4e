"""The least of RTCP a peer may expect: a sender report with one reception block and a CNAME (RFC 3550 section 6.4.1,
6.5).
"""

from __future__ import annotations

import struct

from .packet import Packet

_SR, _SDES, _CNAME = 200, 202, 1
_NTP_EPOCH_S = 2_208_988_800


class Reports:
    """Counts what is sent and heard, and says so in the form RTCP wants. What the peer reports is not used."""

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._packets = self._octets = self._timestamp = 0
        self._peer: int | None = None
        self._highest = 0

    def sent(self, timestamp: int, octets: int) -> None:
        """One packet of ours."""
        self._packets += 1
        self._octets += octets
        self._timestamp = timestamp

    def heard(self, packet: Packet) -> None:
        """One packet of the peer's."""
        if packet.ssrc != self._peer:
            self._peer, self._highest = packet.ssrc, packet.seq
        step = (packet.seq - self._highest) & 0xFFFF
        if step < 0x8000:
            self._highest += step

    def build(self, now_ms: int, loss: float) -> bytes:
        """The compound packet to send now; `loss` is the part of the last packets missing, 0..1."""
        seconds, rest = divmod(now_ms, 1000)
        ntp = ((seconds + _NTP_EPOCH_S) & 0xFFFFFFFF, rest * 0x1_0000_0000 // 1000)
        sender = struct.pack(
            "!IIIIII",
            self._ssrc,
            *ntp,
            self._timestamp & 0xFFFFFFFF,
            self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )
        block = b""
        if self._peer is not None:
            # The total of lost packets, jitter and the echo of the peer's report are left at zero: nobody here
            # measures them.
            block = struct.pack(
                "!IIIIII", self._peer, min(255, int(loss * 256)) << 24, self._highest & 0xFFFFFFFF, 0, 0, 0
            )
        # The CNAME tells nothing of the machine: the source's own number again.
        name = f"{self._ssrc:08x}".encode()
        chunk = struct.pack("!IBB", self._ssrc, _CNAME, len(name)) + name + b"\0"
        chunk += b"\0" * (-len(chunk) % 4)
        return _section(_SR, 1 if block else 0, sender + block) + _section(_SDES, 1, chunk)


def _section(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
