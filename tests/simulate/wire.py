"""The wire between machines: httpx's transport and an ASGI server, with nothing between them but this seed's mischief.

The product's own client and routes stand at both ends; only the sockets are left out. Every vector that goes by is held
against what is committed at the machine that says it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import ClientDisconnect

from sync import handshake, protocol
from sync.frame import Frame, open_frame, packed_frame
from sync.opwire import ProtocolError
from sync.replica.link import Link

if TYPE_CHECKING:
    from tests.simulate.machines import Machine

HERE: ContextVar[Machine] = ContextVar("machine")
"""The machine on which the task under way runs."""
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_SAID: Final[dict[str, Any]] = {
    "/v1/hello": (protocol.Hello, protocol.Welcome),
    "/v1/push": (None, protocol.Ack),
    "/v1/pull": (protocol.Pull, protocol.Page),
}


class Mischief(Struct):
    """How often, of a hundred requests, which thing happens to one."""

    lost: int = 0
    answer_lost: int = 0
    twice: int = 0
    late: int = 0
    reset: int = 0
    altered: int = 0
    holed: int = 0

    def pick(self, rng: Random) -> str:
        at = rng.random() * 100
        for name in self.__struct_fields__:
            at -= getattr(self, name)
            if at < 0:
                return name
        return ""


class Net:
    """Who can be reached by whom."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: Random) -> None:
        self.loop, self.rng = loop, rng
        self.machines: dict[str, Machine] = {}
        self.apart: set[frozenset[str]] = set()
        self.mischief = Mischief()
        self.slow_s = 0.05
        self.counts: dict[str, int] = {}
        self.lies: list[str] = []

    def joined(self, one: Machine, other: Machine) -> bool:
        return frozenset((one.name, other.name)) not in self.apart

    async def lag(self) -> None:
        await asyncio.sleep(self.rng.random() * self.slow_s)

    async def carry(self, client: Machine, request: httpx.Request) -> httpx.Response:
        """One request, and what comes back of it."""
        server, path = self.machines[request.url.host], request.url.path
        body, wait = await request.aread(), request.extensions["timeout"]
        await self.lag()
        if not server.serves or not self.joined(client, server):
            if self.rng.random() < 0.5:
                await asyncio.sleep(wait["connect"])
            raise httpx.ConnectError("nobody answers")
        self.vouch(client, path, 0, body)
        fate = self.mischief.pick(self.rng)
        if fate:
            self.counts[fate] = self.counts.get(fate, 0) + 1
        if fate == "reset":
            raise httpx.ReadError("reset")
        if fate in ("twice", "late"):
            self.loop.call_later(self.rng.random() * 40, self._again, client, server, request, body)
        if fate in ("lost", "late"):
            await asyncio.sleep(wait["read"])
            raise httpx.ReadTimeout("no answer")
        if fate == "altered" and path == "/v1/push":
            body = altered(body, self.rng)
        if fate == "holed" and path == "/v1/push":
            body = holed(body)
        exchange, life = Exchange(server, request, body), server.life
        if path == "/v1/events":
            return await self._stream(client, server, exchange, wait["read"])
        try:
            async with asyncio.timeout(wait["read"]):
                status, headers = await asyncio.shield(exchange.started)
                answer = await exchange.whole()
        except TimeoutError:
            raise httpx.ReadTimeout("no answer") from None
        if status == 200 and life == server.life:
            self.vouch(server, path, 1, answer)
        await self.lag()
        if fate == "answer_lost" or not self.joined(client, server):
            await asyncio.sleep(wait["read"])
            raise httpx.ReadTimeout("no answer")
        if status == 200 and fate == "altered" and path == "/v1/pull":
            answer = _altered_page(answer, self.rng)
        return httpx.Response(status, headers=headers, content=answer)

    async def _stream(self, client: Machine, server: Machine, exchange: Exchange, read_s: float) -> httpx.Response:
        try:
            async with asyncio.timeout(read_s):
                status, headers = await asyncio.shield(exchange.started)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer") from None
        return httpx.Response(status, headers=headers, stream=_Body(self, client, server, exchange, read_s))

    def _again(self, client: Machine, server: Machine, request: httpx.Request, body: bytes) -> None:
        """What was held up on the way arrives now; nobody waits for its answer."""
        if server.serves and self.joined(client, server):
            Exchange(server, request, body)

    def vouch(self, machine: Machine, path: str, side: int, body: bytes) -> None:
        """See that what a machine says it holds is committed there."""
        kind = _SAID.get(path, (None, None))[side]
        if kind is None or machine.disk.off:
            return
        vector = msgspec.msgpack.decode(body, type=kind).vector
        ahead = {r: seq for r, seq in vector.items() if seq > machine.disk.durable.get(r, 0)}
        if ahead:
            self.lies.append(f"{machine.name} said {path} that it holds {ahead}, which is not on its disk")


