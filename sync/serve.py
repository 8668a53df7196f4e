"""The routes of sync over any log (promise S1); the hub serves them.

`/v1/knock`, `/v1/enter`, `/v1/introduce`, `/v1/site`, `/v1/enrol` (`sync.handshake`), `/v1/hello`, `/v1/push`,
`/v1/pull` and `/v1/compare` (`sync.protocol`) take and give msgpack, `/v1/events` is a server-sent stream (WHATWG HTML,
section 9.2), `/v1/snapshot/…` are those of `sync.snapshot.serving`, `/v1/attachments…` of `sync.attachments.routes`. A
refusal is JSON, `{"sentence", "error", "vector"}`, for a person with curl.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sync import handshake, protocol
from sync.attachments.routes import Attachments
from sync.entrance import Entrance, Secret, Unwelcome, Visitor
from sync.frame import cut, pack_frame, salted
from sync.log import Log, LogAway, admitted
from sync.opwire import ProtocolError
from sync.refusal import Turned
from sync.snapshot.serving import Snapshots
from workstation.domain.hlc import Clock

log = logging.getLogger("sync")
T = TypeVar("T")
_MSGPACK: Final = "application/msgpack"
_Answer = Callable[[Request], Awaitable[Response]]
Heard = Callable[[int, dict[int, int]], None]
"""Told that a replica says it has this vector on disk."""
ADMITTED: Final = "admitted"
"""Name in a request's ASGI state of what a server wants called once a visitor has shown who it is."""


class Limits(Struct, frozen=True):
    """What one peer may ask of this process."""

    frame_bytes: int = protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD
    ask_bytes: int = 64 * 1024  # hello and pull: a vector of some thousand replicas
    knock_bytes: int = 4 * 1024
    roster_bytes: int = 2 * 1024 * 1024  # some thousand people and devices
    attachment_bytes: int = 512 * 1024 * 1024
    pushes: int = 64  # frames that wait for their turn; who comes after them is to come back
    listeners: int = 256
    heartbeat_s: float = 5.0
    body_s: float = 20.0  # a body that takes longer to arrive is given up
    # What the hub's door keeps (`sync.door`).
    request_s: float = 30.0  # a whole request of a desk, so that one given up above ends, too
    stranger_s: float = 10.0  # from connecting to the first request with a token
    strangers: int = 64  # connections that have not shown it yet
    connections: int = 800  # all of them, below the 1024 files a process may have open by default


def _unheard(_replica: int, _vector: dict[int, int]) -> None:
    return


