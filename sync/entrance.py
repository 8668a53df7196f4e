"""The entrance of a log that serves: who knocks proves which device it is, and a new one proves its one-time code (S9).

Nothing here runs out by a clock. A visitor whose device is retired is turned away at its next request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

from sync import handshake, protocol
from sync.admission import Trust, device_of, events_of
from sync.handshake import Meeting
from sync.log import Log
from workstation.domain.hlc import Clock
from workstation.domain.ids import NOBODY
from workstation.domain.roster import NO_LIMIT, Device, Event, enrolment

KNOCKING_MOST: Final = 256
VISITORS_MOST: Final = 1024
Secret = Callable[[int], bytes]
K = TypeVar("K")
V = TypeVar("V")


class Unwelcome(Exception):
    """Why somebody is not let in: a word for the program, and a sentence for IT."""

    def __init__(self, status: int, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.error = status, error


class Visitor(Struct, frozen=True):
    """A device that has proved itself, and the version of the exchange it speaks."""

    replica: int
    site: str
    protocol: int


class Entrance:
    """Keeps who is knocking and who is in; `channel` names the wire (`handshake.channel_of`), b"" = a plain one."""

    def __init__(self, log: Log, secret: Secret, clock: Clock, channel: bytes = b"") -> None:
        self._log, self.secret, self._clock, self._channel = log, secret, clock, channel
        self._knocking: OrderedDict[bytes, tuple[Meeting, Visitor]] = OrderedDict()
        self._visitors: OrderedDict[str, Visitor] = OrderedDict()
        self._introduced: list[Event] = []

    def knock(self, knock: handshake.Knock) -> handshake.Answer:
        """Answer who knocks with this log's own proof. Raises Unwelcome: no version in common."""
        spoken = handshake.spoken(knock)
        if spoken is None:
            known = f"{protocol.OLDEST} to {protocol.PROTOCOL}"
            raise Unwelcome(426, "protocol", f"Protocol {knock.newest} is not spoken here, only {known}: update.")
        nonce = self.secret(handshake.NONCE_BYTES)
        meeting = Meeting(knock.nonce, nonce, knock.replica, self._log.replica, self._channel)
        _keep(self._knocking, nonce, (meeting, Visitor(knock.replica, knock.site, spoken)), KNOCKING_MOST)
        signature = self._log.device.sign(meeting.by_server)
        return handshake.Answer(spoken, self._log.site, self._log.replica, nonce, signature, self._clock.now_ms())

    def enter(self, enter: handshake.Enter) -> handshake.Entered:
        """Let in who proves to be an enrolled device. Raises Unwelcome."""
        meeting, visitor = self._knocking.pop(enter.nonce, (None, None))
        if meeting is None or visitor is None:
            raise Unwelcome(401, "nonce", "This nonce is not, or no longer, known: knock again.")
        device = self._device(visitor.replica)
        if device.site != visitor.site or not self.trust().verify(device.key, enter.signature, meeting.by_asker):
            raise Unwelcome(403, "proof", "The signature is not that of the device enrolled under this number.")
        token = self.secret(24).hex()
        _keep(self._visitors, token, visitor, VISITORS_MOST)
        return handshake.Entered(token)

    def trust(self) -> Trust:
        """Whom the log believes, and who was introduced with proofs that hang on the site's key."""
        trust = self._log.trust()
        if not self._introduced:
            return trust
        introduced = tuple(self._introduced)
        return Trust(
            trust.with_events(introduced), lambda more: trust.with_events([*introduced, *more]), trust.verify
        )  # fmt: skip

    def introduce(self, introduce: handshake.Introduce) -> None:
        """Take in a roster this log lacks. Raises Unwelcome where it does not prove who shows it."""
        known = {event.op.dot for event in self._introduced}
        more = [event for event in events_of(introduce.roster) if event.op.dot not in known]
        if device_of(self.trust().with_events(more), introduce.replica) is None:
            raise Unwelcome(
                403, protocol.STRANGER, "This roster does not say that the device belongs to this site: enrol it."
            )
        self._introduced += more

    def visitor(self, token: str) -> Visitor:
        """Who shows this token. Raises Unwelcome: nobody, or one whose device was retired meanwhile."""
        visitor = self._visitors.get(token)
        if visitor is None:
            raise Unwelcome(401, "token", "This token is not, or no longer, known: knock again.")
        self._visitors.move_to_end(token)
        self._device(visitor.replica)
        return visitor

    def site(self, asked: handshake.AskSite) -> handshake.SitePage:
        """The roster of the site somebody knocked for, and the proof that this log belongs to it. Raises Unwelcome."""
        meeting, visitor = self._knocking.get(asked.nonce, (None, None))
        if meeting is None or visitor is None:
            raise Unwelcome(401, "nonce", "This nonce is not, or no longer, known: knock again.")
        trust, site = self._log.trust(), visitor.site
        roster = trust.rosters.get(site)
        if roster is None:
            raise Unwelcome(
                409, "unfounded", f"This server does not belong to the site {site!r}: found it, or join it."
            )
        invited = {device.invitation for device in roster.devices.values()}
        device = roster.by_replica.get(visitor.replica)
        known = asked.key in invited or (device is not None and device.key == asked.key and device.upto == NO_LIMIT)
        whole = known and trust.verify(asked.key, asked.signature, meeting.by_reader)
        told = [pair for pair, event in self._told() if event.op.site == site and (whole or self._own(event))]
        message = handshake.joining(meeting.asker_nonce, roster.key, self._log.replica, self._channel)
        return handshake.SitePage(site, roster.key, told, self._log.replica, self._log.device.sign(message))

    def _own(self, event: Event) -> bool:
        """Whether it says about this log's own device what the site's key signed: that alone is for strangers.

        It is enough for a device that has not heard of a server IT founded anew, and names nobody.
        """
        device = device_of(self._log.trust().rosters, self._log.replica)
        return device is not None and event.op.entity == device.entity and event.op.person == NOBODY

    def _told(self) -> zip[tuple[tuple[bytes, bytes], Event]]:
        roster = self._log.roster()
        return zip(roster, events_of(roster), strict=True)

    def invited(self, enrol: handshake.Enrol) -> tuple[dict[str, object], str]:
        """The body of the op that enrols a new device, and its name. Raises Unwelcome: not invited, or no proof."""
        trust, site = self._log.trust(), self._log.site
        roster = trust.rosters.get(site)
        device = roster.devices.get(enrol.invitation) if roster else None
        if device is None:
            raise Unwelcome(404, "invitation", "This server knows no such invitation: check the code, or sync first.")
        message = enrolment(site, enrol.invitation, enrol.replica, enrol.key)
        if not trust.verify(device.invitation, enrol.proof, message):
            raise Unwelcome(403, "code", "The code is another one's.")
        if (device.replica, device.key) == (enrol.replica, enrol.key):
            return {}, device.name  # the answer was lost on the way, and the device asks once more
        if device.key or device_of(trust.rosters, enrol.replica):
            raise Unwelcome(409, "used", "This code was used already: ask for another.")
        return {"replica": enrol.replica, "key": enrol.key, "proof": enrol.proof}, device.name

    def _device(self, replica: int) -> Device:
        device = device_of(self.trust().rosters, replica)
        if device is None:
            raise Unwelcome(403, protocol.STRANGER, "No device of this site is enrolled under this number: enrol it.")
        if device.upto != NO_LIMIT:
            raise Unwelcome(403, protocol.RETIRED, "This device was retired: enrol it anew with a new code.")
        return device


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Remember something new; where there is no room the oldest goes."""
    if len(kept) >= most:
        kept.popitem(last=False)
    kept[key] = value
