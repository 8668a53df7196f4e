"""The desks of the LAN: each serves the others, and visits one of them while the hub does not answer (promise S8).

Whom a desk visits is the same for all: one that reaches the hub, else the one with the smallest replica number. So they
meet at one desk, and what one writes reaches each in two steps. Served and visited with the code of the hub's exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from sync.admission import device_of
from sync.log import DeskLog
from sync.protocol import ProtocolError
from sync.replica.faults import LinkFault
from sync.replica.peer import Peer
from sync.replica.report import Reporter
from sync.replica.session import Asker, Session
from sync.replica.timing import Timing
from sync.replica.together import watched
from workstation.domain.hlc import Clock

if TYPE_CHECKING:
    from sync.replica.discovery import Discovery, Neighbour
    from sync.serving import Serving

log = logging.getLogger("sync")
STOP_S: Final = 1
_WORD_BYTES: Final = 24
_POLL_S: Final = 5.0
_PASSED_OVER_S: Final = 10.0
_ADDRESSES_S: Final = 10.0


class Lan(Struct, frozen=True):
    """How a desk stands on the LAN: `port` 0 = any free one, `interfaces` () = all, else their IPv4 addresses."""

    port: int = 0
    interfaces: tuple[str, ...] = ()
    after_s: float = 5.0
    """The hub is silent for so long before a neighbour is visited; also how long after the start a desk serves."""
    look_s: float = 1.0


class Neighbours:
    """Serves and visits until it is cancelled; whatever fails, it begins again. `wake`: there may be something new."""

    def __init__(
        self, source: DeskLog, lan: Lan, secret: Callable[[int], bytes], clock: Clock, asker: Asker, timing: Timing,
        reporter: Reporter,
    ) -> None:  # fmt: skip
        self._log, self._lan, self._secret, self._clock, self._asker = source, lan, secret, clock, asker
        self._timing = msgspec.structs.replace(timing, poll_s=min(timing.poll_s, _POLL_S))
        self._reporter = reporter
        self._server: Serving | None = None
        self._noting: set[asyncio.Task[None]] = set()
        self._host: Neighbour | None = None
        self._visit: asyncio.Task[None] | None = None
        self._visited = self._known_beside = 0  # the replica reached; how many of our ops another desk is known to have
        self._passed_over: dict[tuple[str, ...], float] = {}  # addresses that did not answer, until when (monotonic s)
        self.wake, self._changed = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        await asyncio.sleep(self._lan.after_s)
        while True:
            try:
                while self._log.site not in self._log.trust().rosters:
                    await asyncio.sleep(self._timing.steady_s)
                await self._stand()
            except OSError as error:
                log.info("no desks of the LAN: %s", error)
            except Exception:  # whatever it was, it begins again (S4)
                log.exception("the LAN failed; it begins again")
            await asyncio.sleep(self._timing.retry_most_s)

    async def _stand(self) -> None:
        """Serve, be found and visit until this machine's addresses are others."""
        # Loaded now: a web server costs a start a tenth of a second it does not have.
        from sync.replica.discovery import Discovery, own_addresses

        addresses, look_again_s = own_addresses(), self._clock.monotonic_s() + _ADDRESSES_S
        lan, changed = self._lan, self._changed
        async with self._serving() as port, Discovery(
            self._log.site, self._log.replica, port, lan.interfaces, changed.set
        ) as discovery:  # fmt: skip
            try:
                while self._clock.monotonic_s() < look_again_s or own_addresses() == addresses:
                    look_again_s = max(look_again_s, self._clock.monotonic_s() + _ADDRESSES_S)
                    await discovery.reaches_hub(self._reporter.silent_s == 0)
                    await self._steer(discovery)
                    self._tell()
                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(lan.look_s):
                            await changed.wait()
            finally:
                await self._leave()

    # --- serving
    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[int]:
        from sync.serve import Limits
        from sync.serving import serving
        from sync.tls import make_certificate

        certificate = await asyncio.to_thread(make_certificate, self._log.site, self._secret(_WORD_BYTES).hex())
        sockets = _listening(self._lan)
        ready = asyncio.Event()
        self._server = serving(
            self._log, self._secret, clock=self._clock, limits=Limits(), certificate=certificate, ready=ready.set,
            stop_s=STOP_S, heard=self._heard,
        )  # fmt: skip
        task = asyncio.create_task(self._server.serve(sockets))
        try:
            await ready.wait()
            yield sockets[0].getsockname()[1]
        finally:
            self._server.should_exit = True
            await asyncio.wait({task}, timeout=STOP_S + 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._server = None

    def _heard(self, _replica: int, vector: dict[int, int]) -> None:
        """A visitor says what it holds on disk, our ops too."""
        own = vector.get(self._log.replica, 0)
        if own > self._known_beside:
            self._known_beside = own
            self._noting.add(task := asyncio.create_task(self._noted(vector)))
            task.add_done_callback(self._noting.discard)

    async def _noted(self, vector: dict[int, int]) -> None:
        await asyncio.wrap_future(self._log.told_beside(vector))
        self._reporter.noted()

    # --- visiting
    async def _steer(self, discovery: Discovery) -> None:
        """Begin a visit, end it, or go to somebody better: the hub above all."""
        if self._host is not None and self._visit is not None and self._visit.done():
            self._passed_over[self._host.urls] = self._clock.monotonic_s() + _PASSED_OVER_S
            await self._leave()
        choice = self._choice(discovery)
        if self._visit is not None and (self._reporter.silent_s == 0 or choice not in (self._host, None)):
            await self._leave()
        if self._visit is None and choice is not None:
            self._host = choice
            self._visit = asyncio.create_task(self._session(choice))
            self._visit.add_done_callback(lambda _: self._changed.set())

    async def _leave(self) -> None:
        visit, self._visit, self._visited = self._visit, None, 0
        if visit is not None:
            visit.cancel()
            await asyncio.gather(visit, return_exceptions=True)

    def _choice(self, discovery: Discovery) -> Neighbour | None:
        """Whom to visit now, if anybody."""
        if self._reporter.silent_s < self._lan.after_s:
            return None
        now_s = self._clock.monotonic_s()
        self._passed_over = {urls: until_s for urls, until_s in self._passed_over.items() if until_s > now_s}
        first = next((found for found in discovery.neighbours if found.urls not in self._passed_over), None)
        if first is None or first.hub or first.replica < self._log.replica:
            return first
        # We are where the others come; where nobody can, we go.
        return None if self._server is None or self._server.feed.replicas else first

    async def _session(self, neighbour: Neighbour) -> None:
        """Try its addresses, and stay with the first that is its own. Returns when it does not answer any more."""
        from sync.replica.link import Link

        for url in neighbour.urls:
            try:
                async with await Link.meet(url, answer_s=self._timing.answer_s) as link:
                    told = _Told(lambda: self._reached(neighbour.replica), self._reporter.noted)
                    peer = Peer(authored=[self._log.replica])
                    session = Session(
                        self._log, link, peer, self._clock, self._asker, self.wake,
                        self._timing, told, self._secret, self._log.told_beside, durable=False,
                    )  # fmt: skip
                    await watched(session, peer, self._clock, self._timing.watchdog_s)
            except (LinkFault, ProtocolError) as fault:
                log.info("the visit at %s ended: %s", url, fault)
            except Exception:  # whatever it was, somebody else is visited (S4)
                log.exception("a visit failed")

    def _reached(self, replica: int) -> None:
        self._visited = replica
        self._tell()

    def _tell(self) -> None:
        """Which desks are reached while the hub is not."""
        replicas = set(self._server.feed.replicas) if self._server else set()
        if self._visited:
            replicas.add(self._visited)
        rosters = self._log.trust().rosters
        names = sorted(device.name for replica in replicas if (device := device_of(rosters, replica)))
        self._reporter.neighbours(tuple(names) if self._reporter.silent_s else ())


class _Told(Struct):
    """What a visit tells: that it is in step, and that the neighbour has more of ours."""

    reached: Callable[[], None]
    written: Callable[[], None]

    def greeted(self) -> None:
        return

    def become(self, state: str) -> None:
        self.reached()

    def contact(self) -> None:
        return

    def noted(self) -> None:
        self.written()

    def parted(self) -> None:
        return


def _listening(lan: Lan) -> list[socket.socket]:
    """A listening socket for each interface, all on one port. Raises OSError."""
    sockets: list[socket.socket] = []
    port = lan.port
    try:
        for address in lan.interfaces or ("0.0.0.0",):
            sockets.append(socket.create_server((address, port)))
            port = sockets[0].getsockname()[1]
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets
