"""Offer and answer for one audio stream: G.711 and telephone-event, 20 ms, hold by direction (RFC 4566, 3264, 4733)."""

from __future__ import annotations

import re

from msgspec import Struct

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_RTPMAP = re.compile(r"rtpmap:(\d{1,3})\s+([\w.-]{1,32})/(\d{1,6})", re.IGNORECASE)
_MEDIA = re.compile(r"(\S{1,32})\s+(\d{1,5})(?:/\d{1,4})?\s+(\S{1,64})\s*(.*)")


class Stream(Struct, frozen=True):
    """An m= line and what belongs to it.

    `voice` is (payload type, PCMA or PCMU) in the offer's order, `events` that of telephone-event.
    """

    media: str
    protocol: str
    formats: str
    host: str
    port: int
    voice: tuple[tuple[int, str], ...]
    events: int | None
    direction: str

    @property
    def usable(self) -> bool:
        """Whether we can talk by it: plain RTP, a codec of ours, an address and a port."""
        return (
            self.media == "audio" and self.protocol.upper() in ("RTP/AVP", "RTP/AVPF")
            and bool(self.voice) and self.port > 0 and bool(self.host)
        )  # fmt: skip


class Agreed(Struct, frozen=True):
    """What both sides will send: where to, which payload type (8 PCMA, 0 PCMU or what the offer calls them), hold.

    `direction` is ours: recvonly means the caller holds us.
    """

    host: str
    port: int
    payload_type: int
    codec: str
    events: int | None
    direction: str


def read_sdp(data: bytes) -> list[Stream]:
    """The streams of a session description, [] for what is none. Never raises."""
    streams: list[Stream] = []
    session: list[tuple[str, str]] = []
    current = session
    blocks: list[list[tuple[str, str]]] = []
    for line in data[:65_535].decode("utf-8", "replace").splitlines()[:1000]:
        key, equals, value = line.strip().partition("=")
        if not equals or len(key) != 1:
            continue
        if key == "m":
            current = [(key, value)]
            blocks.append(current)
        else:
            current.append((key, value.strip()))
    host, direction = _host(session), _direction(session)
    for block in blocks[:16]:
        stream = _stream(block, host, direction)
        if stream is not None:
            streams.append(stream)
    return streams


def _host(lines: list[tuple[str, str]]) -> str:
    for key, value in lines:
        words = value.split()
        if key == "c" and len(words) >= 3:
            return words[2].partition("/")[0][:255]
    return ""


def _direction(lines: list[tuple[str, str]]) -> str:
    return next((value for key, value in lines if key == "a" and value in DIRECTIONS), "")


def _stream(block: list[tuple[str, str]], host: str, direction: str) -> Stream | None:
    found = _MEDIA.fullmatch(block[0][1].strip())
    if not found:
        return None
    names = {8: "PCMA", 0: "PCMU"}
    for key, value in block:
        mapped = _RTPMAP.match(value) if key == "a" else None
        if mapped and int(mapped[3]) == 8000:
            names[int(mapped[1])] = mapped[2].upper()
    listed = [int(word) for word in found[4].split()[:64] if word.isascii() and word.isdigit() and len(word) <= 3]
    own_host = _host(block) or host
    way = _direction(block) or direction or "sendrecv"
    if own_host in ("0.0.0.0", "::"):
        # The way of RFC 2543 to hold; such a peer wants to hear nothing and says nothing.
        way = "inactive"
    return Stream(
        media=found[1].lower(), protocol=found[3], formats=found[4], host=own_host, port=min(int(found[2]), 65_535),
        voice=tuple((n, names[n]) for n in listed if (n, names.get(n)) in ((8, "PCMA"), (0, "PCMU"))),
        events=next((n for n in listed if names.get(n) == "TELEPHONE-EVENT"), None), direction=way,
    )  # fmt: skip


def agree(streams: list[Stream], hold: bool = False) -> tuple[int, Agreed] | None:
    """The stream to talk by (its place and what is agreed), None where nothing fits. `hold`: we let the caller wait."""
    for place, stream in enumerate(streams):
        if stream.usable:
            number, codec = stream.voice[0]
            way = MIRROR[stream.direction]
            if hold:
                way = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(way, way)
            return place, Agreed(stream.host, stream.port, number, codec, stream.events, way)
    return None


def write_answer(
    streams: list[Stream], place: int, agreed: Agreed, host: str, port: int, session: int, version: int
) -> bytes:
    """The answer: as many m= lines as the offer has, all but one refused with port 0 (RFC 3264 section 6)."""
    lines = _opening(host, session, version)
    for index, stream in enumerate(streams):
        if index == place:
            lines += _audio(port, [(agreed.payload_type, agreed.codec)], agreed.events, agreed.direction)
        else:
            formats = re.sub(r"[^\w .*-]", "", stream.formats)[:200] or "0"
            lines.append(f"m={re.sub('[^a-z]', '', stream.media) or 'audio'} 0 {_token(stream.protocol)} {formats}")
    return _joined(lines)


def write_offer(
    host: str, port: int, session: int, version: int, direction: str, agreed: Agreed | None = None
) -> bytes:
    """Our offer: what is agreed already, or both G.711 laws, A-law first as in Indonesian networks."""
    voice = [(agreed.payload_type, agreed.codec)] if agreed else [(8, "PCMA"), (0, "PCMU")]
    events = agreed.events if agreed else 101
    return _joined(_opening(host, session, version) + _audio(port, voice, events, direction))


def _token(text: str) -> str:
    return re.sub(r"[^\w/.-]", "", text)[:32] or "RTP/AVP"


def _opening(host: str, session: int, version: int) -> list[str]:
    family = "IP6" if ":" in host else "IP4"
    return ["v=0", f"o=- {session} {version} IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]


def _audio(port: int, voice: list[tuple[int, str]], events: int | None, direction: str) -> list[str]:
    formats = [str(number) for number, _ in voice] + ([str(events)] if events is not None else [])
    lines = [f"m=audio {port} RTP/AVP {' '.join(formats)}"]
    lines += [f"a=rtpmap:{number} {codec}/8000" for number, codec in voice]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-15"]
    return [*lines, "a=ptime:20", f"a={direction}"]


def _joined(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")
