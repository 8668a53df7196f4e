"""What sync asks of a log, whoever keeps it: the desk's store, the hub's SQLite, later the hub's PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from sync.protocol import Stored, Vector, open_frame


class Log(Protocol):
    """An append-only set of ops with a fold behind it. Every method may be called from any thread."""

    @property
    def replica(self) -> int:
        """The number under which this log's own ops are written."""
        ...

    @property
    def site(self) -> str: ...

    @property
    def epoch(self) -> bytes:
        """Names one life of this log: new when it was made or restored, so that a peer notices (promise S5)."""
        ...

    def vector(self) -> dict[int, int]:
        """What is durably held; never ahead of the last commit."""
        ...

    def heads(self) -> dict[int, bytes]:
        """The chain's head of each replica at `vector`."""
        ...

    def page(self, vector: Vector, limit: int) -> list[Stored]:
        """At most `limit` ops the holder of `vector` lacks, in order of arrival here: causal by construction."""
        ...

    def merge(self, ops: Sequence[Stored]) -> Future[Any]:
        """Take a peer's ops; done when they are durable. Known seqs are skipped; raises on a gap or a broken chain."""
        ...

    def digest(self) -> bytes:
        """One hash over the folded state: equal sets of ops give equal digests."""
        ...

    def acked(self, vector: Vector) -> object:
        """Take down what the peer said it holds durably."""
        ...

    def listen(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called after each commit, on the log's writer thread."""
        ...


def opened(log: Log, packed: bytes) -> list[Stored]:
    """The ops of a peer's frame that `log` lacks, checked against what it has. Raises as `protocol.open_frame`."""
    return open_frame(packed, log.vector(), log.heads())
