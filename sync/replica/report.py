"""The honest word on the wire: what the status bar shows, computed from the log and from what the peer itself said."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Final

from sync.admission import device_of
from sync.log import DeskLog, LogAway
from sync.protocol import PARTED_AS
from sync.replica import faults
from sync.replica.peer import Peer
from workstation.domain.hlc import Clock
from workstation.domain.rows import LinkStatus
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.words import english

log = logging.getLogger("sync")
_MUCH: Final = 2_000
"""Ops that must be lacking for that to be shown: fewer are here in a moment."""


class Reporter:
    """Keeps state, sentence and since when; tells `on_status` of each change, at most once in `report_s`."""

    def __init__(
        self,
        source: DeskLog,
        peer: Peer,
        through: str,
        clock: Clock,
        on_status: Callable[[LinkStatus], None],
        report_s: float,
    ) -> None:
        self._log, self._peer, self._through, self._clock = source, peer, through, clock
        self._on_status, self._report_s = on_status, report_s
        self._state, self._sentence = ("down", faults.DOWN) if through else ("off", faults.OFF)
        self._since_at = clock.now_ms()
        self._up_s = clock.monotonic_s()
        self._told: LinkStatus | None = None
        self._beside: tuple[str, ...] = ()
        self.dirty = asyncio.Event()
        self.dirty.set()

    def become(self, state: str, sentence: Sentence = NOTHING) -> None:
        """Enter a state; the time it began stays while only the sentence changes."""
        if "up" in (state, self._state):
            self._up_s = self._clock.monotonic_s()
        if state != self._state:
            self._since_at = self._clock.now_ms()
            log.info("link to %s: %s. %s", self._through, state, english(sentence))
        if (state, sentence) != (self._state, self._sentence):
            self._state, self._sentence = state, sentence
            self.dirty.set()

    @property
    def silent_s(self) -> float:
        """How long the hub has not been reached; 0 while it is."""
        return 0.0 if self._state == "up" else self._clock.monotonic_s() - self._up_s

    def greeted(self) -> None:
        """The peer answered a hello: enough for `up`, unless it refused us before: then an exchange must succeed."""
        if self._state != "refused":
            self.become("up")

    def contact(self) -> None:
        """The peer showed it is alive."""
        self._peer.last_contact_at = self._clock.now_ms()
        self.dirty.set()

    def noted(self) -> None:
        """Another of our ops is on the hub."""
        self.dirty.set()

    def parted(self) -> None:
        """Of some replica the peer has another history than we, or has not any more; `recover` asks for it, too."""
        self._log.keep(PARTED_AS, json.dumps(self._peer.parted).encode())
        self.dirty.set()

    def neighbours(self, names: tuple[str, ...]) -> None:
        """These desks are reached directly."""
        if names != self._beside:
            self._beside = names
            self.dirty.set()

    async def run(self) -> None:
        """Report for ever, in step with changes."""
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            try:
                await self.tell()
            except LogAway as away:
                log.debug("the status of the link is told later: %s", away)
                self.dirty.set()
                await asyncio.sleep(away.wait_s)
            except Exception:  # telling may fail in any way; the loop never dies (S4)
                log.exception("the status of the link could not be told")
            await asyncio.sleep(self._report_s)

    async def tell(self) -> None:
        """Report now, if there is anything new."""
        status = await asyncio.to_thread(self._status)
        if status != self._told:
            self._told = status
            self._on_status(status)

    def _status(self) -> LinkStatus:
        unsent, oldest_at = self._log.unsent()
        elsewhere = min(unsent, self._log.beside()) if unsent else 0
        parted, sentence = self._parted(), self._sentence
        if parted and self._state == "up":
            sentence = say("hub.parted", names=", ".join(parted))
        return LinkStatus(
            state=self._state,
            since_at=self._since_at,
            last_contact_at=self._peer.last_contact_at,
            through=self._through,
            unsent=unsent,
            oldest_unsent_at=oldest_at,
            clock_offset_ms=self._peer.offset_ms,
            sentence=sentence,
            beside=self._beside,
            elsewhere=elsewhere,
            arriving=self._arriving(),
            parted=parted,
        )

    def _arriving(self) -> int | None:
        """How much of what the peer has is here, percent, while much is still to come; a snapshot is half of it."""
        theirs, own = self._peer.vector, self._log.vector()
        whole = sum(theirs.values())
        here = sum(min(seq, own.get(replica, 0)) for replica, seq in theirs.items())
        if self._state != "up" or whole - here < _MUCH:
            return None
        share, arrived = here / whole, self._peer.arrived
        return int(100 * (share if arrived is None else (arrived + share) / 2))

    def _parted(self) -> tuple[str, ...]:
        """What the devices are called of which the peer has another history than we."""
        rosters = self._log.trust().rosters
        devices = [(replica, device_of(rosters, replica)) for replica in sorted(self._peer.parted)]
        return tuple(device.name if device else str(replica) for replica, device in devices)
