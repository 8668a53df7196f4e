"""How the telephone stands, as the strip of the screen shows it: events in, `PhoneState` out.

No threads, no clock of its own.
"""

from __future__ import annotations

from collections import deque

import msgspec

from workstation.domain.rows import PhoneState, RingView, Stranger
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.phone import wire

PROOF_MS = 30_000
"""A request that came in within this time proves that a call can, too (promise P4)."""
STRANGERS_MOST = 50
METHOD_MOST = 20
"""Characters kept of a stranger's method, which can be anything."""


class Standing:
    """The desk's picture of the engine. `event` takes what the engine says, in order."""

    def __init__(self) -> None:
        self._calls: dict[str, wire.CallFace] = {}
        self._registration = wire.Registration(state="off", reason=NOTHING, since=0, inbound_at=None)
        self._device = wire.Device(input="", output="", null=False, sentence=NOTHING)
        self._notice = NOTHING
        self._muted = False
        self._levels = (0.0, 0.0)
        self._strangers: deque[Stranger] = deque(maxlen=STRANGERS_MOST)
        self._upto = 0
        self._engine = say("engine.starting")

    def engine_lost(self, sentence: Sentence) -> None:
        """No engine answers: nothing rings and nobody talks as far as this desk can know."""
        self._engine, self._notice = sentence, NOTHING
        self._calls.clear()
        self._levels = (0.0, 0.0)

    @property
    def calls(self) -> tuple[wire.CallFace, ...]:
        """The calls that are up or ring, oldest first."""
        return tuple(self._calls.values())

    @property
    def talking(self) -> wire.CallFace | None:
        """The call that is up; where none is, the one that waits on hold."""
        by_state = {face.state: face for face in self._calls.values()}
        return by_state.get("talking") or by_state.get("held")

    def event(self, event: wire.Event) -> None:
        """Take one event. What was journalled before the last hello is history and changes nothing here."""
        if event.n and event.n <= self._upto:
            return
        if isinstance(event, wire.Hello | wire.Answered | wire.Ended):
            self._notice = NOTHING
        match event:
            case wire.Hello():
                self._engine = NOTHING
                self._upto, self._muted = event.upto, event.muted
                self._calls = {face.offer: face for face in event.calls}
            case wire.Registration():
                self._registration = event
            case wire.Device():
                self._device = event
            case wire.Muted():
                self._muted = event.on
            case wire.Notice():
                self._notice = event.sentence
            case wire.Scanner():
                self._strangers.append(Stranger(event.source, event.at, event.method[:METHOD_MOST]))
            case wire.Levels():
                self._levels = (event.rx, event.tx)
            case wire.Ringing():
                self._calls[event.offer] = _face(event)
            case wire.Answered():
                self._change(event.offer, state="talking", answered_at=event.at)
            case wire.Held() if event.by == "caller":
                self._change(event.offer, held_by_caller=True)
            case wire.Resumed() if event.by == "caller":
                self._change(event.offer, held_by_caller=False)
            case wire.Held():
                self._change(event.offer, state="held")
            case wire.Resumed():
                self._change(event.offer, state="talking")
            case wire.Ended():
                self._calls.pop(event.offer, None)
                if self.talking is None:
                    self._levels = (0.0, 0.0)

    def _change(self, offer: str, **fields: object) -> None:
        face = self._calls.get(offer)
        if face is not None:
            self._calls[offer] = msgspec.structs.replace(face, **fields)

    def state(self, now_ms: int) -> PhoneState:
        """What the strip shows at `now_ms`."""
        talking = self.talking
        inbound_at = self._registration.inbound_at
        line = "failed" if self._engine else self._registration.state
        fresh = inbound_at is not None and now_ms - inbound_at <= PROOF_MS
        return PhoneState(
            line=line,
            sentence=self._engine or self._notice or self._registration.reason or self._device.sentence,
            may_ring=not self._engine and fresh,
            ringing=tuple(_ring(face) for face in self._calls.values() if face.state == "ringing"),
            talking=bytes.fromhex(talking.offer) if talking else None,
            talking_since_at=talking.answered_at if talking else None,
            held=talking is not None and talking.state == "held",
            muted=self._muted,
            input=self._device.input,
            output=self._device.output,
            null_device=self._device.null,
            rx_level=self._levels[0],
            tx_level=self._levels[1],
            strangers=tuple(self._strangers),
            notice=self._notice,
        )


def _face(event: wire.Ringing) -> wire.CallFace:
    return wire.CallFace(
        offer=event.offer,
        state="ringing",
        number=event.number,
        display=event.display,
        dialled=event.dialled,
        identity=event.identity,
        rang_at=event.at,
        waiting=event.waiting,
    )


def _ring(face: wire.CallFace) -> RingView:
    return RingView(
        offer=bytes.fromhex(face.offer),
        number=face.number,
        display=face.display,
        dialled=face.dialled,
        identity=face.identity,
        rang_at=face.rang_at,
    )
