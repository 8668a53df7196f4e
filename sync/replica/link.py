"""The wire to one peer over HTTP: each answer becomes a value or one of two faults. The only file that knows httpx.

Imported on the sync thread only: httpx costs a tenth of a second that the desk's first frame must not wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx
import httpx_sse
import msgspec
from msgspec import Struct

from sync import handshake, protocol
from sync.admission import device_of, events_of
from sync.attachments.messages import ATTACHMENTS, OFFSET, Ask, Have
from sync.handshake import channel_of
from sync.log import Log
from sync.replica.faults import LinkDown, Refused, TooSlow, Untrusted
from sync.replica.wire import Transport
from sync.snapshot.form import Listed, Part
from sync.snapshot.taking import Gone, Later
from sync.tls import certificate_of, pinned
from workstation.domain.roster import Device, Rosters
from workstation.signing import Signer

T = TypeVar("T")
CONNECT_S: Final = 5.0
ANSWER_S: Final = 15.0
"""Longest wait for a hub's answer to a push or pull; a hub that needs longer is treated as gone and asked again."""
MISSED_BEATS: Final = 3
"""How many heartbeats may be missing before a silent stream counts as half-open."""
_ANSWER_LIMIT: Final = 2 * (protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD)
_RETRY_AFTER_LIMIT_S: Final = 60.0
_LATER_S: Final = 2.0
_NO_SNAPSHOT: Final = (200, 404, 405, 416, 500, 501)


class Event(Struct, frozen=True):
    """One word from the peer's stream: `new` is false for a heartbeat."""

    id: str
    new: bool


