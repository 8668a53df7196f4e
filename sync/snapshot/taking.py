"""Taking a snapshot in: the states of a hub's entities first, their ops by the pull, the proof last (promise S6).

A desk that has next to nothing takes the two parts, a piece at a time: while one is written the next is fetched, and
how far this has come is written with it, so an end anywhere costs two pieces at most. No file lies on the disk for it.
Whatever is wrong with a snapshot, the pull from the first op on is what happens instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from sync.admission import device_of
from sync.log import DeskLog
from sync.snapshot.form import HUB, KEPT_AS, PARTS, Contents, Foretold, Listed, NoSnapshot, Part, believed, open_piece
from workstation.domain.hlc import Clock
from workstation.domain.roster import Rosters

log = logging.getLogger("sync")
LEAST: Final = 2_000
"""Ops of others that must be lacking: fewer are here as soon."""
SHARE: Final = 10
"""A snapshot is for who lacks so many times more than it has: elsewhere most of it would be here already."""
ANEW_MOST: Final = 3
"""How often a part may become another one under the asker before it is left."""


class Gone(Exception):
    """There is no such file any more; or, where `none`, no snapshot at all."""

    def __init__(self, *, none: bool) -> None:
        super().__init__("no snapshot" if none else "this snapshot is gone")
        self.none = none


class Later(Exception):
    """It is being made: ask again after so many seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"the snapshot is made, ask again after {wait_s} s")
        self.wait_s = wait_s


class Giver(Protocol):
    """The wire to the hub. Both raise Gone and Later, and whatever ends a session."""

    async def snapshot(self, part: Part) -> Listed:
        """The signed list of a part."""
        ...

    async def piece(self, part: Part, name: str, first: int, last: int) -> bytes:
        """The bytes `first` to `last`, both included, of the part's file of this name."""
        ...


@runtime_checkable
class Taker(Protocol):
    """What a record does with states that come before their ops."""

    def take(self, entities: Sequence[Foretold], vector: Mapping[int, int], note: bytes) -> Future[Any]:
        """Take in those entities of which nothing is here; done when they, and `note` of it, are on disk."""
        ...

    def prove(self) -> int:
        """Fold some entities that were told from their ops; 0 = none is left. Waits for the disk."""
        ...


class Hub(msgspec.Struct, frozen=True):
    """Who gives, as the link has found it to be: its replica, the rosters it was proven by, and its log's life."""

    replica: int
    rosters: Rosters
    epoch: bytes


class Far(msgspec.Struct, frozen=True):
    """How far the snapshot of a log's life has been taken: parts that are whole, and pieces of a file of this name."""

    epoch: bytes = b""
    whole: list[Part] = []
    name: str = ""
    pieces: int = 0


