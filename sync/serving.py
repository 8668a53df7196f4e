"""A log on a socket: the routes as a web application, uvicorn behind the door; of the hub, and of a desk on the LAN."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from sync.door import Guarded
from sync.entrance import Secret
from sync.handshake import channel_of
from sync.log import Log
from sync.serve import Feed, Heard, Limits, routes
from sync.tls import Certificate
from workstation.domain.hlc import Clock


def build(
    source: Log,
    secret: Secret,
    *,
    clock: Clock,
    limits: Limits | None = None,
    channel: bytes = b"",
    heard: Heard | None = None,
) -> tuple[Starlette, Feed]:
    """The application and the feed of its listeners; call `Feed.close` before the server stops."""
    served, feed = routes(source, secret, clock=clock, limits=limits, channel=channel, heard=heard)
    return Starlette(routes=served), feed


class Serving(uvicorn.Server):
    """uvicorn, with a word when it is ready and an end for the streams that would hold it up."""

    def __init__(self, config: uvicorn.Config, feed: Feed, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.feed, self._ready = feed, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.feed.close()
        await super().shutdown(sockets)
        for visit in list(self.server_state.connections):  # who did not answer the goodbye of TLS in time
            visit.transport.abort()
        await asyncio.sleep(0)


def serving(
    source: Log,
    secret: Secret,
    *,
    clock: Clock,
    limits: Limits,
    certificate: Certificate | None,
    ready: Callable[[], None],
    stop_s: int,
    heard: Heard | None = None,
) -> Serving:
    """A server over this log, not started; `ready` is called once its sockets accept. No certificate: a plain wire.

    `stop_s`: how long requests under way may take once it is told to stop; a push without an answer comes again.
    """
    channel = channel_of(certificate.der) if certificate else b""
    app, feed = build(source, secret, clock=clock, limits=limits, channel=channel, heard=heard)
    return Serving(Guarded(app, limits, stop_s, certificate.context if certificate else None), feed, ready)
