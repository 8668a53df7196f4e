"""Whether the hub and the registrar answer: one question each, with a deadline, for the doctor."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sync import protocol
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


def ask_hub(settings: Settings, token: str, clock: Clock) -> Answer:
    """Say hello to the hub as a desk does; a refused token is an answer too, and no reason to call the hub down."""
    url = urlsplit(settings.hub.url)
    hello = protocol.Hello(protocol.PROTOCOL, settings.desk.site, settings.desk.name, 0, {}, now_ms=clock.now_ms())
    headers = {"content-type": "application/msgpack", "authorization": f"Bearer {token}"}
    try:
        wire = _wire(url.scheme, url.hostname or "", url.port, settings.hub.ca_file)
        try:
            asked_s, sent_ms = clock.monotonic_s(), clock.now_ms()
            wire.request("POST", f"{url.path.rstrip('/')}/v1/hello", msgspec.msgpack.encode(hello), headers)
            response = wire.getresponse()
            body = response.read(ANSWER_MOST)
            round_ms = int((clock.monotonic_s() - asked_s) * 1000)
        finally:
            wire.close()
    except _NoAuthority as error:
        return Answer(False, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(False, f"{settings.hub.url} does not answer: {error}")
    if response.status != 200:
        said = _refusal(body) or f"it says {response.status} {response.reason}"
        return Answer(False, f"{settings.hub.url} answers, but refuses: {said}")
    try:
        welcome = msgspec.msgpack.decode(body, type=protocol.Welcome)
    except msgspec.DecodeError:
        return Answer(False, f"{settings.hub.url} answers, but it is no hub of ours")
    offset_ms = welcome.now_ms - (sent_ms + round_ms // 2)
    return Answer(True, f"{settings.hub.url} answered in {round_ms} ms", offset_ms)


class _NoAuthority(Exception):
    """The file of the authority an https hub is believed by can't be used."""


def _wire(scheme: str, host: str, port: int | None, ca_file: str) -> http.client.HTTPConnection:
    if scheme == "https":
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except OSError as error:
            raise _NoAuthority(f"hub.ca_file {ca_file} can't be used: {error.strerror or error}") from error
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
