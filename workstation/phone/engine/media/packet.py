"""RTP packets on the wire (RFC 3550 section 5.1) and the keys of telephone-event (RFC 4733)."""

from __future__ import annotations

import struct

from msgspec import Struct

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
#: More than any voice packet needs (200 ms of G.711); what is longer is not ours.
MAX_PAYLOAD = 1600
_KEYS = "0123456789*#ABCD"


class Packet(Struct, frozen=True):
    """One RTP packet; `payload` without padding, header extension and contributing sources cut away."""

    payload_type: int
    marker: bool
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(datagram: bytes) -> Packet | None:
    """The packet in a datagram, None when it is not well-formed RTP version 2 with a payload."""
    if not _HEADER.size < len(datagram) <= MAX_PAYLOAD:
        return None
    first, second, seq, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != 2:
        return None
    start = _HEADER.size + 4 * (first & 15)
    if first & 0x10:
        if start + 4 > len(datagram):
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    end = len(datagram)
    if first & 0x20:
        if datagram[-1] == 0:
            return None
        end -= datagram[-1]
    if start >= end:
        return None
    return Packet(second & 0x7F, bool(second & 0x80), seq, timestamp, ssrc, datagram[start:end])


def build(packet: Packet) -> bytes:
    """The datagram of a packet; sequence number and timestamp wrap."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    header = _HEADER.pack(0x80, second, packet.seq & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.ssrc & 0xFFFFFFFF)
    return header + packet.payload


class Keys:
    """Keys the peer presses: each is sent in several packets of one timestamp, and is one key."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def hear(self, packet: Packet) -> str:
        """The key a telephone-event packet begins, "" when it is no key or one already heard."""
        if len(packet.payload) < _EVENT.size:
            return ""
        event = _EVENT.unpack_from(packet.payload)[0]
        if event >= len(_KEYS) or self._last == (packet.ssrc, packet.timestamp):
            return ""
        self._last = (packet.ssrc, packet.timestamp)
        return _KEYS[event]
