"""One conversation with the peer, from hello to the first fault: push what it lacks, pull what we lack, listen.

Nothing here is remembered but in the log itself and in `Peer`: a session may end anywhere and the next one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from msgspec import Struct

from sync import protocol
from sync.frame import cut, pack_frame, salted
from sync.log import DeskLog, admitted
from sync.replica import parting
from sync.replica.faults import LinkDown, Refused, Strange, TooSlow
from sync.replica.files import Files
from sync.replica.peer import Peer
from sync.replica.timing import Timing
from sync.replica.together import Together
from sync.snapshot.taking import Hub, Taking
from workstation.domain.hlc import Clock

if TYPE_CHECKING:
    from sync.replica.link import Link

log = logging.getLogger("sync")
_CORRECTIONS: Final = 3
"""How often in a row a peer may correct our idea of its vector before that counts as a fault."""
_NO_PLACE: Final = 503
_EASILY: Final = 4
"""A frame that takes less than this part of the time it has may be followed by longer ones."""
_Push = tuple[Sequence[protocol.Stored], bytes]
"""Ops, and the frame that carries them."""
_NOTHING: Final[_Push] = ((), b"")
_CONTENT: Final = (400, 403, 413, 422)
"""Refusals of what was sent, not of who sent it or when."""
_TOO_SLOW: Final = 408
_A = TypeVar("_A", protocol.Ack, protocol.Page)


class Told(Protocol):
    """Who is told how a session goes."""

    def greeted(self) -> None:
        """The peer answered a hello."""
        ...

    def become(self, state: str) -> None:
        """`up`: the two are in step."""
        ...

    def contact(self) -> None:
        """The peer showed that it is alive."""
        ...

    def noted(self) -> None:
        """What the peer holds of our own ops was written down."""
        ...

    def parted(self) -> None:
        """Of some replica the peer has another history than we, or has not any more."""
        ...


class Asker(Struct, frozen=True):
    """Who the desk says it is; what it may see is the peer's to decide."""

    desk: str
    site: str


