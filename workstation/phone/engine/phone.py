"""The desk's telephone: which calls ring, who talks, who waits, and what the headset does about it.

Runs on the engine's asyncio loop. Every change becomes an event; commands come from the desk's line. A second call
while talking is a soft tone and an event, never a ring in the ear (promise P7).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.phone import wire
from workstation.phone.settings import PhoneSettings

from .floor import Floor, Seat
from .media import MediaSession, Sound
from .sip.agent import Agent
from .sip.flow import own_host
from .sip.registration import Standing
from .sip.sdp import Agreed
from .sip.session import Session
from .sip.transaction import Timers

log = logging.getLogger("tahuri.phone")

LEVELS_S = 0.1
SCANNER_EVERY_MS = 10_000
"""A scanner is told once in this time for each address; scanners send hundreds a minute."""
SCANNERS_MOST = 500


class Headset(Sound, Protocol):
    """What the telephone needs of `engine.audio`."""

    @property
    def device(self) -> tuple[str, str, bool, Sentence]:
        """(input, output, whether it is no device at all, a sentence for the operator or NOTHING)."""

    def ring(self, on: bool, soft: bool = False) -> None:
        """Ring on every output, or a soft tone in the ear."""

    def close(self) -> None:
        """Give the devices back."""


class Call(Struct, eq=False):
    """One offer at this desk."""

    offer: str
    session: Session
    rang_at: int
    waiting: bool
    media: MediaSession | None = None
    answered_at: int | None = None
    held: bool = False
    held_by_caller: bool = False
    agreed: Agreed | None = None
    seat: Seat | None = None

    @property
    def state(self) -> str:
        if self.answered_at is None:
            return "ringing"
        return "held" if self.held else "talking"


class Phone:
    """All calls of the desk. `say` takes every event, in order."""

    def __init__(
        self,
        settings: PhoneSettings,
        password: str,
        clock: Clock,
        ids: Ids,
        say: Callable[[wire.Event], None],
        timers: Timers | None = None,
        fault: Sentence = NOTHING,
    ) -> None:
        self._settings, self._clock, self._ids, self._say = settings, clock, ids, say
        self._calls: dict[str, Call] = {}
        self._by_session: dict[Session, Call] = {}
        self._headset: Headset | None = None
        self._floor: Floor | None = None
        self._device: tuple[str, str, bool, Sentence] | None = None
        self._ringing: tuple[bool, bool] = (False, False)
        self._scanners: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.muted = False
        self.agent = Agent(settings, password, clock, ids, self, timers, fault)

    async def start(self) -> None:
        """Open the SIP port and register. Raises OSError."""
        await self.agent.start()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Hang up, sign off, give the headset back."""
        for call in list(self._calls.values()):
            call.session.refuse(480, "failed", "the engine ends")
            call.session.hang_up()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.agent.stop()
        if self._headset is not None:
            self._headset.close()

    def use(self, headset: Headset) -> None:
        """The sound devices are open (it may take a second, and a call may ring meanwhile)."""
        self._headset, self._floor = headset, Floor(headset)
        self._tell_device()
        self._ringing = (False, False)
        for call in self._calls.values():
            self._sound(call)
        self._ring()

    def no_headset(self, sentence: Sentence) -> None:
        """Sound can't be had at all; calls ring on the screen only, and it says so."""
        self._device = ("", "", True, sentence)
        self._say(_device(self._device))

    @property
    def busy(self) -> bool:
        """Whether any call rings or is up."""
        return bool(self._calls)

    def face(self) -> tuple[wire.CallFace, ...]:
        """Every call as it stands."""
        return tuple(
            wire.CallFace(
                offer=call.offer,
                state=call.state,
                number=call.session.caller.number,
                display=call.session.caller.display,
                dialled=call.session.dialled,
                identity=call.session.caller.identity,
                rang_at=call.rang_at,
                answered_at=call.answered_at,
                held_by_caller=call.held_by_caller,
                waiting=call.waiting,
            )
            for call in self._calls.values()
        )

    def news(self) -> list[wire.Event]:
        """What a line must know beside the calls: registration and device."""
        out: list[wire.Event] = [_registration(self.agent.registration.standing)]
        if self._device is not None:
            out.append(_device(self._device))
        return out

    # ---------------------------------------------------------------- what the desk wants
    def answer(self, offer: str) -> None:
        """Take an offer; who talks is held first. What rings no longer is left alone: the event says why. Without a
        free port for its sound it rings on.
        """
        call = self._calls.get(offer)
        if call is None or call.state != "ringing":
            log.info("answer: the offer rings no longer")
            return
        host = own_host(self._settings.bind, call.session.peer)
        try:
            call.media = MediaSession(host, self._clock, ports=self._rtp_ports())
        except OSError as error:
            # It rings on: another desk may take it, and a port may come free. Who talks is not put on hold for nothing.
            log.error("no port for RTP, the caller rings on: %s", error)
            self._say(wire.Notice(sentence=say("engine.no_rtp_port")))
            return
        talking = self._talking()
        if talking is not None:
            self._hold(talking)
        call.answered_at = self._clock.now_ms()
        if call.session.accept(host, call.media.port):
            self._say(wire.Answered(offer=offer, at=call.answered_at))
            self._ring()

    def hang_up(self, offer: str = "") -> None:
        """End a call; without an offer the one that is up, else the one that waits on hold."""
        call = self._calls.get(offer) if offer else self._talking() or self._on_hold()
        if call is not None:
            call.session.hang_up()

    def hold(self) -> None:
        """Let the caller wait."""
        call = self._talking()
        if call is not None:
            self._hold(call)

    def resume(self) -> None:
        """Talk on with the caller who waits; who talks meanwhile waits then."""
        call, talking = self._on_hold(), self._talking()
        if call is None:
            return
        if talking is not None:
            self._hold(talking)
        call.held = False
        call.session.hold(False)
        self._direct(call)
        self._say(wire.Resumed(offer=call.offer, at=self._clock.now_ms()))

    def mute(self, on: bool) -> None:
        """Close or open the microphone, for this call and those after it."""
        self.muted = on
        for call in self._calls.values():
            if call.media is not None:
                call.media.mute(on)
        self._say(wire.Muted(on=on))

    def _talking(self) -> Call | None:
        return next((c for c in self._calls.values() if c.state == "talking"), None)

    def _on_hold(self) -> Call | None:
        held = [c for c in self._calls.values() if c.state == "held"]
        return held[-1] if held else None

    def _hold(self, call: Call) -> None:
        call.held = True
        # Silence at once: the caller must not hear the desk while the other side still thinks about the re-INVITE.
        self._direct(call)
        call.session.hold(True)
        self._say(wire.Held(offer=call.offer, at=self._clock.now_ms()))

    def _direct(self, call: Call) -> None:
        on = not call.held
        if call.media is not None:
            # A caller on hold gets silence, not nothing: without RTP a PBX may take the call for dead.
            call.media.set_direction(send=not call.held_by_caller, recv=on)
        if self._floor is not None and call.seat is not None:
            (self._floor.give if on else self._floor.take)(call.seat)

    # ---------------------------------------------------------------- what the network brings
    def rang(self, session: Session) -> None:
        """An INVITE rings."""
        offer = self._ids.uid().hex()
        at = self._clock.now_ms()
        call = Call(offer, session, at, waiting=any(c.answered_at is not None for c in self._calls.values()))
        self._calls[offer] = call
        self._by_session[session] = call
        self._say(
            wire.Ringing(
                offer=offer,
                number=session.caller.number,
                display=session.caller.display,
                dialled=session.dialled,
                key=session.key,
                sip_call_id=session.shown_call_id,
                identity=session.caller.identity,
                location=session.location,
                at=at,
                waiting=call.waiting,
            )
        )
        self._ring()

    def agreed(self, session: Session, agreed: Agreed) -> None:
        """Offer and answer are exchanged, at first or again."""
        call = self._by_session.get(session)
        if call is None or call.media is None:
            return
        call.agreed = agreed
        self._sound(call)
        call.media.mute(self.muted)
        waits = agreed.direction in ("recvonly", "inactive") and not call.held
        if waits != call.held_by_caller and not call.held:
            call.held_by_caller = waits
            kind = wire.Held if waits else wire.Resumed
            self._say(kind(offer=call.offer, at=self._clock.now_ms(), by="caller"))
        self._direct(call)

    def _sound(self, call: Call) -> None:
        """Let media flow to where the caller listens, as soon as there are both an agreement and a headset."""
        agreed = call.agreed
        if call.media is None or agreed is None or self._floor is None:
            return
        if call.seat is None:
            call.seat = self._floor.seat()
            self._direct(call)
        try:
            call.media.start(agreed.host, agreed.port, agreed.payload_type, call.seat, events=agreed.events)
        except (OSError, ValueError) as error:
            log.error("no sound with this caller: %s", error)

    def ended(self, session: Session, reason: str, detail: str) -> None:
        """A call is over."""
        self.agent.forget(session)
        call = self._by_session.pop(session, None)
        if call is None:
            return
        self._calls.pop(call.offer, None)
        self._say(wire.Ended(offer=call.offer, reason=reason, at=self._clock.now_ms(), detail=detail))
        if call.media is not None:
            media = call.media
            # It waits for its thread up to half a second; the network must not.
            asyncio.get_running_loop().run_in_executor(None, media.stop)
        if not any(c.answered_at is not None for c in self._calls.values()) and self.muted:
            self.mute(False)  # a microphone left closed would cost the next caller the first words
        self._ring()

    def standing(self, standing: Standing) -> None:
        """The registration changed, or a request came in."""
        self._say(_registration(standing))

    def scanner(self, source: str, method: str) -> None:
        """A stranger knocked; told once in a while for each address."""
        now, host = self._clock.now_ms(), source.rpartition(":")[0]
        if now - self._scanners.get(host, -SCANNER_EVERY_MS) >= SCANNER_EVERY_MS:
            if len(self._scanners) >= SCANNERS_MOST:
                self._scanners.clear()
            self._scanners[host] = now
            log.warning("unanswered: %s from %s, which is no peer of ours", method, source)
            self._say(wire.Scanner(source=source, at=now, method=method))

    # ---------------------------------------------------------------- ears
    def _ring(self) -> None:
        """Ring loudly while nobody talks, softly while someone does, not at all while nothing rings."""
        ringing = any(c.answered_at is None for c in self._calls.values())
        wish = (ringing, ringing and any(c.answered_at is not None for c in self._calls.values()))
        if wish != self._ringing and self._headset is not None:
            self._ringing = wish
            self._headset.ring(wish[0], soft=wish[1])

    async def _watch(self) -> None:
        """Ten times a second: loudness of the call that is up, and whether the headset is another one."""
        silent = True
        while True:
            await asyncio.sleep(LEVELS_S)
            talking = self._talking()
            if talking is not None and talking.media is not None:
                rx, tx = talking.media.levels()
                self._say(wire.Levels(rx=round(rx, 3), tx=round(tx, 3)))
                silent = False
            elif not silent:
                self._say(wire.Levels(rx=0.0, tx=0.0))
                silent = True
            self._tell_device()

    def _tell_device(self) -> None:
        if self._headset is not None and self._headset.device != self._device:
            self._device = self._headset.device
            self._say(_device(self._device))

    def _rtp_ports(self) -> range | None:
        ports = self._settings.rtp_ports
        return range(ports[0], ports[1] + 1) if ports else None


def _registration(standing: Standing) -> wire.Registration:
    return wire.Registration(
        state=standing.state, reason=standing.reason, since=standing.since, inbound_at=standing.inbound_at
    )


def _device(device: tuple[str, str, bool, Sentence]) -> wire.Device:
    return wire.Device(input=device[0], output=device[1], null=device[2], sentence=device[3])
