"""The attachments' side of a session: one piece at a time to or from the peer, whenever text is in step (S12).

How much one piece has follows the wire: about a second of it, so that an op written meanwhile waits no longer. What is
fetched goes first, for a person waits for it. Nothing is remembered but on the shelf: the next session goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from sync.attachments import messages
from sync.attachments.messages import PIECE_MOST, Ask
from sync.attachments.shelf import NoRoom, OtherOffset, WrongDigest
from sync.log import DeskLog
from sync.replica.faults import LinkDown, Refused
from sync.replica.peer import Peer
from workstation.domain.hlc import Clock
from workstation.domain.sentence import Sentence, say

if TYPE_CHECKING:
    from sync.replica.link import Link

log = logging.getLogger("sync")
PIECE_LEAST: Final = 16 * 1024
_PIECE_S: Final = 1.0
_TRIES: Final = 3
_OF_THE_SESSION: Final = (401, 403, 426)
"""Refusals of who asks: the session is to learn of them."""
_NO_ROUTE: Final = (404, 405)
FULL_THERE: Final = say("attachment.full_there")
LARGE_THERE: Final = say("attachment.large_there")
ALTERED_THERE: Final = say("attachment.altered")
NO_ROOM: Final = say("attachment.full_here")
NOT_THERE: Final = say("attachment.not_there")


class Files:
    """What is to go to the peer and to come from it.

    `durable`: the peer is a hub, whose word counts as sent. What could not go or come is tried again after `again_s`.
    """

    def __init__(
        self, source: DeskLog, link: Link, peer: Peer, clock: Clock, again_s: float, durable: bool
    ) -> None:  # fmt: skip
        self._log, self._shelf, self._link, self._peer, self._clock = source, source.shelf, link, peer, clock
        self._again_s, self._durable = again_s, durable
        self._quiet_until_s = self._full_until_s = 0.0
        self._looked_at: tuple[int, float] | None = None  # version of the shelf and monotonic s of the last look
        self._unasked: deque[bytes] = deque()
        self._queue: deque[tuple[bytes, int]] = deque()  # what the peer lacks, and how much it has of it
        self._done: set[bytes] = set()  # what this peer has, or is not to be asked about again in this session
        self._until_s: dict[bytes, float] = {}  # files put off, until when (monotonic s)
        self._failed: dict[bytes, int] = {}

    async def step(self) -> bool:
        """Carry one piece; False where nothing is to be carried now. Raises a LinkFault that ends the session."""
        if self._clock.monotonic_s() < self._quiet_until_s:
            return False
        try:
            return await self._fetch() or await self._send()
        except Refused as refusal:
            self._put_off(refusal)
            return False
        except LinkDown:
            self._smaller()  # the wire may be too slow for such a piece, or break too often
            raise

    def _put_off(self, refusal: Refused) -> None:
        """Leave attachments alone for a while; text goes on. Raises what concerns the whole session."""
        if refusal.status in _OF_THE_SESSION:
            raise refusal
        if refusal.status in _NO_ROUTE and not refusal.said.error:
            log.info("the peer knows no attachments yet: they wait until it is updated")
            self._quiet_until_s = float("inf")
            return
        log.info("attachments are put off: %s", refusal)
        self._quiet_until_s = self._clock.monotonic_s() + max(refusal.retry_after_s or 0.0, self._again_s)

    # --- to the peer
    async def _send(self) -> bool:
        if self._clock.monotonic_s() < self._full_until_s:
            return False
        if not self._queue:
            return await self._look()
        digest, offset = self._queue[0]
        try:
            piece = await asyncio.to_thread(self._shelf.read, digest, offset, self._peer.piece)
        except OSError as error:
            log.warning("the attachment %s can't be read: %s", digest.hex(), error)
            return self._leave(digest)
        began_s = self._clock.monotonic_s()
        try:
            here = await self._link.bring(digest, offset, piece)
        except Refused as refusal:
            return await self._not_taken(digest, refusal)
        self._paced(self._clock.monotonic_s() - began_s, len(piece))
        if here <= offset:
            return self._again(digest, here, "the peer took a piece and has no more than before")
        self._went(digest, here)
        return True

    def _went(self, digest: bytes, here: int) -> None:
        """The peer has so much of the first in the queue; at its end it is done."""
        self._shelf.trouble.pop(digest, None)
        if here >= self._length(digest):
            self._queue.popleft()
            self._finished(digest)
        else:
            self._queue[0] = (digest, here)
            self._shelf.sending[digest] = here

    def _finished(self, digest: bytes) -> None:
        self._done.add(digest)
        self._shelf.sending.pop(digest, None)
        if self._durable:
            self._shelf.mark(digest, self._peer.epoch)

    async def _look(self) -> bool:
        """Ask the peer about some of what it is not known to have; False where there is nothing to ask about."""
        now_s, version = self._clock.monotonic_s(), self._shelf.version
        seen = self._looked_at and self._looked_at[0] == version and now_s - self._looked_at[1] < self._again_s
        if not self._unasked and not seen:
            self._looked_at = (version, now_s)
            waiting = await asyncio.to_thread(self._shelf.waiting, self._peer.epoch)
            self._unasked += (one for one in waiting if one not in self._done and self._until_s.get(one, 0) <= now_s)
        some = [self._unasked.popleft() for _ in range(min(len(self._unasked), messages.ASK_MOST))]
        if not some:
            return False
        for digest, offset in zip(some, await self._link.have(Ask(some)), strict=True):
            if offset < 0:
                self._until_s[digest] = now_s + self._again_s
                if offset == messages.TOO_LARGE:
                    self._shelf.trouble[digest] = LARGE_THERE
            elif offset >= self._length(digest):
                self._finished(digest)
            else:
                self._queue.append((digest, offset))
        return True

    async def _not_taken(self, digest: bytes, refusal: Refused) -> bool:
        """Go on after a refusal of one piece, else raise it."""
        error = refusal.said.error
        if (
            refusal.status in (408, 413) and error != messages.LARGE and self._peer.piece > PIECE_LEAST
        ):  # or a proxy on the way
            self._smaller()
            return True
        if error == messages.OFFSET_WRONG and refusal.offset is not None:
            return self._again(digest, refusal.offset, "the peer has another part of it than it said")
        if error == messages.ALTERED:
            if not await asyncio.to_thread(self._shelf.whole, digest):
                return self._leave(digest)
            self._shelf.trouble[digest] = ALTERED_THERE
            return self._again(digest, 0, "it was altered on the way")
        if error in (messages.LARGE, "unnamed"):
            self._shelf.trouble[digest] = LARGE_THERE if error == messages.LARGE else NOT_THERE
            return self._leave(digest)
        if error == messages.FULL:
            self._shelf.trouble[digest] = FULL_THERE
            self._full_until_s = self._clock.monotonic_s() + max(refusal.retry_after_s or 0.0, self._again_s)
            return False  # what is wanted from there still comes
        raise refusal

    def _again(self, digest: bytes, offset: int, why: str) -> bool:
        """Go on from another offset, a few times; then it is left for later."""
        self._failed[digest] = self._failed.get(digest, 0) + 1
        log.info("the attachment %s goes on from %d: %s", digest.hex(), offset, why)
        if self._failed[digest] >= _TRIES:
            return self._leave(digest)
        self._went(digest, offset)
        return True

    def _leave(self, digest: bytes) -> bool:
        """Put one file off, so that those behind it go."""
        self._queue.popleft()
        self._failed.pop(digest, None)
        self._shelf.sending.pop(digest, None)
        self._until_s[digest] = self._clock.monotonic_s() + self._again_s
        return True

    def _length(self, digest: bytes) -> int:
        try:
            return self._shelf.path(digest).stat().st_size
        except OSError:
            return 0

    # --- from the peer
    async def _fetch(self) -> bool:
        now_s = self._clock.monotonic_s()
        ready = [one for one in list(self._shelf.wanted.items()) if one[1].not_before_s <= now_s]
        if not ready:
            return False
        digest, want = ready[0]
        offset = self._shelf.part(digest, 0)
        most = min(self._peer.piece, want.whole - offset)
        try:
            piece = await self._link.fetch(digest, offset, most) if most else b""
        except Refused as refusal:
            if refusal.said.error not in (messages.ABSENT, "unnamed"):
                raise
            return self._not_come(digest, NOT_THERE)
        self._paced(self._clock.monotonic_s() - now_s, len(piece))
        try:
            here = await asyncio.to_thread(self._shelf.add, digest, 0, offset, piece, want.whole)
        except (NoRoom, OSError) as error:
            log.warning("the attachment %s can't be kept here: %s", digest.hex(), error)
            return self._not_come(digest, NO_ROOM)
        except WrongDigest:
            self._failed[digest] = self._failed.get(digest, 0) + 1
            log.warning("the attachment %s came altered: it was removed, and is asked for anew", digest.hex())
            return self._not_come(digest, ALTERED_THERE) if self._failed[digest] >= _TRIES else True
        except OtherOffset:  # another session has brought some of it meanwhile
            return True
        if here == want.whole and self._durable:
            self._shelf.mark(digest, self._peer.epoch)
        return True

    def _not_come(self, digest: bytes, why: Sentence) -> bool:
        self._failed.pop(digest, None)
        self._shelf.put_off(digest, self._clock.monotonic_s() + self._again_s, why)
        return True

    def _paced(self, took_s: float, size: int) -> None:
        """A piece takes about a second of the wire."""
        if size >= self._peer.piece and took_s < _PIECE_S / 2:
            self._peer.piece = min(PIECE_MOST, self._peer.piece * 2)
        elif took_s > 2 * _PIECE_S:
            self._smaller()

    def _smaller(self) -> None:
        self._peer.piece = max(PIECE_LEAST, self._peer.piece // 2)
