"""The routes of sync over any log (promise S1); the hub serves them.

`/v1/hello`, `/v1/push`, `/v1/pull` take and give msgpack (`sync.protocol`), `/v1/events` is a server-sent stream
(WHATWG HTML, section 9.2). A refusal is JSON, `{"sentence", "error", "vector"}`, for a person with curl.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sync import protocol
from sync.log import Log, opened
from sync.protocol import ChainBroken, Gap, ProtocolError
from workstation.domain.hlc import Clock

log = logging.getLogger("sync")
T = TypeVar("T")
_MSGPACK: Final = "application/msgpack"
ADMITTED: Final = "admitted"
"""Name in a request's ASGI state of what a server wants called once the token was right, where it has any such wish."""


class Limits(Struct, frozen=True):
    """What one peer may ask of this process."""

    frame_bytes: int = protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD
    ask_bytes: int = 64 * 1024  # hello and pull: a vector of some thousand replicas
    listeners: int = 256
    heartbeat_s: float = 5.0
    body_s: float = 20.0  # a body that takes longer to arrive is given up
    # What the hub's door keeps (`sync.hub.door`).
    request_s: float = 30.0  # a whole request of a desk, so that one given up above ends, too
    stranger_s: float = 10.0  # from connecting to the first request with the token
    strangers: int = 64  # connections that have not shown it yet
    connections: int = 800  # all of them, below the 1024 files a process may have open by default


class Turned(Exception):
    """A request that is answered with an error: HTTP `status`, and what to say."""

    def __init__(
        self, status: int, error: str, sentence: str, *, vector: dict[int, int] | None = None, wait_s: int = 0
    ) -> None:
        super().__init__(sentence)
        self.status, self.wait_s = status, wait_s
        self.refusal = protocol.Refusal(sentence, vector or {}, error)

    def response(self) -> Response:
        headers = {"retry-after": str(self.wait_s)} if self.wait_s else {}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        body = msgspec.json.encode(self.refusal)
        return Response(body, self.status, headers, media_type="application/json")


