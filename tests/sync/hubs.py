"""Hubs for the tests: the real process, and the real application in this one behind a door that can refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict, deque
from contextlib import closing
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sync.door import Guarded
from sync.handshake import channel_of
from sync.hub.log.sqlite import open_log
from sync.hub.settings import key_in, listening
from sync.hub.stores import HubLog
from sync.serve import Limits
from sync.serving import Serving, build
from sync.tls import Certificate
from tests.store.sites import SITE_KEY
from tests.waiting import wait_until
from workstation import site as sites
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.site import SECRET_BYTES, Code, fingerprint
from workstation.store import Store

SITE = "AMB"

_START_S = 30.0
CODES = [Code(bytes([number]) * SECRET_BYTES, fingerprint(SITE_KEY.public)) for number in range(24)]
"""The one-time codes every hub of the tests has invited a device with."""


def prepare(log: HubLog) -> None:
    """Found the tests' site with this log as its hub, and invite devices; a log of the site stays as it is."""
    if log.site in log.trust().rosters:
        return
    ids, now_ms = SystemIds(), SystemClock().now_ms()
    sites.found(log, SITE_KEY, "Hub", "hub", ids, now_ms)
    for number, code in enumerate(CODES):
        body = {"name": f"Meja {number}", "role": "desk", "key": code.key.public, "at": now_ms}
        log.append("device.invited", ids.uid(), body, signer=SITE_KEY).result()


class HubProcess:
    """`python -m sync.hub` on a free port of loopback, in a folder of the test."""

    def __init__(
        self, folder: Path, *, heartbeat_s: float = 0.5, tls: bool = False, site: str = SITE, uplink: str = ""
    ) -> None:
        self.folder, self._heartbeat_s, self._tls = folder, heartbeat_s, tls
        self.site, self._uplink = site, uplink
        self.store = folder / "hub.db"
        self.said: list[dict[str, Any]] = []
        if not self.store.exists():
            self.found()
        self.process: subprocess.Popen[str] | None = None

    @property
    def store_url(self) -> str:
        """What `--store` says."""
        return f"sqlite:///{self.store}"

    @property
    def environment(self) -> dict[str, str]:
        """What the process finds in its environment besides ours."""
        return {}

    def arguments(self, port: int = 0) -> list[str]:
        return [
            sys.executable, "-m", "sync.hub", "--listen", f"127.0.0.1:{port}", "--store", self.store_url,
            "--key-file", str(self.folder / "hub.db.key"),
            "--site", self.site, "--uplink", self._uplink, "--heartbeat", str(self._heartbeat_s), "--json",
            *([] if self._tls else ["--plain"]),
        ]  # fmt: skip

    def found(self) -> None:
        """What IT does before the first start."""
        with closing(self.opened()) as log:
            prepare(log)

    def opened(self) -> HubLog:
        """Its log, while the process does not run."""
        clock, ids = SystemClock(), SystemIds()
        key = key_in(self.folder / "hub.db.key", self.store, ids)
        return open_log(self.store, key.value, clock=clock, ids=ids, site=self.site)

    def __enter__(self) -> HubProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, port: int = 0) -> None:
        """Start it and wait for its word that it is ready."""
        log = (self.folder / "hub.log").open("a")
        with log:
            self.process = subprocess.Popen(
                self.arguments(port), stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, **self.environment},
            )  # fmt: skip
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
        self.times: dict[str, list[float]] = defaultdict(list)
        """When each request for a path came, monotonic s."""
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
        self.times[path].append(time.monotonic())
        self.seen[path] += 1
        queue = self._answers.get(path)
        response = queue.popleft() if queue else self._always.get(path)
        await (response or self._app)(scope, receive, send)


class HubThread:
    """The hub's application over a log of the test, on uvicorn in a thread, behind a `Door`."""

    def __init__(
        self, source: Store, limits: Limits | None = None, *, certificate: Certificate | None = None, port: int = 0
    ) -> None:
        limits = limits or Limits(heartbeat_s=0.5)
        prepare(source)
        channel = channel_of(certificate.der) if certificate else b""
        app, feed = build(source, SystemIds().secret, clock=SystemClock(), limits=limits, channel=channel)
        self._scheme = "https" if certificate else "http"
        self.door = Door(app)
        self._socket = listening("127.0.0.1", port)
        config = Guarded(self.door, limits, 3, certificate.context if certificate else None)
        self._server = Serving(config, feed, lambda: None)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="hub", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        return self._socket.getsockname()[:2]  # type: ignore[no-any-return]

    @property
    def url(self) -> str:
        return "{}://{}:{}".format(self._scheme, *self.address)

    def __enter__(self) -> HubThread:
        self._thread.start()
        wait_until(lambda: self._server.started, _START_S, what="the hub's thread")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(_START_S)
        assert not self._thread.is_alive(), "the hub's thread did not end"
