"""One SIP message, read from hostile bytes without ever raising, and echoed byte for byte where a peer must know it
again.

Strict grammars lose calls: a folded header, a host with a digit at its end or one byte of Latin-1 in a display name
would make the INVITE vanish. So headers are lines with a name and a raw value; meaning is taken out of them by small
patterns where it is needed (`address.py`), and what has no meaning for us is carried along.
"""

from __future__ import annotations

import re

from msgspec import Struct, field

MESSAGE_MOST = 65_535
LINES_MOST = 4096
"""Header lines read; the rest is dropped, the request goes on."""

COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires",
    "y": "identity",
}  # fmt: skip
"""Compact header names (RFC 3261 section 7.3.3 and the IANA registry)."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_VERSION = re.compile(r"SIP/(\d{1,4}\.\d{1,4})", re.IGNORECASE)
_STATUS = re.compile(r"SIP/\d{1,4}\.\d{1,4}[ \t]+(\d{3})(?:[ \t]+(.*))?", re.IGNORECASE)
_CSEQ = re.compile(r"(\d{1,10})\s+(\S{1,64})")


class Message(Struct):
    """A request (`method`, `target`) or a response (`status`, `reason`). Header names are lower-case, values raw and
    unfolded.

    Text is UTF-8 with surrogate escapes, so that encoding it the same way gives the peer's bytes back.
    """

    method: str = ""
    target: str = ""
    status: int = 0
    reason: str = ""
    version: str = "2.0"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return bool(self.method)

    def first(self, name: str) -> str:
        """The first value of a header, "" where there is none."""
        for key, value in self.headers:
            if key == name:
                return value
        return ""

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order, as the lines stand."""
        return [value for key, value in self.headers if key == name]

    def values(self, name: str) -> list[str]:
        """Every value of a header with comma-separated ones taken apart."""
        return [part for value in self.all(name) for part in split_commas(value)]

    @property
    def call_id(self) -> str:
        return self.first("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq; (-1, "") where it can't be read."""
        found = _CSEQ.match(self.first("cseq"))
        return (int(found[1]), found[2].upper()) if found else (-1, "")

    @property
    def complete(self) -> bool:
        """Whether the headers are there without which no answer can be routed or matched."""
        return all(self.first(name) for name in ("via", "from", "to", "call-id")) and self.cseq[0] >= 0


def read(datagram: bytes) -> Message | None:
    """The message in a datagram (or in one frame of a stream); None for a keep-alive or what is no SIP. Never raises.

    Takes CRLF or bare LF, unfolds, allows blanks before the colon, any scheme in the Request-URI, any bytes in values.
    Content-Length cuts what is longer and is ignored where it lies (RFC 3261 section 18.3).
    """
    data = datagram[:MESSAGE_MOST].lstrip(b"\r\n")
    if not data.strip():
        return None
    end = _BLANK_LINE.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    lines = [line.replace("\r", " ").replace("\0", " ") for line in re.split(r"\r?\n", text, maxsplit=LINES_MOST + 1)]
    message = _start(lines[0].strip(" \t"))
    if message is None:
        return None
    for line in lines[1 : LINES_MOST + 1]:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon and name:
            message.headers.append((COMPACT.get(name, name), value.strip()))
    message.body = body[: content_length(message, len(body))]
    return message


def content_length(message: Message, otherwise: int) -> int:
    """Content-Length where it is a sound number, else `otherwise`."""
    text = message.first("content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else otherwise


def _start(line: str) -> Message | None:
    found = _STATUS.fullmatch(line)
    if found:
        return Message(status=int(found[1]), reason=found[2] or "")
    words = line.split(None, 1)
    if len(words) == 2 and len(words[0]) <= 64:
        target, _, last = words[1].replace("\t", " ").rpartition(" ")
        version = _VERSION.fullmatch(last)
        if version and target.strip():
            return Message(method=words[0].upper(), target=target.strip(), version=version[1])
    return None


def split_commas(value: str) -> list[str]:
    """A header value taken apart at commas outside quotes and angle brackets."""
    if "," not in value:
        return [value]
    parts: list[str] = []
    start = 0
    quoted = angle = escaped = False
    for place, char in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == "," and not angle:
            parts.append(value[start:place].strip())
            start = place + 1
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def write(start: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """The bytes of a message; header names as given, Content-Length added.

    Values come from us or from `read`, which leaves no line breaks.
    """
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 415: "Unsupported Media Type", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "Version Not Supported", 603: "Decline",
}  # fmt: skip

PRODUCT = "Tahuri"


def respond(
    request: Message,
    status: int,
    to_tag: str,
    via: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> bytes:
    """A response to `request` (RFC 3261 section 8.2.6); `via` stands for the top Via with `received` and `rport`
    filled in.
    """
    out: list[tuple[str, str]] = []
    vias = request.all("via")
    out.append(("Via", via))
    out.extend(("Via", line) for line in vias[1:])
    if status > 100:
        out.extend(("Record-Route", line) for line in request.all("record-route"))
    out.append(("From", request.first("from")))
    to = request.first("to")
    out.append(("To", to if not to_tag or has_tag(to) else f"{to};tag={to_tag}"))
    out.append(("Call-ID", request.call_id))
    out.append(("CSeq", request.first("cseq")))
    out.append(("Server", PRODUCT))
    out.extend(headers or [])
    return write(f"SIP/2.0 {status} {REASONS.get(status, 'Answer')}", out, body)


_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]*)", re.IGNORECASE)


def tag(value: str) -> str:
    """The tag of a From or To value, "" where there is none."""
    found = _TAG.search(value, value.rfind(">") + 1)
    return found[1] if found else ""


def has_tag(value: str) -> bool:
    """Whether a To value has a tag already, be it empty."""
    return _TAG.search(value, value.rfind(">") + 1) is not None


class Via(Struct, frozen=True):
    """The top Via as far as routing a response and matching a transaction needs it."""

    line: str
    sent_by: str
    branch: str
    rport: bool

    @property
    def port(self) -> int:
        """The port of sent-by, 5060 where it names none."""
        number = self.sent_by.rpartition(":")[2]
        return int(number) if number.isascii() and number.isdigit() and 0 < int(number) < 65_536 else 5060


_SENT_BY = re.compile(r"SIP\s*/\s*[\d.]{1,9}\s*/\s*\w{1,16}\s+([^;,\s]{1,300}(?:\s*:\s*\d{1,5})?)", re.IGNORECASE)
_BRANCH = re.compile(r";\s*branch\s*=\s*\"?([^;,\s\"]{1,300})", re.IGNORECASE)
_RPORT = re.compile(r";\s*rport\s*(?:=\s*(?:\d+\s*)?)?(?=[;,]|$)", re.IGNORECASE)


def top_via(request: Message) -> Via:
    """The top Via of a message; its parts are "" where they can't be read."""
    line = request.first("via")
    top = (split_commas(line) or [""])[0]
    sent_by, branch = _SENT_BY.search(top), _BRANCH.search(top)
    return Via(
        line=line,
        sent_by=re.sub(r"\s", "", sent_by[1]).lower() if sent_by else "",
        branch=branch[1] if branch else "",
        rport=_RPORT.search(top) is not None,
    )


def stamped(via: Via, host: str, port: int) -> str:
    """The Via line to send back: `received` and `rport` are the source we saw (RFC 3261 18.2.1, RFC 3581 section 4)."""
    top, rest = (split_commas(via.line) or [""])[0], ""
    if len(via.line) > len(top):
        rest = via.line[via.line.find(top) + len(top) :]
    known = via.sent_by.rpartition(":")[0] if via.sent_by.rpartition(":")[2].isdigit() else via.sent_by
    if via.rport:
        top = _RPORT.sub(f";rport={port};received={host}", top, count=1)
    elif known.strip("[]") != host:
        top += f";received={host}"
    return top + rest
