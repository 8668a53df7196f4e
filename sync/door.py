"""A server's door: how long a connection may take to say who it is, and how many may stand there at once.

uvicorn has no deadline for a request that arrives a byte at a time, and its `limit_concurrency` counts whoever merely
connects, so a few hundred idle connections would keep every desk out. Here strangers have few places and little time,
and take none from those who have proved to be a device of the site.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sync.refusal import Turned
from sync.serve import ADMITTED, Limits

log = logging.getLogger("sync")
BUSY_S: Final = 5
"""When a desk that finds no place may come back."""


class Strangers:
    """Connections of one server that have not shown the token yet, oldest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._standing: dict[Visit, None] = {}
        self._crowded = False

    def enter(self, visit: Visit) -> None:
        """Take a place; where all are taken the oldest goes, for a desk needs its own for one round trip only."""
        if len(self._standing) >= self._most:
            if not self._crowded:
                log.warning("%d connections at the door show no token: the oldest are cut", self._most)
            self._crowded = True
            next(iter(self._standing)).cut("its place was needed")
        self._standing[visit] = None

    def leave(self, visit: Visit) -> None:
        self._standing.pop(visit, None)
        if len(self._standing) <= self._most // 2:
            self._crowded = False


class Guarded(uvicorn.Config):
    """uvicorn's settings for `app` behind this door; `stop_s`: how long requests under way may take at the end."""

    def __init__(self, app: ASGIApp, limits: Limits, stop_s: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            app, http=Visit, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=stop_s, timeout_keep_alive=75,
        )  # fmt: skip
        self.limits, self.strangers = limits, Strangers(limits.strangers)
        self._tls = tls

    def load(self) -> None:
        """uvicorn would read key and certificate from files; ours are in memory alone."""
        super().load()
        self.ssl = self._tls


class Visit(H11Protocol):
    """One connection: `Limits.stranger_s` to show the token, from then on `Limits.request_s` for each request."""

    def __init__(
        self, config: Guarded, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config, server_state, app_state | {ADMITTED: self._admit}, _loop)
        self._limits, self._strangers = config.limits, config.strangers
        self._known = False
        self._deadline: asyncio.TimerHandle | None = None

    # asyncio types any transport here; uvicorn, and so we, are only given those of connections.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._strangers.enter(self)
        self._deadline = self.loop.call_later(self._limits.stranger_s, self.cut, "no token in time")

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_deadline()
        self._strangers.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        full = max(len(self.connections), len(self.tasks)) > self._limits.connections
        self.app = _busy if full else self.config.loaded_app
        before = self.cycle
        super().data_received(data)
        if self._known:
            self._watch_the_request(self.cycle is not before)

    def cut(self, why: str) -> None:
        """End it at once and without an answer."""
        log.debug("a connection was cut: %s", why)
        self._no_deadline()
        self._strangers.leave(self)
        self.transport.abort()

    def _admit(self) -> None:
        """The token was right: this is a desk."""
        if not self._known:
            self._known = True
            self._strangers.leave(self)
            self._watch_the_request(True)

    def _watch_the_request(self, another: bool) -> None:
        """Whoever has begun a request ends it within `request_s`, however often a byte of it comes."""
        state = self.conn.their_state
        arriving = state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))
        if another or not arriving:
            self._no_deadline()
        if arriving and self._deadline is None:
            self._deadline = self.loop.call_later(self._limits.request_s, self.cut, "a request that does not end")

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    """What everybody hears while all places are taken: come back."""
    await Turned(503, "busy", "All places are taken: come back in a moment.", wait_s=BUSY_S).response()(
        scope, receive, send
    )
