"""What an INVITE carries: the SDP is found in any wrapping, the caller's location is passed on raw and bounded.

A location that can't be read never fails a call (promise P1). Source: RFC 2046 section 5.1, RFC 6442.
"""

from __future__ import annotations

import base64
import binascii
import re

from .address import plain
from .message import Message

LOCATION_MOST = 16 * 1024
_PARTS_MOST = 16
_DEPTH_MOST = 3
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
_PART_HEAD = re.compile(rb"\r?\n\r?\n")
_BARE_SDP = re.compile(rb"(?:^|\n)(v=0\r?\n(?:[a-z]=[^\r\n]*\r?\n?)+)")


def contents(request: Message) -> tuple[bytes, str]:
    """The SDP ("" bytes where there is none) and the raw location document ("" where there is none) of a request."""
    sdp, location = _walk(request.first("content-type"), "", request.body, 0)
    if not sdp and request.body:
        # A boundary that doesn't match, a type that is missing: the SDP may lie there all the same.
        found = _BARE_SDP.search(request.body)
        sdp = found[1] if found else b""
    return sdp, plain_document(location)


def plain_document(data: bytes) -> str:
    """Bytes as bounded text with its line breaks, safe for JSON."""
    text = data[:LOCATION_MOST].decode("utf-8", "replace")
    return "\n".join(plain(line, LOCATION_MOST) for line in text.splitlines())


def _walk(content_type: str, encoding: str, body: bytes, depth: int) -> tuple[bytes, bytes]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/") and depth < _DEPTH_MOST:
        sdp = location = b""
        for head, part in _parts(content_type, body):
            inner_sdp, inner_location = _walk(
                head.get("content-type", ""), head.get("content-transfer-encoding", ""), part, depth + 1
            )
            sdp, location = sdp or inner_sdp, location or inner_location
        return sdp, location
    body = _decoded(body, encoding)
    if kind == "application/sdp":
        return body, b""
    if "pidf" in kind or "held" in kind or "location" in kind:
        return b"", body
    return b"", b""


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() != "base64":
        return body
    try:
        return base64.b64decode(body[: LOCATION_MOST * 2])
    except (binascii.Error, ValueError):
        return body


def _parts(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    found = _BOUNDARY.search(content_type)
    if not found:
        return []
    boundary = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    out: list[tuple[dict[str, str], bytes]] = []
    for piece in (b"\n" + body).split(b"\n" + mark)[1 : _PARTS_MOST + 1]:
        if piece.startswith(b"--"):
            break
        # The rest of the boundary's line is padding; the head may be empty.
        _, _, rest = piece.partition(b"\n")
        if rest.startswith((b"\r\n", b"\n")):
            out.append(({}, rest.lstrip(b"\r\n")))
            continue
        end = _PART_HEAD.search(rest)
        if end:
            out.append((_head(rest[: end.start()]), rest[end.end() :].removesuffix(b"\r")))
    return out


def _head(lines: bytes) -> dict[str, str]:
    text = re.sub(r"\r?\n[ \t]+", " ", lines[:8192].decode("utf-8", "surrogateescape"))
    out: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            out.setdefault(name.strip().lower(), value.strip())
    return out