class Session:
    """Runs until the link fails. `moved_s` is the monotonic second of the last step the exchange itself made.

    `note` writes down what the peer says it holds, as often as that says something new of this log's own ops; where it
    is `durable`, the peer is a hub.
    """

    def __init__(
        self, source: DeskLog, link: Link, peer: Peer, clock: Clock, asker: Asker, wake: asyncio.Event, timing: Timing,
        reporter: Told, secret: Callable[[int], bytes], note: Callable[[dict[int, int]], Future[Any]],
        durable: bool = True,
    ) -> None:  # fmt: skip
        self._files = Files(source, link, peer, clock, timing.poll_s, durable)
        self._secret, self._note = secret, note
        self._salts = False  # whether the salts of older ops are to come along, for one of us has erased them
        self._log, self._link, self._peer, self._clock, self._asker = source, link, peer, clock, asker
        self._wake, self._timing, self._reporter = wake, timing, reporter
        self._corrections = self._fruitless = 0
        self._taking: Taking | None = None
        self._prepared = _NOTHING
        self._hears = False  # whether the peer's stream is there
        self.moved_s = clock.monotonic_s()

    async def run(self) -> None:
        """Exchange for ever. Raises a `LinkFault`, or whatever went wrong on our side."""
        replica = await self._link.enter(self._log, self._secret)
        await self._greet()
        hub = Hub(replica, self._link.rosters, self._peer.epoch)
        self._taking = Taking(self._log, self._link, hub, self._clock, lambda: self._peer.vector, self._arrived)
        self._reporter.greeted()
        async with Together(self._exchange_for_ever(), self._listen_for_ever()) as both:
            await both

    # --- hello
    async def _greet(self) -> None:
        peer, (own, heads) = self._peer, self._log.reached()
        peer.strange.clear()
        compare = own == peer.vector and own != peer.verified and not peer.parted
        digest = await asyncio.to_thread(self._log.digest) if compare else b""
        sent_at, started_s = self._clock.now_ms(), self._clock.monotonic_s()
        said = {replica: seq for replica, seq in own.items() if replica not in peer.parted}
        hello = protocol.Hello(
            self._link.spoken, self._asker.site, self._asker.desk, self._log.replica, said, digest, peer.epoch, sent_at,
            heads.get(self._log.replica, b""),
        )  # fmt: skip
        welcome = await self._link.hello(hello)
        round_trip_ms = (self._clock.monotonic_s() - started_s) * 1000
        peer.offset_ms = round(welcome.now_ms - sent_at - round_trip_ms / 2)
        peer.heartbeat_s = min(max(welcome.heartbeat_s, 0.05), 60.0)
        if welcome.epoch != peer.epoch and peer.epoch:
            log.info("the hub is another, or was restored: it is told again what it lacks")
            peer.parted.clear()
            self._reporter.parted()
        elif any(welcome.vector.get(replica, 0) < seq for replica, seq in peer.vector.items()):
            log.info("the hub holds less than it acknowledged: it gets back what it lost")
        peer.epoch = welcome.epoch
        await self._former(welcome.vector)
        await self._learn(welcome.vector)
        if welcome.vector == own and welcome.chains not in (b"", protocol.chains_of(own, heads)) and not peer.parted:
            for replica in await parting.elsewhere(self._log, self._link, own):
                await self._part(replica)
        if digest and welcome.digest and welcome.vector == own and not peer.parted:
            self._compare(own, digest, welcome.digest)

    def _compare(self, own: dict[int, int], digest: bytes, theirs: bytes) -> None:
        """Told only when found twice: a commit between reading a vector and its digest looks the same, but once."""
        found = (own, digest, theirs)
        if digest == theirs:
            self._peer.verified = own
        elif found != self._peer.suspect:
            self._peer.suspect = found
        else:
            self._peer.verified = own  # told once
            log.error("the hub and this desk hold the same ops and differ in state: %s, %s", theirs.hex(), digest.hex())

    # --- exchange
    async def _exchange_for_ever(self) -> None:
        greeted_s = self._clock.monotonic_s()
        while True:
            self._wake.clear()
            await self._exchange()
            self._peer.settled = True
            self._reporter.become("up")
            if not await self._files.step():  # text first: after each piece it is its turn again (promise S12)
                await self._rest()
            poll_s, greet_s = self._timing.poll_s, self._timing.greet_s
            if self._clock.monotonic_s() - greeted_s >= (max(poll_s, greet_s) if self._hears else poll_s):
                await self._greet()
                greeted_s = self._clock.monotonic_s()

    async def _rest(self) -> None:
        """Until something is to be done, or for `poll_s`."""
        # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.poll_s):
                await self._wake.wait()

    async def _exchange(self) -> None:
        """Push and pull by turns, so that a long backlog upward does not hold up what the others wrote."""
        assert self._taking is not None
        while True:
            self.moved_s = self._clock.monotonic_s()
            pushed = await self._push()
            pulled = await self._taking.step() or await self._pull()
            if not pushed and not pulled and not await self._taking.prove():
                return

    async def _push(self) -> bool:
        peer = self._peer
        if not peer.lacks(self._log.sealed()):
            return False
        (ops, frame), self._prepared = self._prepared, _NOTHING
        if not ops:
            ops, frame = await asyncio.to_thread(self._next, peer.vector)
        if not ops:
            return False
        try:
            ack, self._prepared = await asyncio.gather(
                self._carried(lambda: self._link.push(frame)), self._prepare(ops)
            )
        except Refused as refusal:
            await self._corrected(refusal, ops)
            return True
        self._same_epoch(ack.epoch)
        await self._learn(ack.vector)
        if not peer.holds({stored.replica: stored.seq for stored in ops}):
            raise Strange("the peer acknowledged a push without what was pushed")
        self._corrections = 0
        return True

    async def _carried(self, way: Callable[[], Awaitable[_A]]) -> _A:
        """A frame's way over the wire. What does not get through in time never would: the next one is half as long."""
        began_s = self._clock.monotonic_s()
        try:
            answer = await way()
        except TooSlow:
            self._peer.shrink()
            raise
        if self._clock.monotonic_s() - began_s < self._timing.answer_s / _EASILY:
            self._peer.grow()
        return answer

    async def _prepare(self, ops: Sequence[protocol.Stored]) -> _Push:
        """What comes behind these ops, made ready while they are on their way: else one end waits for the other.

        Ops the peer gets from elsewhere meanwhile are skipped there.
        """
        beyond = self._peer.vector | {stored.replica: stored.seq for stored in ops}
        if all(seq <= beyond.get(replica, 0) for replica, seq in self._log.sealed().items()):
            return _NOTHING
        return await asyncio.to_thread(self._next, beyond)

    def _next(self, vector: protocol.Vector) -> _Push:
        """The next ops a peer with this vector lacks, as many as fit a frame, and the frame; they lie on disk."""
        out = self._peer.left_out
        replicas = self._log.vector().keys() - out if out else None
        ops = next(cut(self._log.page(vector, self._peer.batch, replicas)), ())
        if not ops:
            return _NOTHING
        along = self._log.salts(salted(ops)) if self._salts else None
        return ops, pack_frame(ops, along, self._link.spoken)

    async def _corrected(self, refusal: Refused, ops: Sequence[protocol.Stored]) -> None:
        """Go on after a refusal that tells how to go on, else raise it.

        What is refused for what is in it is sent in ever smaller pieces, until it is known which op it is.
        """
        self._corrections += 1
        if refusal.said.error == protocol.SALT and not self._salts:
            self._salts = True
            return
        # A salt that is in another history is missing too, and an older version has no way to bring it.
        if refusal.said.error in (protocol.CHAIN, protocol.SALT) and await self._part(refusal.said.replica):
            return
        if refusal.said.error == protocol.STRANGER and self._strange(refusal.said.replica):
            return
        if refusal.status == _TOO_SLOW and self._peer.shrink():
            return
        if refusal.status in _CONTENT and refusal.said.error != protocol.RETIRED:
            if self._peer.shrink():
                return
            if ops[0].replica == self._log.replica:
                await asyncio.shield(
                    asyncio.wrap_future(self._log.told_refused(ops[0].seq, refusal.said.error or "frame"))
                )
                self._reporter.noted()
            raise refusal
        known = self._corrections > _CORRECTIONS or refusal.said.vector == self._peer.vector
        if refusal.status != 409 or refusal.said.error != protocol.GAP or known:
            raise refusal
        await self._learn(refusal.said.vector)

    async def _pull(self) -> bool:
        own = self._log.vector()
        if not self._peer.grown and not self._peer.ahead(own):
            return False
        self._peer.asked()
        out = sorted(self._peer.left_out)
        asked = protocol.Pull(own, self._peer.batch, self._asker.site, self._salts, out)
        page = await self._carried(lambda: self._link.pull(asked))
        self._same_epoch(page.epoch)
        await self._learn(page.vector)
        if not page.frame:
            return self._fruitless_pull(own)
        self._fruitless = 0
        try:
            ops = await admitted(self._log, page.frame)
            await asyncio.shield(asyncio.wrap_future(self._log.merge(ops)))
        except (protocol.SaltMissing, protocol.ChainBroken, protocol.Stranger) as error:
            if not await self._done_without(error):
                raise
            self._peer.stale = True
            return True
        if self._log.vector() == own:
            raise Strange("the peer gave ops that were asked for by nobody")
        return True

    def _fruitless_pull(self, own: dict[int, int]) -> bool:
        """Whether to ask again: ops that reach the peer between its page and its vector come with the next page."""
        if not self._peer.ahead(own):
            return False
        self._fruitless += 1
        if self._fruitless > _CORRECTIONS:
            raise Strange("the peer holds ops it does not give")
        return True

    # --- other histories
    async def _done_without(self, error: protocol.SaltMissing | protocol.ChainBroken | protocol.Stranger) -> bool:
        """Whether the page may be asked for once more, with salts or without a replica."""
        if isinstance(error, protocol.Stranger):
            return self._strange(error.replica)
        if isinstance(error, protocol.SaltMissing) and not self._salts:
            self._salts = True
            return True
        return await self._part(error.replica)

    async def _former(self, vector: dict[int, int]) -> None:
        """What this desk wrote before it was made anew may lie there under the number of another PC: not ours (S5)."""
        for replica in self._peer.authored:
            if replica != self._log.replica and replica not in self._peer.parted:
                await self._apart(replica, vector)

    async def _part(self, replica: int) -> bool:
        """Whether the peer has another history of this replica than we; then all but that replica is exchanged (S5).

        Both keep theirs. Our own replica is not left out: this desk is told at once, for it writes on a copied disk, or
        another PC does.
        """
        peer = self._peer
        if replica in (0, self._log.replica) or replica in peer.parted:
            return False
        if not await self._apart(replica, peer.vector):
            return False
        await self._learn(peer.vector)
        return True

    async def _apart(self, replica: int, vector: dict[int, int]) -> bool:
        seq = await parting.shared(self._log, self._link, replica, vector.get(replica, 0))
        if seq is not None:
            log.warning("the peer has another history of replica %d from op %d on: both are kept", replica, seq + 1)
            self._peer.parted[replica] = seq
            self._prepared = _NOTHING  # it may have ops of that one
            self._reporter.parted()
        return seq is not None

    def _strange(self, replica: int) -> bool:
        """Whether one of the two may not know this replica because a parted history says who it is."""
        peer = self._peer
        if not peer.parted or replica in (0, self._log.replica) or replica in peer.strange:
            return False
        log.info("replica %d is known to one side only, by a history the other lacks: it waits", replica)
        peer.strange.add(replica)
        return True

    # --- events
    async def _listen_for_ever(self) -> None:
        """Where the peer has no stream left (503) the exchange goes on without, by asking every `poll_s`."""
        while True:
            try:
                await self._listen()
            except Refused as refusal:
                if refusal.status != _NO_PLACE:
                    raise
                self._hears = False
                log.info("no stream: %s", refusal)
                await asyncio.sleep(refusal.retry_after_s or self._timing.poll_s)

    async def _listen(self) -> None:
        peer = self._peer
        async for event in self._link.events(peer.event_id, peer.heartbeat_s):
            self._reporter.contact()
            self._hears = True
            peer.hear(event.id, event.new)
            if peer.grown:
                self._wake.set()
        raise LinkDown("the peer ended its stream")

    # --- small parts
    def _arrived(self, share: float | None) -> None:
        self._peer.arrived = share
        self._reporter.contact()

    def _same_epoch(self, epoch: bytes) -> None:
        if epoch != self._peer.epoch:
            raise LinkDown("the peer became another in the middle of the session")

    async def _learn(self, vector: dict[int, int]) -> None:
        """Take the peer's own word of what it holds; only ever called with an answer in hand (promise S2).

        On disk it is one more commit, so it goes there only when it says something else of this desk's ops.
        """
        self._reporter.contact()
        peer, parted = self._peer, self._peer.parted
        peer.learn(vector)
        if peer.parted != parted:
            self._reporter.parted()
        if peer.told_of(vector) != peer.noted:
            await asyncio.shield(asyncio.wrap_future(self._note(peer.of_ours(vector))))
            if len(peer.authored) > 1:  # a former replica may be settled by it
                peer.authored = await asyncio.to_thread(self._log.authored)
            peer.noted = peer.told_of(vector)
            self._reporter.noted()