class Link:
    """Requests to one peer. Raises `LinkDown` where no usable answer came, `Refused` where the peer said no.

    Made by `meet`: an https peer is held to the one certificate it showed first, which `enter` then proves to be that
    of an enrolled device.
    """

    def __init__(self, url: str, channel: bytes, context: ssl.SSLContext | None, answer_s: float) -> None:
        self._channel = channel
        self.spoken = protocol.PROTOCOL
        self.rosters: Rosters = {}
        """By which the peer was proven: the log's own, or those it was introduced by."""
        # trust_env off: a proxy of the person's environment must not see the site's ops.
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"user-agent": f"tahuri/{protocol.PROTOCOL}"},
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s)),
            trust_env=False,
            transport=Transport(context),
            follow_redirects=False,
        )

    @classmethod
    async def meet(cls, url: str, *, answer_s: float = ANSWER_S) -> Link:
        """A link to whoever answers at `url`; who that is, `enter` finds out."""
        parts = urlsplit(url)
        if parts.scheme != "https":
            return cls(url, b"", None, answer_s)
        try:
            shown = await certificate_of(parts.hostname or "", parts.port or 443, min(CONNECT_S, answer_s))
        except (OSError, TimeoutError, ValueError) as error:
            raise LinkDown(f"no TLS with {parts.netloc}: {error}") from error
        return cls(url, channel_of(shown), pinned(shown), answer_s)

    async def __aenter__(self) -> Link:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def enter(self, log: Log, secret: Callable[[int], bytes], *, introduced: bool = False) -> int:
        """Prove each other's devices; gives the peer's replica. Raises Untrusted where it is none of the site's.

        A peer that was made anew and does not know us is shown the roster, once.
        """
        answer, meeting = await self.knock(log.site, log.replica, secret)
        trust = log.trust()
        self.rosters = trust.rosters
        device = device_of(trust.rosters, answer.replica) or await self._introduced(log, meeting)
        if device is None or not trust.verify(device.key, answer.signature, meeting.by_server):
            raise Untrusted(f"replica {answer.replica} does not prove that it is a device of the site")
        if not protocol.OLDEST <= answer.protocol <= protocol.PROTOCOL:
            raise LinkDown(f"the peer answered in version {answer.protocol}")
        self.spoken = answer.protocol
        enter = handshake.Enter(answer.nonce, log.device.sign(meeting.by_asker))
        try:
            entered = _decoded(await self._post("/v1/enter", msgspec.msgpack.encode(enter)), handshake.Entered)
        except Refused as refusal:
            if refusal.said.error != protocol.STRANGER or introduced:
                raise
            shown = handshake.Introduce(log.replica, await asyncio.to_thread(log.roster))
            await self._post("/v1/introduce", msgspec.msgpack.encode(shown), 204)
            return await self.enter(log, secret, introduced=True)
        self._http.headers["authorization"] = f"Bearer {entered.token}"
        return answer.replica

    async def knock(
        self, site: str, replica: int, secret: Callable[[int], bytes]
    ) -> tuple[handshake.Answer, handshake.Meeting]:
        """Say who asks; the answer is proved by nothing yet."""
        nonce = secret(handshake.NONCE_BYTES)
        knock = handshake.Knock(protocol.PROTOCOL, protocol.OLDEST, site, replica, nonce)
        answer = _decoded(await self._post("/v1/knock", msgspec.msgpack.encode(knock)), handshake.Answer)
        return answer, handshake.Meeting(nonce, answer.nonce, replica, answer.replica, self._channel)

    async def site(self, meeting: handshake.Meeting, by: Signer) -> handshake.SitePage:
        """The roster, for who has a code or is a device of the site; proves nothing itself (`enrolling.believable`)."""
        asked = handshake.AskSite(meeting.server_nonce, by.public, by.sign(meeting.by_reader))
        return _decoded(await self._post("/v1/site", msgspec.msgpack.encode(asked)), handshake.SitePage)

    async def enrol(self, enrol: handshake.Enrol) -> handshake.Enrolled:
        """Show the proof of a one-time code."""
        return _decoded(await self._post("/v1/enrol", msgspec.msgpack.encode(enrol)), handshake.Enrolled)

    @property
    def channel(self) -> bytes:
        """What names the wire: the fingerprint of the certificate the peer showed, b"" on a plain one."""
        return self._channel

    async def _introduced(self, log: Log, meeting: handshake.Meeting) -> Device | None:
        """A peer this log has not heard of: its own roster says who it is, down from the site's key that we hold."""
        page = await self.site(meeting, log.device)
        self.rosters = log.trust().with_events(events_of(page.roster))
        return device_of(self.rosters, meeting.server)

    async def hello(self, hello: protocol.Hello) -> protocol.Welcome:
        return _decoded(await self._post("/v1/hello", msgspec.msgpack.encode(hello)), protocol.Welcome)

    async def push(self, frame: bytes) -> protocol.Ack:
        return _decoded(await self._post("/v1/push", frame), protocol.Ack)

    async def pull(self, pull: protocol.Pull) -> protocol.Page:
        return _decoded(await self._post("/v1/pull", msgspec.msgpack.encode(pull)), protocol.Page)

    async def snapshot(self, part: Part) -> Listed:
        """The signed list of a part of the peer's snapshot. Raises Gone and Later besides."""
        with _snapshot_faults():
            return _decoded((await self._ask("GET", f"/v1/snapshot/{part}", 200))[1], Listed)

    async def piece(self, part: Part, name: str, first: int, last: int) -> bytes:
        """These bytes of the part's file (RFC 9110, section 14.2). Raises Gone and Later besides."""
        headers = {"range": f"bytes={first}-{last}", "if-range": f'"{name}"', "accept-encoding": "identity"}
        with _snapshot_faults():
            _, found = await self._ask("GET", f"/v1/snapshot/{part}/{name}", 206, headers=headers)
        if len(found) != last + 1 - first:
            raise LinkDown(f"{len(found)} bytes of a snapshot came, not {last + 1 - first}")
        return found

    async def compare(self, asked: protocol.Compare) -> protocol.Compared:
        return _decoded(await self._post("/v1/compare", msgspec.msgpack.encode(asked)), protocol.Compared)

    async def events(self, last_id: str, heartbeat_s: float) -> AsyncIterator[Event]:
        """The peer's stream until it ends or falls silent; the caller comes back with the last id."""
        headers = {"last-event-id": last_id} if last_id else {}
        timeout = httpx.Timeout(CONNECT_S, read=heartbeat_s * MISSED_BEATS)
        with _faults():
            async with httpx_sse.aconnect_sse(
                self._http, "GET", "/v1/events", headers=headers, timeout=timeout
            ) as source:
                if source.response.status_code != 200:
                    _refuse(source.response, await _bounded(source.response))
                async for event in source.aiter_sse():
                    yield Event(event.id, event.event == "new")

    async def have(self, ask: Ask) -> list[int]:
        """How much the peer has of each of these attachments (`messages.Have`)."""
        have = _decoded(await self._post(ATTACHMENTS, msgspec.msgpack.encode(ask)), Have)
        if len(have.offsets) != len(ask.digests):
            raise LinkDown("the peer answered about other attachments than it was asked about")
        return have.offsets

    async def bring(self, digest: bytes, offset: int, piece: bytes) -> int:
        """Send the next piece of an attachment; gives how much of it the peer has now."""
        path, headers = f"{ATTACHMENTS}/{digest.hex()}", {OFFSET: str(offset)}
        response, _ = await self._ask("PATCH", path, 204, content=piece, headers=headers)
        return _offset(response) or 0

    async def fetch(self, digest: bytes, offset: int, most: int) -> bytes:
        """Bytes of an attachment from `offset` on."""
        headers = {"range": f"bytes={offset}-{offset + most - 1}"}
        response, piece = await self._ask("GET", f"{ATTACHMENTS}/{digest.hex()}", 206, headers=headers)
        if not response.headers.get("content-range", "").startswith(f"bytes {offset}-") or len(piece) > most:
            raise LinkDown("the peer gave another part of an attachment than it was asked for")
        return piece

    async def _post(self, path: str, body: bytes, good: int = 200) -> bytes:
        return (await self._ask("POST", path, good, content=body))[1]

    async def _ask(self, method: str, path: str, good: int, **more: Any) -> tuple[httpx.Response, bytes]:
        with _faults():
            async with self._http.stream(method, path, **more) as response:
                answer = await _bounded(response)
        if response.status_code != good:
            _refuse(response, answer)
        return response, answer


async def _bounded(response: httpx.Response) -> bytes:
    """The body, at most `_ANSWER_LIMIT` bytes: a hub is no more trusted with our memory than a desk with the hub's."""
    pieces = bytearray()
    async for piece in response.aiter_bytes():
        pieces += piece
        if len(pieces) > _ANSWER_LIMIT:
            raise LinkDown("the answer is longer than any may be")
    return bytes(pieces)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise TooSlow(f"{type(error).__name__}: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx_sse.SSEError, httpx.StreamError) as error:
        raise LinkDown(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _snapshot_faults() -> Iterator[None]:
    """What a hub may say to who wants a snapshot without its being a fault: one that knows none has no such route."""
    try:
        yield
    except Refused as refusal:
        if refusal.status == 503:
            raise Later(refusal.retry_after_s or _LATER_S) from refusal
        if refusal.status in _NO_SNAPSHOT:
            raise Gone(none=refusal.said.error != "gone") from refusal
        raise


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
    refused = Refused(response.status_code, said, _retry_after_s(response.headers.get("retry-after", "")))
    refused.offset = _offset(response)
    raise refused


def _offset(response: httpx.Response) -> int | None:
    text = response.headers.get(OFFSET, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 section 10.2.3), bounded; None where absent or a date."""
    return min(float(text), _RETRY_AFTER_LIMIT_S) if text.isascii() and text.isdigit() else None