class Taking:
    """One session's part in it. `theirs` gives the hub's vector; `heard` is told how much of the snapshot has come,
    of 1, or None: no snapshot is taken.
    """

    def __init__(
        self, source: DeskLog, giver: Giver, hub: Hub, clock: Clock,
        theirs: Callable[[], Mapping[int, int]], heard: Callable[[float | None], None],
    ) -> None:  # fmt: skip
        self._log, self._giver, self._hub, self._clock, self._theirs = source, giver, hub, clock, theirs
        self._heard = heard
        taker = getattr(source, "foretold", None)
        self._taker: Taker | None = taker if isinstance(taker, Taker) else None  # a hub's log may only tell
        self._parts: list[Part] | None = None
        self._contents: Contents | None = None
        self._listed: Listed
        self._far: Far
        self._number = 0
        self._under_way: Future[Any] | None = None
        self._anew = 0
        self._not_before_s = 0.0
        self._proven = False

    async def step(self) -> bool:
        """Take the next piece, or find out what that is; False when there is nothing to take, or not now."""
        if self._parts is None:
            self._parts = await self._wanted()
        if not self._parts or self._clock.monotonic_s() < self._not_before_s:
            return False
        part = self._parts[0]
        try:
            await (self._next(part) if self._contents is not None else self._begin(part))
        except Later as later:
            self._not_before_s = self._clock.monotonic_s() + later.wait_s
            return False
        except Gone as gone:
            self._contents = None
            self._anew += 1
            if gone.none or self._anew > ANEW_MOST:
                log.info("no snapshot is taken: %s", gone)
                self._leave()
                return False
        except (NoSnapshot, ValueError) as refused:
            log.warning("a snapshot is not taken: %s", refused)
            self._leave()
            return False
        return True

    async def prove(self) -> bool:
        """Prove some of what was told, when all ops are here that the hub has; False when nothing is left."""
        if self._taker is None or self._proven:
            return False
        self._proven = not await asyncio.to_thread(self._taker.prove)
        return not self._proven

    async def _wanted(self) -> list[Part]:
        """What is to be taken, where this record is as good as empty and the other side a hub."""
        if self._taker is None:
            return []
        hub, own = (device_of(self._hub.rosters, replica) for replica in (self._hub.replica, self._log.replica))
        if hub is None or hub.role != HUB or (own is not None and own.role == HUB):
            return []
        authored = await asyncio.to_thread(self._log.authored)
        had = sum(seq for replica, seq in self._log.vector().items() if replica not in authored)
        if self._lacking < LEAST or had * SHARE > self._lacking:
            return []
        kept = await asyncio.to_thread(self._log.kept, KEPT_AS)
        far = msgspec.msgpack.decode(kept, type=Far) if kept else Far()
        self._far = far if far.epoch == self._hub.epoch else Far(self._hub.epoch)
        return [part for part in PARTS if part not in self._far.whole]

    @property
    def _lacking(self) -> int:
        """How many ops the hub has that are not here."""
        vector = self._log.vector()
        return sum(max(0, seq - vector.get(replica, 0)) for replica, seq in self._theirs().items())

    async def _begin(self, part: Part) -> None:
        if self._lacking < LEAST:  # while the part was made the pull went on
            self._leave()
            return
        self._listed = await self._giver.snapshot(part)
        trust, hub = self._log.trust(), self._hub
        contents = believed(self._listed, part, self._log.site, hub.replica, hub.rosters, trust.verify)
        self._number = self._far.pieces if self._far.name == self._listed.name else 0
        self._contents = contents
        self._proven = False
        self._end_of_part(part, contents)

    async def _next(self, part: Part) -> None:
        contents, taker = self._contents, self._taker
        assert contents is not None and taker is not None
        piece = contents.pieces[self._number]
        first = sum(piece.size for piece in contents.pieces[: self._number])
        packed = await self._giver.piece(part, self._listed.name, first, first + piece.size - 1)
        entities = await asyncio.to_thread(open_piece, packed, piece)
        self._number += 1
        whole = [part] if self._number == len(contents.pieces) else []
        self._far = Far(self._hub.epoch, self._far.whole + whole, self._listed.name, self._number)
        note = msgspec.msgpack.encode(self._far)
        await self._durable()
        self._under_way = taker.take(entities, contents.vector, note)  # the next piece comes while it is written
        if whole:
            await self._durable()
        self._heard(self._number / len(contents.pieces) if part == PARTS[-1] else 0.0)
        self._end_of_part(part, contents)

    async def _durable(self) -> None:
        """Wait for what is being written; two pieces are in memory at most."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            await asyncio.shield(asyncio.wrap_future(under_way))

    def _end_of_part(self, part: Part, contents: Contents) -> None:
        if self._parts and self._number >= len(contents.pieces):
            log.info("the part %r of the hub's snapshot is taken: %d pieces", part, len(contents.pieces))
            self._parts.pop(0)
            self._contents, self._anew = None, 0

    def _leave(self) -> None:
        """The pull brings everything."""
        self._parts = []
        self._heard(None)
