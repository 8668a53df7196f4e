"""Whether the hub and the registrar answer: one question each, with a deadline, for the doctor."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sync import handshake, protocol
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.settings import Settings

DEADLINE_S = 3.0
ANSWER_MOST = 64 * 1024


class Answer(Struct, frozen=True):
    """What came back; `offset_ms` is the other clock minus ours, None = not told."""

    ok: bool
    sentence: str
    offset_ms: int | None = None


def ask_hub(settings: Settings, clock: Clock, ids: Ids) -> Answer:
    """Knock at the hub as a desk does, and go no further; whether it is the site's own, the desk itself finds out."""
    url = urlsplit(settings.hub.url)
    nonce = ids.secret(handshake.NONCE_BYTES)
    knock = handshake.Knock(protocol.PROTOCOL, protocol.OLDEST, settings.desk.site, 1, nonce)
    headers = {"content-type": "application/msgpack"}
    try:
        wire = _wire(url.scheme, url.hostname or "", url.port)
        try:
            asked_s, sent_ms = clock.monotonic_s(), clock.now_ms()
            wire.request("POST", f"{url.path.rstrip('/')}/v1/knock", msgspec.msgpack.encode(knock), headers)
            response = wire.getresponse()
            body = response.read(ANSWER_MOST)
            round_ms = int((clock.monotonic_s() - asked_s) * 1000)
        finally:
            wire.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(False, f"{settings.hub.url} does not answer: {error}")
    if response.status != 200:
        said = _refusal(body) or f"it says {response.status} {response.reason}"
        return Answer(False, f"{settings.hub.url} answers, but refuses: {said}")
    try:
        answer = msgspec.msgpack.decode(body, type=handshake.Answer)
    except msgspec.MsgspecError:
        return Answer(False, f"{settings.hub.url} answers, but it is no hub of ours")
    if answer.site != settings.desk.site:
        return Answer(False, f"{settings.hub.url} belongs to the site {answer.site!r}, not {settings.desk.site!r}")
    offset_ms = answer.now_ms - (sent_ms + round_ms // 2)
    return Answer(True, f"{settings.hub.url} answered in {round_ms} ms", offset_ms)


def _wire(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        # Who it is, the handshake proves and no certificate: this only asks whether somebody is there.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=context)
    return http.client.HTTPConnection(host, port, timeout=DEADLINE_S)


def _refusal(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, object]).get("sentence", ""))[:200]
    except msgspec.DecodeError:
        return ""


def ask_registrar(host: str, port: int, transport: str, ids: Ids) -> Answer:
    """Send the registrar OPTIONS (RFC 3261, section 11) and wait for any SIP answer."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as line:
            line.settimeout(DEADLINE_S)
            line.connect(address)
            line.sendall(_options(host, port, transport, line.getsockname(), ids.secret(8).hex()))
            first = line.recv(ANSWER_MOST).split(b"\r\n", 1)[0]
    except TimeoutError:
        return Answer(False, f"no answer within {DEADLINE_S:.0f} s")
    except OSError as error:
        return Answer(False, f"not reached: {error.strerror or error}")
    if not first.startswith(b"SIP/2.0 "):
        return Answer(False, "something answers there, but not in SIP")
    return Answer(True, f"answers {first[8:60].decode('ascii', 'replace')}")


def _options(host: str, port: int, transport: str, own: tuple[str, int], mark: str) -> bytes:
    here = f"[{own[0]}]:{own[1]}" if ":" in own[0] else f"{own[0]}:{own[1]}"
    lines = (
        f"OPTIONS sip:{host}:{port} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here};rport;branch=z9hG4bK{mark}",
        "Max-Forwards: 5",
        f"From: <sip:doctor@{here}>;tag={mark}",
        f"To: <sip:{host}:{port}>",
        f"Call-ID: {mark}@{here}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
