"""The hub's web server: uvicorn on a socket that is already bound, told to stop by SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from sync.hub.app import build
from sync.hub.door import Guarded
from sync.log import Log
from sync.serve import Feed, Limits
from workstation.domain.hlc import Clock

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
STOP_S: Final = 5
"""How long requests under way may take once the hub is told to stop; a push without an answer comes again."""


class _Server(uvicorn.Server):
    """uvicorn, with a word when it is ready and an end for the streams that would hold it up."""

    def __init__(self, config: uvicorn.Config, feed: Feed, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._feed, self._ready = feed, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


def serve(
    source: Log,
    token: str,
    bound: socket.socket,
    *,
    clock: Clock,
    limits: Limits,
    site: str,
    ready: Callable[[], None],
) -> None:
    """Serve until told to stop; `ready` is called once the socket accepts. The caller closes the log."""
    app, feed = build(source, token, clock=clock, limits=limits, site=site)
    config = Guarded(app, limits, STOP_S)
    before = _quiet_signals()
    try:
        _Server(config, feed, ready).run([bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quiet_signals() -> dict[signal.Signals, Handler]:
    """uvicorn raises the signal that stopped it once more when it is done; the store still has to be closed then."""

    def ignore(_number: int, _frame: FrameType | None) -> None:
        return

    return {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
