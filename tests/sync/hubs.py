"""Hubs for the tests: the real process, and the real application in this one behind a door that can refuse."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from pathlib import Path
from typing import Any

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sync.hub.app import build
from sync.hub.door import Guarded
from sync.hub.settings import listening
from sync.log import Log
from sync.serve import Feed, Limits
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock

TOKEN = "a-token-for-the-tests-only"
_START_S = 30.0


class HubProcess:
    """`python -m sync.hub` on a free port of loopback, in a folder of the test."""

    def __init__(self, folder: Path, *, heartbeat_s: float = 0.5) -> None:
        self.folder, self._heartbeat_s = folder, heartbeat_s
        self.store = folder / "hub.db"
        self.said: list[dict[str, Any]] = []
        self._token = folder / "token"
        if not self._token.exists():
            self._token.touch(0o600)
            self._token.write_text(TOKEN)
        self.process: subprocess.Popen[str] | None = None

    @property
    def arguments(self) -> list[str]:
        return [
            sys.executable, "-m", "sync.hub", "--listen", "127.0.0.1:0", "--store", f"sqlite:///{self.store}",
            "--token-file", str(self._token), "--heartbeat", str(self._heartbeat_s), "--json",
        ]  # fmt: skip

    def __enter__(self) -> HubProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait for its word that it is ready."""
        log = (self.folder / "hub.log").open("a")
        with log:
            self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if self.said[-1].get("ready"):
                return
        raise AssertionError(f"the hub did not start: {self.said} {(self.folder / 'hub.log').read_text()}")

    @property
    def address(self) -> tuple[str, int]:
        return self.said[-1]["host"], self.said[-1]["port"]

    @property
    def url(self) -> str:
        return str(self.said[-1]["url"])

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: nothing it has not committed survives."""
        if self.process is not None:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        assert process is not None and process.stdout is not None
        if process.poll() is None:
            os.kill(process.pid, number)
        code = process.wait(_START_S)
        process.stdout.close()
        return code


class Door:
    """Stands before the real application: counts requests by path and answers the next ones as it was told."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seen: Counter[str] = Counter()
        self._answers: dict[str, deque[Response]] = {}
        self._always: dict[str, Response] = {}

    def answer(self, path: str, response: Response, *, times: int | None = None) -> None:
        """Give `response` to requests for `path`: `times` of them, or (None) all from now on."""
        if times is None:
            self._always[path] = response
        else:
            self._answers.setdefault(path, deque()).extend([response] * times)

    def open(self) -> None:
        """Let everything through again."""
        self._always.clear()
        self._answers.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        self.seen[path] += 1
        queue = self._answers.get(path)
        response = queue.popleft() if queue else self._always.get(path)
        await (response or self._app)(scope, receive, send)


class HubThread:
    """The hub's application over a log of the test, on uvicorn in a thread, behind a `Door`."""

    def __init__(self, source: Log, limits: Limits | None = None, *, site: str = "") -> None:
        limits = limits or Limits(heartbeat_s=0.5)
        app, self.feed = build(source, TOKEN, clock=SystemClock(), limits=limits, site=site)
        self.door = Door(app)
        self._socket = listening("127.0.0.1", 0)
        self._server = _Closing(Guarded(self.door, limits, 3), self.feed)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="hub", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        return self._socket.getsockname()[:2]  # type: ignore[no-any-return]

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.address)

    def __enter__(self) -> HubThread:
        self._thread.start()
        wait_until(lambda: self._server.started, _START_S, what="the hub's thread")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(_START_S)
        assert not self._thread.is_alive(), "the hub's thread did not end"


class _Closing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)
