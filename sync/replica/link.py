"""The wire to one peer over HTTP: each answer becomes a value or one of two faults. The only file that knows httpx.

Imported on the sync thread only: httpx costs a tenth of a second that the desk's first frame must not wait for.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx
import httpx_sse
import msgspec
from msgspec import Struct

from sync import protocol
from sync.replica.faults import LinkDown, NoAuthority, Refused, Untrusted
from workstation.domain.sentence import say

T = TypeVar("T")
CONNECT_S: Final = 5.0
ANSWER_S: Final = 15.0
"""Longest wait for a hub's answer to a push or pull; a hub that needs longer is treated as gone and asked again."""
MISSED_BEATS: Final = 3
"""How many heartbeats may be missing before a silent stream counts as half-open."""
_ANSWER_LIMIT: Final = 2 * (protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD)
_RETRY_AFTER_LIMIT_S: Final = 60.0


class Event(Struct, frozen=True):
    """One word from the peer's stream: `new` is false for a heartbeat."""

    id: str
    new: bool


class Link:
    """Requests to one peer. Raises `LinkDown` where no usable answer came, `Refused` where the peer said no.

    `ca_file`: the only authority an https peer is believed by, PEM; "" = those of the system. Raises `NoAuthority`.
    """

    def __init__(self, url: str, token: str, *, answer_s: float = ANSWER_S, ca_file: str = "") -> None:
        parts = urlsplit(url)
        self.through = parts.netloc
        # trust_env off: a proxy of the person's environment must not see the site's token.
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"user-agent": f"tahuri/{protocol.PROTOCOL}"} | _bearer(token),
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s)),
            trust_env=False,
            verify=_trusted(ca_file) if ca_file else True,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Link:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def hello(self, hello: protocol.Hello) -> protocol.Welcome:
        return _decoded(await self._post("/v1/hello", msgspec.msgpack.encode(hello)), protocol.Welcome)

    async def push(self, frame: bytes) -> protocol.Ack:
        return _decoded(await self._post("/v1/push", frame), protocol.Ack)

    async def pull(self, pull: protocol.Pull) -> protocol.Page:
        return _decoded(await self._post("/v1/pull", msgspec.msgpack.encode(pull)), protocol.Page)

    async def events(self, replica: int, last_id: str, heartbeat_s: float) -> AsyncIterator[Event]:
        """The peer's stream until it ends or falls silent; the caller comes back with the last id."""
        headers = {"last-event-id": last_id} if last_id else {}
        timeout = httpx.Timeout(CONNECT_S, read=heartbeat_s * MISSED_BEATS)
        with _faults():
            async with httpx_sse.aconnect_sse(
                self._http, "GET", "/v1/events", params={"replica": str(replica)}, headers=headers, timeout=timeout
            ) as source:
                if source.response.status_code != 200:
                    _refuse(source.response, await _bounded(source.response))
                async for event in source.aiter_sse():
                    yield Event(event.id, event.event == "new")

    async def _post(self, path: str, body: bytes) -> bytes:
        with _faults():
            async with self._http.stream("POST", path, content=body) as response:
                answer = await _bounded(response)
        if response.status_code != 200:
            _refuse(response, answer)
        return answer


async def _bounded(response: httpx.Response) -> bytes:
    """The body, at most `_ANSWER_LIMIT` bytes: a hub is no more trusted with our memory than a desk with the hub's."""
    pieces = bytearray()
    async for piece in response.aiter_bytes():
        pieces += piece
        if len(pieces) > _ANSWER_LIMIT:
            raise LinkDown("the answer is longer than any may be")
    return bytes(pieces)


def _trusted(ca_file: str) -> ssl.SSLContext:
    """The site's own authority, and no other."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except FileNotFoundError as error:
        raise NoAuthority(say("hub.no_ca_file", file=ca_file)) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise NoAuthority(say("hub.ca_file", file=ca_file, error=why)) from error


def _bearer(token: str) -> dict[str, str]:
    """The header that shows the token; none for a token no header can carry, so that the hub says 401 in its words."""
    token = token.strip()
    return {"authorization": f"Bearer {token}"} if token and token.isascii() and token.isprintable() else {}


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx_sse.SSEError, httpx.StreamError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Untrusted(f"{type(error).__name__}: {error}") from error
        raise LinkDown(f"{type(error).__name__}: {error}") from error


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise LinkDown(f"an answer that is none of ours: {error}") from error


def _refuse(response: httpx.Response, body: bytes) -> NoReturn:
    try:
        said = msgspec.json.decode(body, type=protocol.Refusal)
    except msgspec.MsgspecError:
        said = protocol.Refusal("")
    raise Refused(response.status_code, said, _retry_after_s(response.headers.get("retry-after", "")))


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 section 10.2.3), bounded; None where absent or a date."""
    return min(float(text), _RETRY_AFTER_LIMIT_S) if text.isascii() and text.isdigit() else None
