"""The sync thread: holds a session with the hub, and when it ends begins another. It ends only when told to."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sync.attachments.sweeping import sweep
from sync.log import DeskLog, LogAway
from sync.protocol import ProtocolError
from sync.replica import faults
from sync.replica.faults import LinkFault, Unenrolled
from sync.replica.neighbours import Lan, Neighbours
from sync.replica.peer import Peer
from sync.replica.report import Reporter
from sync.replica.session import Asker, Session
from sync.replica.timing import Timing
from sync.replica.together import watched
from workstation.domain.hlc import Clock
from workstation.domain.rows import LinkStatus

if TYPE_CHECKING:
    from sync.replica.link import Link

log = logging.getLogger("sync")
_STOP_S: Final = 10.0


class Replica:
    """Keeps `store` and the hub at `url` in step ("" = no hub: reports `off` and what waits).

    `rng` gives numbers in [0, 1) for the jitter. `on_status` is called on the sync thread; it must return soon, and
    may be a Qt signal's `emit`. Neither a fault of the link nor an exception anywhere ends the thread.
    `secret` gives bytes nobody can guess. `lan`: with desks that find each other while no hub answers; None = without.
    """

    def __init__(
        self,
        store: DeskLog,
        url: str,
        secret: Callable[[int], bytes],
        clock: Clock,
        rng: Callable[[], float],
        on_status: Callable[[LinkStatus], None],
        *,
        desk: str = "",
        site: str = "",
        timing: Timing | None = None,
        lan: Lan | None = None,
    ) -> None:
        self._log, self._url, self._secret, self._asker = store, url, secret, Asker(desk, site)
        self._clock, self._rng, self._on_status = clock, rng, on_status
        self._timing, self._lan = timing or Timing(), lan
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard = threading.Lock()
        self._told_to_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    # --- from any thread
    def start(self) -> None:
        self._unlisten = self._log.listen(lambda _changes: self.wake())
        self._unshelve = self._log.shelf.listen(self.wake)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send; harmless at any time, also after `stop`."""
        self._on_loop(self._woken)

    def stop(self, timeout_s: float = _STOP_S) -> bool:
        """End the thread and wait for it; what is unsent waits on disk. False when it did not end in time."""
        self._told_to_stop.set()
        self._on_loop(lambda: self._stopping.set())
        if self._thread.ident is not None:
            self._unlisten()
            self._unshelve()
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _on_loop(self, act: Callable[[], None]) -> None:
        with self._guard:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(act)

    # --- on the sync thread
    def _run(self) -> None:
        while not self._told_to_stop.is_set():
            try:
                asyncio.run(self._main())
            except LogAway as away:
                log.info("the sync loop waits: %s", away)
                self._told_to_stop.wait(away.wait_s)
            except Exception:  # whatever it was, the thread goes on (S4)
                log.exception("the sync loop failed and begins again")
                self._told_to_stop.wait(self._timing.retry_most_s)

    async def _main(self) -> None:
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        await asyncio.to_thread(sweep, self._log, self._clock.now_ms())
        acked = await asyncio.to_thread(self._log.acked_vector)
        peer = Peer(vector=acked, authored=await asyncio.to_thread(self._log.authored))
        peer.noted = peer.told_of(acked)
        through = urlsplit(self._url).netloc
        self._reporter = Reporter(self._log, peer, through, self._clock, self._on_status, self._timing.report_s)
        with self._guard:
            self._loop = asyncio.get_running_loop()
        if self._told_to_stop.is_set():
            self._stopping.set()
        tasks = [asyncio.create_task(self._reporter.run())]
        if self._url:
            tasks.append(asyncio.create_task(self._sessions(peer)))
        self._neighbours = None
        if self._lan is not None:
            self._neighbours = Neighbours(
                self._log, self._lan, self._secret, self._clock, self._asker, self._timing, self._reporter
            )
            tasks.append(asyncio.create_task(self._neighbours.run()))
        try:
            await self._stopping.wait()
        finally:
            with self._guard:
                self._loop = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _woken(self) -> None:
        self._wake.set()
        if self._neighbours is not None:
            self._neighbours.wake.set()
        self._reporter.dirty.set()

    async def _sessions(self, peer: Peer) -> None:
        failures = 0
        while True:
            began_s = self._clock.monotonic_s()
            retry_after_s = await self._one_session(peer)
            if peer.settled and self._clock.monotonic_s() - began_s >= self._timing.steady_s:
                failures = 0
            await asyncio.sleep(self._pause_s(failures, retry_after_s))
            failures += 1

    async def _one_session(self, peer: Peer) -> float | None:
        """Hold one session until it fails; returns how many seconds the peer asks to be left alone, if it does."""
        from sync.replica.link import Link

        peer.settled = False
        try:
            if self._log.site not in self._log.trust().rosters:
                raise Unenrolled
            async with await Link.meet(self._url, answer_s=self._timing.answer_s) as link:
                session = self._session(link, peer)
                await watched(session, peer, self._clock, self._timing.watchdog_s)
        except LinkFault as fault:
            self._reporter.become(fault.state, fault.sentence)
            log.log(logging.WARNING if fault.state == "refused" else logging.INFO, "session ended: %s", fault)
            return fault.retry_after_s
        except ProtocolError as error:
            self._reporter.become("refused", faults.STRANGE)
            log.warning("the hub gave what can't be taken: %s", error)
        except LogAway as away:
            self._reporter.become("down", faults.BROKEN)
            log.info("session ended: %s", away)
            return away.wait_s
        except Exception:  # whatever it was, another session begins (S4)
            self._reporter.become("down", faults.BROKEN)
            log.exception("a session failed; another begins")
        return None

    def _session(self, link: Link, peer: Peer) -> Session:
        return Session(
            self._log, link, peer, self._clock, self._asker, self._wake, self._timing, self._reporter, self._secret,
            self._log.acked,
        )  # fmt: skip

    def _pause_s(self, failures: int, retry_after_s: float | None) -> float:
        """Exponential back-off with jitter between half and the whole, or what the peer asked for if longer."""
        timing = self._timing
        whole_s = min(timing.retry_most_s, timing.retry_least_s * 2.0 ** min(failures, 20))
        return max(whole_s * (0.5 + self._rng() / 2), retry_after_s or 0.0)