class Exchange:
    """One request at the server's side, in a task of that machine."""

    def __init__(self, server: Machine, request: httpx.Request, body: bytes) -> None:
        self._body: bytes | None = body
        self.started: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = server.loop.create_future()
        self.started.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
            "method": request.method, "scheme": "http", "path": request.url.path, "raw_path": request.url.raw_path,
            "query_string": b"", "root_path": "", "headers": [(k.lower(), v) for k, v in request.headers.raw],
            "server": (server.name, 80), "client": ("wire", 1), "state": {},
        }  # fmt: skip
        server.spawn(self._run(server.app, scope))

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except (OSError, ClientDisconnect):  # the other side went away, which is how Starlette is told, and says so
            pass
        finally:
            if not self.started.done():
                self.started.set_exception(httpx.ReadError("reset"))
            self.pieces.put_nowait(None)

    async def _receive(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is None:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Any) -> None:
        if self._gone.is_set():
            raise OSError("the other side is gone")
        if message["type"] == "http.response.start":
            self.started.set_result((message["status"], list(message["headers"])))
        elif message.get("body"):
            self.pieces.put_nowait(message["body"])

    async def whole(self) -> bytes:
        found = b""
        while (piece := await self.pieces.get()) is not None:
            found += piece
        return found

    def leave(self) -> None:
        self._gone.set()


class _Body(httpx.AsyncByteStream):
    """A stream of events on its way."""

    def __init__(self, net: Net, client: Machine, server: Machine, exchange: Exchange, read_s: float) -> None:
        self._net, self._client, self._server = net, client, server
        self._exchange, self._read_s = exchange, read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._read_s):
                    piece = await self._piece()
            except TimeoutError:
                raise httpx.ReadTimeout("silence") from None
            if piece is None:
                return
            yield piece

    async def _piece(self) -> bytes | None:
        while True:
            piece = await self._exchange.pieces.get()
            await self._net.lag()
            if piece is None or self._net.joined(self._client, self._server):
                return piece

    async def aclose(self) -> None:
        self._exchange.leave()


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, net: Net) -> None:
        self._net = net

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._net.carry(HERE.get(), request)


class WireLink(Link):
    """The product's link, over this wire."""

    net: Net

    def __init__(self, url: str, answer_s: float) -> None:
        super().__init__(url, b"", _NO_TLS, answer_s)
        self._http._transport = _Transport(self.net)
        self._newest = min(HERE.get().speaks, self.net.machines[httpx.URL(url).host].speaks)

    async def knock(self, site: str, replica: int, secret: Any) -> tuple[handshake.Answer, handshake.Meeting]:
        """As an older program knocks, where one of the two is one."""
        if self._newest == protocol.PROTOCOL:
            return await super().knock(site, replica, secret)
        nonce = secret(handshake.NONCE_BYTES)
        knock = handshake.Knock(self._newest, protocol.OLDEST, site, replica, nonce)
        packed = await self._post("/v1/knock", msgspec.msgpack.encode(knock))
        answer = msgspec.msgpack.decode(packed, type=handshake.Answer)
        return answer, handshake.Meeting(nonce, answer.nonce, replica, answer.replica, b"")


def altered(packed: bytes, rng: Random) -> bytes:
    """A frame in which somebody on the way changed a letter of an op."""
    with contextlib.suppress(ProtocolError):
        frame = open_frame(packed)
        parts = list(frame.rests) if isinstance(frame, Frame) else list(frame.ops)
        spots = [(n, at) for n, part in enumerate(parts) for at in range(4, len(part)) if 97 <= part[at] <= 121]
        if spots:
            n, at = rng.choice(spots)
            parts[n] = parts[n][:at] + bytes([parts[n][at] + 1]) + parts[n][at + 1 :]
            name = "rests" if isinstance(frame, Frame) else "ops"
            return packed_frame(replace(frame, **{name: parts}))
    return packed


def holed(packed: bytes) -> bytes:
    """A frame of which the first op was left out."""
    with contextlib.suppress(ProtocolError):
        frame = open_frame(packed)
        if isinstance(frame, Frame) and len(frame.rests) > 1:
            less = replace(frame, firsts=frame.firsts[1:], headers=frame.headers[1:], rests=frame.rests[1:])
            return packed_frame(less)
    return packed


def _altered_page(packed: bytes, rng: Random) -> bytes:
    page = msgspec.msgpack.decode(packed, type=protocol.Page)
    return msgspec.msgpack.encode(replace(page, frame=altered(page.frame, rng))) if page.frame else packed
