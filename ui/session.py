"""The call at hand: which offer the form belongs to, from the ring to the end of the wrap-up, and its type by one key.

The line says what happens; here it becomes what the screen does. A ring never disturbs what is being written; a first
press of a noise key never hangs up, and for 30 s the type can be taken back (promise U7).
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from ui.bridge import Asked, Bridge, Question
from workstation.domain.rows import CallRow, PhoneState, RingView, Uid
from workstation.service import calls, views
from workstation.service.desk import Desk

NOISE = ("prank", "silent", "wrong_number", "test")
NO_CALL_BACK = ("no_sim", "withheld")
DAY_MS = 24 * 3600 * 1000
ARMED_MS = 5000  # how long a key that asks for a second press waits for it


class LineSession(QObject):
    """Follows the phone.

    Signals:
        phase_changed(str): idle, ringing, talking, wrap_up or writing (an incident without a call).
        call_opened(bytes): the form now belongs to this offer.
        call_known(): what the record says of the call at hand is another than before.
        typed(str): the call was typed by one key and can be taken back.
        taken_back(): it was.
        asked(str, str): a key wants a second press: which and why (`filled`, `no_call_back`).
        trouble(BaseException): the line or the record would not.
    """

    phase_changed = Signal(str)
    call_opened = Signal(bytes)
    call_known = Signal()
    typed = Signal(str)
    taken_back = Signal()
    asked = Signal(str, str)
    trouble = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk, self.bridge = desk, bridge
        self.state: PhoneState | None = None
        self.phase = "idle"
        self.offer: Uid = b""
        self.ring: RingView | None = None
        self.call: CallRow | None = None
        self.earlier: tuple[CallRow, ...] | None = None
        self.ended_at: int | None = None
        self.noise = ""  # the type the last key gave, while it can be taken back
        self.noise_at = 0
        self.gate_at: int | None = None
        self._noise_offer: Uid = b""  # the call that the last key typed; another may be at hand by now
        self._armed: tuple[str, int] = ("", 0)
        self._question = Question(bridge, self._ask, self.trouble.emit)
        bridge.changed.connect(self._news)

    # ---------------------------------------------------------------- the line speaks
    def take(self, state: PhoneState) -> None:
        """A new word of the line."""
        before, self.state = self.state, state
        was_talking = before.talking if before else None
        if state.talking is not None and (state.talking != self.offer or self.phase != "talking"):
            self._talk(state.talking)
        elif state.talking is None and was_talking is not None and self.phase == "talking":
            self._end()
        ringing = self.front
        if self.phase == "idle" and ringing is not None:
            self._adopt(ringing.offer, "ringing", ringing)
        elif self.phase == "ringing" and all(ring.offer != self.offer for ring in state.ringing):
            if ringing is not None:
                self._adopt(ringing.offer, "ringing", ringing)
            else:
                self.close()

    @property
    def front(self) -> RingView | None:
        """The ring that F2 answers: the longest ringing."""
        rings = self.state.ringing if self.state else ()
        return min(rings, key=lambda ring: ring.rang_at) if rings else None

    def _talk(self, offer: Uid) -> None:
        if offer != self.offer:
            ring = next((r for r in self.state.ringing if r.offer == offer), None) if self.state else None
            self._adopt(offer, "talking", ring)
        else:
            self._to("talking")
        self.ended_at = None
        self.refresh()

    def _end(self) -> None:
        self.ended_at = self.desk.clock.now_ms()
        self.refresh()
        if self._is_noise:
            self.close()  # noise asks nothing more; its way back stays for its 30 s
        else:
            self._to("wrap_up")

    def _adopt(self, offer: Uid, phase: str, ring: RingView | None) -> None:
        self.offer, self.ring = offer, ring
        self.call, self.earlier, self.ended_at, self.gate_at = None, None, None, None
        self._armed = ("", 0)  # a key asked for on the call before is a first press on this one
        if self.noise and phase == "talking":
            self.noise = ""
        self.call_opened.emit(offer)
        self._to(phase)
        self.refresh()

    def _to(self, phase: str) -> None:
        if phase != self.phase:
            self.phase = phase
            self.phase_changed.emit(phase)

    def close(self) -> None:
        """The call at hand is done with: the desk is free."""
        self.offer, self.ring, self.call, self.earlier = b"", None, None, None
        self.ended_at = self.gate_at = None
        self._to("idle")
        front = self.front
        if front is not None and self.state is not None and self.state.talking is None:
            self._adopt(front.offer, "ringing", front)

    def write_without_call(self) -> None:
        """An incident of the board is opened, or a new one without a call."""
        self.offer, self.ring, self.call, self.earlier = b"", None, None, None
        self.ended_at = self.gate_at = None
        self._to("writing")

    # ---------------------------------------------------------------- the record speaks
    def _news(self, changes: Any) -> None:
        if self.offer and (self.offer in changes.offers or changes.calls):
            self.refresh()

    def refresh(self) -> None:
        """Ask what the record knows of the call, and of the number's earlier calls."""
        self._question.put()

    def _ask(self) -> Asked | None:
        if not self.offer:
            return None
        offer, now = self.offer, self.desk.clock.now_ms()
        number = self.ring.number if self.ring else ""

        return self.desk.see(views.at_ring, offer, number, now), lambda found: self._found(offer, *found)

    def _found(self, offer: Uid, call: CallRow | None, earlier: tuple[CallRow, ...]) -> None:
        if offer == self.offer and call is not None:
            self.call, self.earlier = call, earlier
            if call.type and self.gate_at is None:
                self.gate_at = self.desk.clock.now_ms()
            self.call_known.emit()

    @property
    def earlier_24h(self) -> int | None:
        if self.earlier is None or self.call is None:
            return None
        since = self.call.rang_at - DAY_MS
        return sum(1 for call in self.earlier if call.rang_at >= since)

    @property
    def rang_at(self) -> int | None:
        return self.call.rang_at if self.call else self.ring.rang_at if self.ring else None

    @property
    def answered_at(self) -> int | None:
        if self.call and self.call.answered_at:
            return self.call.answered_at
        return self.state.talking_since_at if self.state and self.phase == "talking" else None

    @property
    def identity(self) -> str:
        return self.call.identity if self.call else self.ring.identity if self.ring else ""

    @property
    def number(self) -> str:
        return self.call.number if self.call else self.ring.number if self.ring else ""

    @property
    def dialled(self) -> str:
        return self.call.dialled if self.call else self.ring.dialled if self.ring else ""

    @property
    def type(self) -> str:
        return self.call.type if self.call else ""

    # ---------------------------------------------------------------- keys
    def can_answer(self) -> bool:
        return self.front is not None

    def is_talking(self) -> bool:
        return self.state is not None and self.state.talking is not None

    def can_type(self) -> bool:
        return bool(self.offer) and self.phase in ("talking", "wrap_up")

    def answer(self) -> None:
        """F2: answer the longest ringing; who is on the line is held first."""
        ring = self.front
        if ring is None:
            return
        if self.is_talking() and self.state is not None and not self.state.held:
            self._line(lambda: calls.hold(self.desk))
        self._line(lambda: calls.answer(self.desk, ring.offer))

    def hold(self) -> None:
        held = self.state is not None and self.state.held
        self._line(lambda: calls.resume(self.desk) if held else calls.hold(self.desk))

    def mute(self) -> None:
        muted = self.state is not None and self.state.muted
        self._line(lambda: calls.mute(self.desk, not muted))

    def hang_up(self) -> None:
        """F12: at once, but a caller who can't be called back asks for it twice."""
        if self.identity in NO_CALL_BACK and not self._is_noise and not self._second("hang_up"):
            self.asked.emit("hang_up", "no_call_back")
            return
        self._line(lambda: calls.hang_up(self.desk))

    def press(self, name: str, filled: bool) -> None:
        """A type key. The first press types, the same again hangs up; with location or type filled it asks first."""
        if not self.can_type():
            return
        if self._is_noise and self.noise == name and self.is_talking():
            self._line(lambda: calls.hang_up(self.desk))
            return
        if name in NOISE and filled and not self._second(name):
            self.asked.emit(name, "filled")
            return
        offer = self.offer
        typed = calls.classify(self.desk, offer, name)
        self.bridge.ask(typed, lambda _done: self._typed(offer, name), self.trouble.emit)

    @property
    def _is_noise(self) -> bool:
        """Whether the last key typed the call at hand as noise; what it did to one before says nothing of this one."""
        return bool(self.noise) and self._noise_offer == self.offer

    def _typed(self, offer: Uid, name: str) -> None:
        if self.offer not in (offer, b""):
            return  # the disk was slow and another call is at hand: nothing of it was typed
        self.noise = name if name in NOISE else ""
        self.noise_at = self.desk.clock.now_ms()
        self._noise_offer = offer
        if self.offer and self.gate_at is None:
            self.gate_at = self.noise_at
        self.typed.emit(name)
        self.refresh()

    def take_back(self) -> None:
        """Ctrl+Z within 30 s: the call has the type it had before; the line is as it was."""
        offer = self._noise_offer or self.offer
        if offer:
            self.bridge.ask(calls.take_back(self.desk, offer), lambda _done: self._back(offer), self.trouble.emit)

    def _back(self, offer: Uid) -> None:
        if offer == self.offer:
            self.gate_at = None
        if self._noise_offer not in (offer, b""):
            return  # another call was typed meanwhile: the way back that is shown is that one's
        self.noise = ""
        self.taken_back.emit()
        self.refresh()

    def forget_noise(self) -> None:
        """The 30 s are over."""
        self.noise = ""

    def _second(self, name: str) -> bool:
        """Whether this is the second press of a key that asked."""
        armed, at = self._armed
        now = self.desk.clock.now_ms()
        if armed == name and now - at <= ARMED_MS:
            self._armed = ("", 0)
            return True
        self._armed = (name, now)
        return False

    def _line(self, do: Any) -> None:
        try:
            do()
        except Exception as error:
            # The line says why (no engine, not registered); the screen shows it and goes on.
            self.trouble.emit(error)