class Feed:
    """Tells listeners that the log grew. Bounded, one stream a replica: a desk that comes back takes its own place."""

    def __init__(self, source: Log, limit: int) -> None:
        self._limit = limit
        self._listeners: dict[int, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        self._unlisten = source.listen(self._committed)

    def _committed(self, _changes: object) -> None:
        """On the log's writer thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._ring)
            except RuntimeError:  # the loop closed between the two lines
                return

    def _ring(self) -> None:
        for listener in self._listeners.values():
            listener.set()

    def join(self, replica: int) -> asyncio.Event:
        """A place for this replica. Raises `Turned` (503) where all are taken."""
        if replica not in self._listeners and len(self._listeners) >= self._limit:
            raise Turned(503, "full", f"{self._limit} desks listen already.", wait_s=15)
        self._loop = asyncio.get_running_loop()
        if before := self._listeners.pop(replica, None):
            before.set()  # it finds itself replaced and ends
        self._listeners[replica] = asyncio.Event()
        return self._listeners[replica]

    def holds(self, replica: int, listener: asyncio.Event) -> bool:
        """Whether this stream still is the replica's."""
        return not self.closed and self._listeners.get(replica) is listener

    def leave(self, replica: int, listener: asyncio.Event) -> None:
        if self._listeners.get(replica) is listener:
            del self._listeners[replica]

    def close(self) -> None:
        """End every stream, so that a server can stop."""
        self.closed = True
        self._unlisten()
        self._ring()


class Service:
    """The four routes over one log."""

    def __init__(self, source: Log, token: str, *, clock: Clock, limits: Limits, site: str) -> None:
        self._log, self._clock, self._limits, self._site = source, clock, limits, site
        self._token = f"Bearer {token}".encode()
        self.feed = Feed(source, limits.listeners)
        # One push at a time: a frame is checked against the vector and heads it will be appended to.
        self._pushing = asyncio.Lock()
        self._digest: tuple[dict[int, int], bytes] | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/v1/hello", self._guarded(self._hello), methods=["POST"]),
            Route("/v1/push", self._guarded(self._push), methods=["POST"]),
            Route("/v1/pull", self._guarded(self._pull), methods=["POST"]),
            Route("/v1/events", self._guarded(self._events), methods=["GET"]),
        ]

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """No answer but 401 without the site's token; a fault of ours is logged, not shown to the peer."""

        async def guarded(request: Request) -> Response:
            try:
                shown = request.headers.get("authorization", "").encode()
                if not hmac.compare_digest(shown, self._token):
                    raise Turned(401, "token", "The site token is missing or wrong: set it in the desk's settings.")
                if admitted := request.scope.get("state", {}).get(ADMITTED):
                    admitted()
                return await answer(request)
            except Turned as turned:
                return turned.response()
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:  # whatever it was, the desk gets an answer and the hub goes on
                log.exception("%s failed", request.url.path)
                return Turned(500, "fault", "The hub could not do this; its log tells why.").response()

        return guarded

    # --- the four routes
    async def _hello(self, request: Request) -> Response:
        body = await self._body(request, self._limits.ask_bytes)
        spoken = _decoded(body, _Spoken).protocol
        if spoken not in protocol.PROTOCOLS:
            known = f"{min(protocol.PROTOCOLS)} to {max(protocol.PROTOCOLS)}"
            raise Turned(426, "protocol", f"Protocol {spoken} is not spoken here, only {known}: update.")
        asked = _decoded(body, protocol.Hello)
        vector = self._log.vector()
        digest = await self._digest_at(vector) if asked.digest else b""
        heartbeat_s, now_ms = self._limits.heartbeat_s, self._clock.now_ms()
        return _packed(protocol.Welcome(protocol.PROTOCOL, self._log.epoch, vector, digest, now_ms, heartbeat_s))

    async def _push(self, request: Request) -> Response:
        """Answered after the commit, never before (promise S2): `merge` is done when the ops are durable."""
        packed = await self._body(request, self._limits.frame_bytes)
        async with self._pushing:
            try:
                ops = await opened(self._log, packed)
                if ops:
                    await asyncio.shield(asyncio.wrap_future(self._log.merge(ops)))
            except Gap as gap:
                raise Turned(409, protocol.GAP, f"{gap}.", vector=gap.vector) from None
            except ChainBroken as broken:
                log.warning("a push was refused: %s", broken)
                raise Turned(409, protocol.CHAIN, f"{broken}.") from None
            except ProtocolError as error:
                log.warning("a push was refused: %s", error)
                raise Turned(400, "frame", f"{error}.") from None
            vector = self._log.vector()
        return _packed(protocol.Ack(self._log.epoch, vector))

    async def _pull(self, request: Request) -> Response:
        asked = _decoded(await self._body(request, self._limits.ask_bytes), protocol.Pull)
        if self._site and asked.scope not in ("", self._site):
            raise Turned(403, "scope", f"This hub keeps the site {self._site!r}, not {asked.scope!r}.")
        frame = await asyncio.to_thread(self._frame, asked)
        # Read after the page: an older vector would make the asker push back what it was just given.
        vector = self._log.vector()
        return _packed(protocol.Page(self._log.epoch, vector, frame))

    async def _events(self, request: Request) -> Response:
        try:
            replica = int(request.query_params.get("replica", ""))
        except ValueError:
            raise Turned(400, "replica", "Say who listens: /v1/events?replica=NUMBER.") from None
        listener = self.feed.join(replica)
        stream = self._stream(replica, listener, request.headers.get("last-event-id", ""))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    # --- small parts
    async def _stream(self, replica: int, listener: asyncio.Event, last_id: str) -> AsyncIterator[bytes]:
        """`new` as soon as the log is past the listener's last id, `beat` when nothing was said for a heartbeat."""
        try:
            while self.feed.holds(replica, listener):
                listener.clear()
                now_id = protocol.event_id(self._log.epoch, self._log.vector())
                yield f"event: {'beat' if now_id == last_id else 'new'}\nid: {now_id}\ndata:\n\n".encode()
                last_id = now_id
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.heartbeat_s):
                        await listener.wait()
        finally:
            self.feed.leave(replica, listener)

    def _frame(self, asked: protocol.Pull) -> bytes:
        ops = next(protocol.cut(self._log.page(asked.vector, asked.limit)), ())
        return protocol.pack_frame(ops) if ops else b""

    async def _digest_at(self, vector: dict[int, int]) -> bytes:
        """The state's digest, computed once for each vector: every desk that comes back asks for it."""
        if self._digest is None or self._digest[0] != vector:
            self._digest = (vector, await asyncio.to_thread(self._log.digest))
        return self._digest[1]

    async def _body(self, request: Request, limit: int) -> bytes:
        """The request's body. Raises `Turned`: 413 beyond `limit` bytes, 408 where it trickles."""
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > limit:
            raise Turned(413, "large", f"At most {limit} bytes are taken here: send less at once.")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for piece in request.stream():
                    body += piece
                    if len(body) > limit:
                        raise Turned(413, "large", f"At most {limit} bytes are taken here: send less at once.")
        except TimeoutError:
            raise Turned(408, "slow", "The request took too long to arrive.") from None
        return bytes(body)


def routes(
    source: Log, token: str, *, clock: Clock, limits: Limits | None = None, site: str = ""
) -> tuple[list[Route], Feed]:
    """The routes over `source`, and the feed of its listeners: call `Feed.close` before the server stops.

    `site` "" = ops of any site are given out.
    """
    service = Service(source, token, clock=clock, limits=limits or Limits(), site=site)
    return service.routes(), service.feed


class _Spoken(msgspec.Struct):
    """The part of a hello that every version of the protocol has."""

    protocol: int


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Turned(400, "message", f"Not a {kind.__name__.strip('_').lower()}: {error}.") from None


def _packed(answer: msgspec.Struct) -> Response:
    return Response(msgspec.msgpack.encode(answer), media_type=_MSGPACK)