class Feed:
    """Tells listeners that the log grew. Bounded, one stream a replica: a desk that comes back takes its own place."""

    def __init__(self, source: Log, limit: int) -> None:
        self._limit = limit
        self._listeners: dict[int, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        self._unlisten = source.listen(self._committed)
        self.ends: list[Callable[[], None]] = []
        """What else is to be closed with it."""

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

    @property
    def replicas(self) -> frozenset[int]:
        """Who listens now."""
        return frozenset(self._listeners)

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
        for end in self.ends:
            end()


class Service:
    """The routes over one log: the entrance, and for who is in the exchange."""

    def __init__(
        self, source: Log, entrance: Entrance, *, clock: Clock, limits: Limits, heard: Heard | None = None
    ) -> None:
        self._log, self._entrance, self._clock, self._limits = source, entrance, clock, limits
        self._heard = heard or _unheard
        self.feed = Feed(source, limits.listeners)
        # One push at a time: a frame is checked against the vector and heads it will be appended to.
        self._pushing = asyncio.Lock()
        self._waiting = 0
        self._digest: tuple[dict[int, int], bytes] | None = None
        self._attachments = Attachments(
            source, self._guarded, self._body, self._replicas, limits.attachment_bytes, limits.ask_bytes
        )
        self._snapshots = Snapshots(source, entrance.secret, clock)
        self.feed.ends.append(self._snapshots.close)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/knock", self._answered(self._knock), methods=["POST"]),
            Route("/v1/enter", self._answered(self._enter), methods=["POST"]),
            Route("/v1/introduce", self._answered(self._introduce), methods=["POST"]),
            Route("/v1/site", self._answered(self._site), methods=["POST"]),
            Route("/v1/enrol", self._answered(self._enrol), methods=["POST"]),
            Route("/v1/hello", self._guarded(self._hello), methods=["POST"]),
            Route("/v1/push", self._guarded(self._push), methods=["POST"]),
            Route("/v1/pull", self._guarded(self._pull), methods=["POST"]),
            Route("/v1/compare", self._guarded(self._compare), methods=["POST"]),
            Route("/v1/events", self._guarded(self._events), methods=["GET"]),
            *self._attachments.routes(),
            Route("/v1/snapshot/{part}", self._guarded(self._snapshots.listed), methods=["GET"]),
            Route("/v1/snapshot/{part}/{name}", self._guarded(self._snapshots.file), methods=["GET"]),
        ]

    def _answered(self, answer: _Answer) -> _Answer:
        """Whatever goes wrong, the peer gets an answer and the server goes on; a fault of ours is only logged."""

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except Turned as turned:
                return turned.response()
            except Unwelcome as unwelcome:
                return Turned(unwelcome.status, unwelcome.error, str(unwelcome)).response()
            except LogAway as gone:
                log.info("%s was put off: %s", request.url.path, gone)  # the log itself says so once, aloud
                sentence = "What keeps the record does not answer: come back in a moment."
                return Turned(503, "busy", sentence, wait_s=gone.wait_s).response()
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:  # whatever it was, the desk gets an answer and the hub goes on
                log.exception("%s failed", request.url.path)
                return Turned(
                    500, "fault", "This could not be done; the log of the machine that was asked tells why."
                ).response()

        return answered

    def _guarded(self, answer: Callable[[Request, Visitor], Awaitable[Response]]) -> _Answer:
        """No answer but 401 without the token of who has entered."""

        async def guarded(request: Request) -> Response:
            shown = request.headers.get("authorization", "")
            visitor = self._entrance.visitor(shown.removeprefix("Bearer "))
            if admitted := request.scope.get("state", {}).get(ADMITTED):
                admitted()
            return await answer(request, visitor)

        return self._answered(guarded)

    # --- the entrance
    async def _knock(self, request: Request) -> Response:
        body = await self._body(request, self._limits.knock_bytes)
        return _packed(self._entrance.knock(_decoded(body, handshake.Knock)))

    async def _enter(self, request: Request) -> Response:
        body = await self._body(request, self._limits.knock_bytes)
        return _packed(self._entrance.enter(_decoded(body, handshake.Enter)))

    async def _introduce(self, request: Request) -> Response:
        shown = _decoded(await self._body(request, self._limits.roster_bytes), handshake.Introduce)
        try:
            await asyncio.to_thread(self._entrance.introduce, shown)
        except ProtocolError as error:
            raise Turned(400, "message", f"Not a roster: {error}.") from None
        return Response(status_code=204)

    async def _site(self, request: Request) -> Response:
        asked = _decoded(await self._body(request, self._limits.knock_bytes), handshake.AskSite)
        return _packed(await asyncio.to_thread(self._entrance.site, asked))

    async def _enrol(self, request: Request) -> Response:
        enrol = _decoded(await self._body(request, self._limits.knock_bytes), handshake.Enrol)
        async with self._pushing:
            body, name = self._entrance.invited(enrol)
            if body:
                made = body | {"at": self._clock.now_ms()}
                await asyncio.shield(asyncio.wrap_future(self._log.append("device.enrolled", enrol.invitation, made)))
                log.info("the device %r is enrolled as replica %d", name, enrol.replica)
        return _packed(handshake.Enrolled(name))

    # --- the exchange
    async def _hello(self, request: Request, visitor: Visitor) -> Response:
        asked = _decoded(await self._body(request, self._limits.ask_bytes), protocol.Hello)
        self._heard(visitor.replica, asked.vector)
        self._same_history(visitor.replica, asked)
        vector = self._visible(visitor)
        reached = self._log.reached()
        whole = vector == reached[0]
        digest = await self._digest_at(vector) if asked.digest and whole else b""
        chains = protocol.chains_of(*reached) if whole else b""
        now_ms, beat_s = self._clock.now_ms(), self._limits.heartbeat_s
        return _packed(protocol.Welcome(visitor.protocol, self._log.epoch, vector, digest, now_ms, beat_s, chains))

    def _same_history(self, replica: int, asked: protocol.Hello) -> None:
        """Raises `Turned` where the asker's own ops are others than those known here, as many they are (promise S5).

        Where one side has more of them, the chain tells as soon as they travel.
        """
        vector, heads = self._log.reached()
        seq = vector.get(replica, 0)
        if asked.head and seq and asked.vector.get(replica) == seq and heads[replica] != asked.head:
            said = protocol.ChainBroken(replica, seq)
            log.warning("a hello was refused: %s", said)
            raise Turned(409, protocol.CHAIN, f"{said}.")

    async def _push(self, request: Request, visitor: Visitor) -> Response:
        """Answered after the commit, never before (promise S2): `merge` is done when the ops are durable."""
        if self._waiting >= self._limits.pushes:
            raise Turned(503, "busy", "Many pushes wait already: come back in a moment.", wait_s=1)
        self._waiting += 1
        try:
            packed = await self._body(request, self._limits.frame_bytes)
            async with self._pushing:
                await self._take(packed)
        finally:
            self._waiting -= 1
        return _packed(protocol.Ack(self._log.epoch, self._visible(visitor)))

    async def _take(self, packed: bytes) -> None:
        try:
            if ops := await admitted(self._log, packed, self._entrance.trust):
                await asyncio.shield(asyncio.wrap_future(self._log.merge(ops)))
        except protocol.Gap as gap:
            raise Turned(409, protocol.GAP, f"{gap}.", vector=gap.vector) from None
        except protocol.SaltMissing as missing:
            raise Turned(409, protocol.SALT, f"{missing}.", replica=missing.replica) from None
        except protocol.ChainBroken as broken:
            log.warning("a push was refused: %s", broken)
            raise Turned(409, protocol.CHAIN, f"{broken}.", replica=broken.replica) from None
        except protocol.Stranger as stranger:
            log.warning("a push was refused: %s", stranger)
            raise Turned(403, protocol.STRANGER, f"{stranger}.", replica=stranger.replica) from None
        except ProtocolError as error:
            log.warning("a push was refused: %s", error)
            raise Turned(400, "frame", f"{error}.") from None

    async def _pull(self, request: Request, visitor: Visitor) -> Response:
        asked = _decoded(await self._body(request, self._limits.ask_bytes), protocol.Pull)
        self._heard(visitor.replica, asked.vector)
        frame = await asyncio.to_thread(self._frame, asked, self._wanted(visitor, asked.without), visitor.protocol)
        # Read after the page: an older vector would make the asker push back what it was just given.
        return _packed(protocol.Page(self._log.epoch, self._visible(visitor), frame))

    async def _compare(self, request: Request, visitor: Visitor) -> Response:
        """Where the chains are the same and where not: who asks finds out how far both have one history (S5)."""
        asked = _decoded(await self._body(request, self._limits.ask_bytes), protocol.Compare)
        visible = self._visible(visitor)
        wanted = {replica: heads for replica, heads in asked.heads.items() if replica in visible}
        held = await asyncio.to_thread(self._log.heads_at, wanted)
        return _packed(protocol.compared(asked, held))

    async def _events(self, request: Request, visitor: Visitor) -> Response:
        listener = self.feed.join(visitor.replica)
        stream = self._stream(visitor, listener, request.headers.get("last-event-id", ""))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    # --- small parts
    def _replicas(self, visitor: Visitor) -> frozenset[int] | None:
        """The replicas of the visitor's site, where this log holds others too; None = all."""
        rosters = self._log.trust().rosters
        if len(rosters) < 2:
            return None
        roster = rosters.get(visitor.site)
        return frozenset(roster.by_replica) if roster else frozenset()

    def _wanted(self, visitor: Visitor, without: list[int]) -> frozenset[int] | None:
        """What the visitor may see, without what it does not want; None = all."""
        replicas = self._replicas(visitor)
        if without:
            return (frozenset(self._log.vector()) if replicas is None else replicas) - frozenset(without)
        return replicas

    def _visible(self, visitor: Visitor) -> dict[int, int]:
        """How far this log can pass on what the visitor may see."""
        vector, replicas = self._log.sealed(), self._replicas(visitor)
        return vector if replicas is None else {r: seq for r, seq in vector.items() if r in replicas}

    async def _stream(self, visitor: Visitor, listener: asyncio.Event, last_id: str) -> AsyncIterator[bytes]:
        """`new` as soon as the log is past the listener's last id, `beat` when nothing was said for a heartbeat."""
        try:
            while self.feed.holds(visitor.replica, listener):
                listener.clear()
                now_id = protocol.event_id(self._log.epoch, self._visible(visitor))
                # A beat is short: an idle desk hears nothing else, and pays for it by the byte where it is cut off.
                yield b"event:beat\n\n" if now_id == last_id else f"event: new\nid: {now_id}\ndata:\n\n".encode()
                last_id = now_id
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.heartbeat_s):
                        await listener.wait()
        finally:
            self.feed.leave(visitor.replica, listener)

    def _frame(self, asked: protocol.Pull, replicas: frozenset[int] | None, spoken: int) -> bytes:
        ops = next(cut(self._log.page(asked.vector, asked.limit, replicas)), ())
        if not ops:
            return b""
        return pack_frame(ops, self._log.salts(salted(ops)) if asked.salts else None, spoken)

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
    source: Log,
    secret: Secret,
    *,
    clock: Clock,
    limits: Limits | None = None,
    channel: bytes = b"",
    heard: Heard | None = None,
) -> tuple[list[Route], Feed]:
    """The routes over `source`, and the feed of its listeners: call `Feed.close` before the server stops.

    `secret` gives bytes nobody can guess; `channel` names the wire (`handshake.channel_of`), b"" = a plain one.
    `heard` is told which replica said that it holds what.
    """
    entrance = Entrance(source, secret, clock, channel)
    service = Service(source, entrance, clock=clock, limits=limits or Limits(), heard=heard)
    return service.routes(), service.feed


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Turned(400, "message", f"Not a {kind.__name__.strip('_').lower()}: {error}.") from None


def _packed(answer: msgspec.Struct) -> Response:
    return Response(msgspec.msgpack.encode(answer), media_type=_MSGPACK)
