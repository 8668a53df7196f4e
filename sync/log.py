"""What sync asks of a log, whoever keeps it: the desk's store, the hub's SQLite, the hub's PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

from sync.admission import Trust, admit
from sync.attachments.shelf import Shelf
from sync.protocol import Admitted, Gap, Stored, Stranger, Vector
from workstation.domain.ids import NOBODY, Uid
from workstation.signing import Key, Signer

CARRIED_AS: Final = "courier_carried"
"""Under which name a log keeps what of its own is on its way by hand: JSON, up to which `seq` of which `replica`,
`since` when, ms UTC."""


class LogAway(Exception):
    """What keeps the log cannot be reached, or cannot do it, for the moment; nothing is lost by asking again."""

    def __init__(self, sentence: str, wait_s: int = 2) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class Log(Protocol):
    """An append-only set of ops with a fold behind it. Every method may be called from any thread.

    One that lies beyond a wire may raise LogAway from all that does not return at once.
    """

    @property
    def replica(self) -> int:
        """The number under which this log's own ops are written."""
        ...

    @property
    def site(self) -> str:
        """The site this log's own ops are written for."""
        ...

    @property
    def device(self) -> Key:
        """The key by which this device says that it is itself."""
        ...

    @property
    def epoch(self) -> bytes:
        """Names one life of this log: another after it was made anew or restored, so that a peer notices."""
        ...

    def vector(self) -> dict[int, int]:
        """What is durably held; never ahead of the last commit. Returns at once."""
        ...

    def sealed(self) -> dict[int, int]:
        """How far what is held can be passed on: each replica up to where its device signed. Returns at once."""
        ...

    def reached(self) -> tuple[dict[int, int], dict[int, bytes]]:
        """Vector and chain heads of one and the same moment. Returns at once."""
        ...

    def heads_at(self, wanted: Mapping[int, Collection[int]]) -> dict[int, dict[int, bytes]]:
        """The hash of each replica's chain at these seqs, as far as they are held. Waits for the disk."""
        ...

    def trust(self) -> Trust:
        """Whom this log believes, as of the last commit. Returns at once."""
        ...

    def salts(self, wanted: Iterable[tuple[int, Uid]]) -> Mapping[tuple[int, Uid], bytes]:
        """What replicas hid their bodies with, for these (replica, entity) pairs, as far as they are known here."""
        ...

    def page(self, vector: Vector, limit: int, replicas: Collection[int] | None = None) -> list[Stored]:
        """About `limit` ops the holder of `vector` lacks, in order of arrival here: causal by construction.

        Of these `replicas` alone, None = of all. It ends where every replica's run is sealed.
        """
        ...

    def merge(self, ops: Sequence[Admitted]) -> Future[Any]:
        """Take a peer's ops; done when they are durable. Known seqs are skipped; fails on a gap, nothing applied."""
        ...

    def roster(self) -> list[tuple[bytes, bytes]]:
        """The ops that say who may do what and which devices there are, as written, each with its replica's salt."""
        ...

    def append(
        self, kind: str, entity: Uid, body: dict[str, Any], *, person: Uid = NOBODY, signer: Signer | None = None
    ) -> Future[Any]:
        """Write one op of this log itself; done when it is durable."""
        ...

    def digest(self) -> bytes:
        """One hash over the folded state: equal sets of ops give equal digests."""
        ...

    @property
    def shelf(self) -> Shelf:
        """Where the sealed files lie that ops name."""
        ...

    def attachments(self, digests: Collection[bytes], replicas: Collection[int] | None = None) -> Mapping[bytes, int]:
        """Which of these digests an op names, of these replicas alone (None = of any), and how long the file is sealed.

        Waits for the disk.
        """
        ...

    def listen(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Have `callback` called after each commit, on a thread of the log's; gives the function that ends it."""
        ...

    def refresh(self) -> bool:
        """Look whether others wrote to this log: whether more is known now. Waits for the disk."""
        ...


class DeskLog(Log, Protocol):
    """A log that also remembers what its hub has."""

    def acked(self, vector: Vector) -> Future[Any]:
        """Take down what the hub says it holds durably; less than before when the hub went back."""
        ...

    def unsent(self) -> tuple[int, int | None]:
        """How many own ops the hub has not acknowledged, and when the oldest was written (ms UTC)."""
        ...

    def authored(self) -> list[int]:
        """The replicas whose ops are this desk's to send: its own, and those it had before it was restored."""
        ...

    def told_beside(self, vector: Vector) -> Future[Any]:
        """Take down what another desk says it holds durably: never less than before."""
        ...

    def told_refused(self, seq: int, error: str) -> Future[Any]:
        """Take down that the peer refuses this op of ours, sent alone, and its word for why."""
        ...

    def beside(self) -> int:
        """How many own ops the hub has not acknowledged, but another desk has."""
        ...

    def acked_vector(self) -> dict[int, int]:
        """What was taken down last, in this run or an earlier one."""
        ...

    def keep(self, name: str, value: bytes) -> Future[Any]:
        """Keep a value beside the ops, on this machine alone."""
        ...

    def kept(self, name: str) -> bytes | None:
        """A value kept there, None where there is none. Waits for the disk."""
        ...


async def admitted(log: Log, packed: bytes, trust: Callable[[], Trust] | None = None) -> list[Admitted]:
    """The ops of a peer's frame that `log` lacks, checked; `trust` says whom to believe, None = as the log itself does.

    Raises as `admission.admit`. Off the loop, for it reads.
    """
    return await asyncio.to_thread(admitted_now, log, packed, trust or log.trust)


def admitted_now(log: Log, packed: bytes, trust: Callable[[], Trust]) -> list[Admitted]:
    """As `admitted`, for who has no loop. Waits for the disk."""
    try:
        return admit(packed, *log.reached(), log.salts, trust())
    except (Gap, Stranger):
        # Another process may have taken in what goes before, or who wrote it.
        if not log.refresh():
            raise
        return admit(packed, *log.reached(), log.salts, trust())
