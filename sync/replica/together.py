"""Tasks of a session that begin and end together, and the watch over one that makes no step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sync.replica.faults import LinkDown
from workstation.domain.hlc import Clock

if TYPE_CHECKING:
    from sync.replica.peer import Peer
    from sync.replica.session import Session


async def watched(session: Session, peer: Peer, clock: Clock, watchdog_s: float) -> None:
    """Run a session; end it when it made no step for `watchdog_s`, whatever it believes it is waiting for."""
    task = asyncio.create_task(session.run())
    try:
        while not task.done():
            still_s = clock.monotonic_s() - session.moved_s
            if still_s >= watchdog_s:
                peer.shrink()  # it may be a page that drips in and is never late by itself
                raise LinkDown(f"no step was made for {still_s:.0f} s")
            await asyncio.wait({task}, timeout=watchdog_s - still_s)
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Together:
    """Two endless tasks: awaiting it raises what ended the first; leaving the block ends both."""

    def __init__(self, *jobs: Coroutine[Any, Any, None]) -> None:
        self._jobs = jobs

    async def __aenter__(self) -> Coroutine[Any, Any, None]:
        self._tasks = [asyncio.create_task(job) for job in self._jobs]
        return self._first()

    async def _first(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
