"""What sync asks of a log, whoever keeps it: the desk's store, the hub's SQLite, later the hub's PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

from sync.protocol import Stored, Vector, open_frame

_LIGHT: Final = 4096


class Log(Protocol):
    """An append-only set of ops with a fold behind it. Every method may be called from any thread."""

    @property
    def replica(self) -> int:
        """The number under which this log's own ops are written."""
        ...

    @property
    def epoch(self) -> bytes:
        """Names one life of this log: another after it was made anew or restored, so that a peer notices."""
        ...

    def vector(self) -> dict[int, int]:
        """What is durably held; never ahead of the last commit. Returns at once."""
        ...

    def reached(self) -> tuple[dict[int, int], dict[int, bytes]]:
        """Vector and chain heads of one and the same moment. Returns at once."""
        ...

    def page(self, vector: Vector, limit: int) -> list[Stored]:
        """At most `limit` ops the holder of `vector` lacks, in order of arrival here: causal by construction."""
        ...

    def merge(self, ops: Sequence[Stored]) -> Future[Any]:
        """Take a peer's ops; done when they are durable. Known seqs are skipped; fails on a gap, nothing applied."""
        ...

    def digest(self) -> bytes:
        """One hash over the folded state: equal sets of ops give equal digests."""
        ...

    def listen(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Have `callback` called after each commit, on the log's writer thread; gives the function that ends it."""
        ...


class DeskLog(Log, Protocol):
    """A log that also remembers what its hub has."""

    def acked(self, vector: Vector) -> Future[Any]:
        """Take down what the hub says it holds durably; less than before when the hub went back."""
        ...

    def unsent(self) -> tuple[int, int | None]:
        """How many own ops the hub has not acknowledged, and when the oldest was written (ms UTC)."""
        ...

    def acked_vector(self) -> dict[int, int]:
        """What was taken down last, in this run or an earlier one."""
        ...


async def opened(log: Log, packed: bytes) -> list[Stored]:
    """The ops of a peer's frame that `log` lacks, checked against what it has. Raises as `protocol.open_frame`.

    A backlog's frame is opened beside the loop; a live op's is done before a thread would have begun.
    """
    if len(packed) > _LIGHT:
        return await asyncio.to_thread(open_frame, packed, *log.reached())
    return open_frame(packed, *log.reached())
