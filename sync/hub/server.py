"""The hub's process: serves until SIGTERM or Ctrl-C, and then still closes its log."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sync.serving import Serving


def serve(server: Serving, bound: socket.socket) -> None:
    """Serve on a socket that is already bound until told to stop. The caller closes the log."""
    with _quiet_signals():
        server.run([bound])


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more when it is done; the store still has to be closed then."""

    def ignore(_number: int, _frame: FrameType | None) -> None:
        return

    before = {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
