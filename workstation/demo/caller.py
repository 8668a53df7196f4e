"""A caller who speaks: what they say, what they hear, and the legs by which their call rings desks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import numpy as np

from workstation.domain.hlc import Clock
from workstation.phone.engine.media import MediaSession
from workstation.phone.engine.media.session import Pcm
from workstation.phone.engine.sip import message, sdp
from workstation.phone.engine.sip.message import Message

if TYPE_CHECKING:
    from workstation.demo.pbx import Line, Pbx

RATE = 8000
RETRY_S = 0.5
"""Timer T1 of RFC 3261; it doubles with every repeat."""
TRIES = 7
MOST_HEARD = 120 * RATE


class Mouth:
    """The caller's telephone as a sound device: repeats its speech, keeps what it hears (both 8 kHz int16)."""

    def __init__(self, speech: Pcm, clock: Clock) -> None:
        self._speech = speech
        self._clock = clock
        self._said = 0
        self._heard: list[Pcm] = []
        self._taken = 0
        self._begun_s: float | None = None
        self._lock = threading.Lock()

    def open_call(self) -> None:
        self._begun_s = self._clock.monotonic_s()

    def close_call(self) -> None:
        self._begun_s = None

    def read(self, n: int) -> Pcm:
        places = (self._said + np.arange(n)) % len(self._speech)
        self._said += n
        return self._speech[places]

    def room(self) -> int:
        """As much as a sound card would have played since the call began."""
        if self._begun_s is None:
            return 0
        return max(0, int((self._clock.monotonic_s() - self._begun_s) * RATE) - self._taken)

    def write(self, pcm: Pcm) -> None:
        with self._lock:
            self._taken += len(pcm)
            if self._taken < MOST_HEARD:
                self._heard.append(pcm.copy())

    def heard(self) -> Pcm:
        """All that has been heard so far."""
        with self._lock:
            return np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)


class Caller:
    """One person on the line. `ringing` are the desks that ring now, `answered_by` the one that took the call."""

    def __init__(self, number: str, dialled: str, speech: Pcm, clock: Clock) -> None:
        self.number = number
        self.dialled = dialled
        self.mouth = Mouth(speech, clock)
        self.clock = clock
        self.legs: list[Leg] = []
        self.ringing: set[str] = set()
        self.answered_by = ""
        self.ended = ""
        self.media: MediaSession | None = None

    def talk(self, leg: Leg, agreed: sdp.Agreed) -> None:
        """The first desk that answers has the caller; every other stops ringing."""
        self.answered_by = leg.line.user
        if self.media is not None:
            self.media.start(agreed.host, agreed.port, agreed.payload_type, self.mouth, events=agreed.events)
        for other in list(self.legs):
            if other is not leg:
                other.leave()

    def close(self, why: str) -> None:
        """The call is over; `why` is told once."""
        if not self.ended:
            self.ended = why
            if self.media is not None:
                self.media.stop()


class Leg:
    """One INVITE to one desk: the client transaction and, once answered, the dialog (RFC 3261 sections 12, 17.1.1)."""

    def __init__(self, pbx: Pbx, caller: Caller, line: Line) -> None:
        self._pbx = pbx
        self.caller = caller
        self.line = line
        self.call_id = f"{pbx.token()}@{pbx.host}"
        self._branch = f"z9hG4bK{pbx.token()}"
        self._from = self._who() + f";tag={pbx.token()}"
        self._to = f"<{line.contact}>"
        self._cseq = 1
        self._timer: asyncio.TimerHandle | None = None
        self._state = "calling"
        if caller.media is None:
            caller.media = MediaSession(pbx.host, caller.clock)
        caller.legs.append(self)

    def _who(self) -> str:
        if not self.caller.number:
            return '"Anonymous" <sip:anonymous@anonymous.invalid>'
        return f"<sip:{self.caller.number}@{self._pbx.domain}>"

    def _headers(self, method: str, branch: str, cseq: int) -> list[tuple[str, str]]:
        own = f"{self._pbx.host}:{self._pbx.port}"
        return [
            ("Via", f"SIP/2.0/UDP {own};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]

    def _request(
        self, method: str, branch: str, cseq: int, extra: list[tuple[str, str]] | None = None, body: bytes = b""
    ) -> None:
        start = f"{method} {self.line.contact} SIP/2.0"
        self._pbx.send(
            message.write(start, self._headers(method, branch, cseq) + (extra or []), body), self.line.address
        )

    def _offer(self) -> bytes:
        assert self.caller.media is not None
        return sdp.write_offer(self._pbx.host, self.caller.media.port, 1, 1, "sendrecv")

    def invite(self, attempt: int = 0) -> None:
        """Send the INVITE, again and again until something comes back."""
        if self._state != "calling":
            return
        if attempt == TRIES:
            self._over()
            return
        extra = [
            ("Contact", f"<sip:sentral@{self._pbx.host}:{self._pbx.port}>"),
            ("Diversion", f"<sip:{self.caller.dialled}@{self._pbx.domain}>"),
            ("P-Called-Party-ID", f"<sip:{self.caller.dialled}@{self._pbx.domain}>"),
            ("Content-Type", "application/sdp"),
        ]
        self._request("INVITE", self._branch, self._cseq, extra, self._offer())
        self._timer = self._pbx.later(RETRY_S * 2**attempt, lambda: self.invite(attempt + 1))

    def responded(self, response: Message) -> None:
        cseq, method = response.cseq
        if method != "INVITE" or cseq != self._cseq:
            if method == "BYE":
                self._over()
            return
        if response.status < 200:
            self._progress(response)
        elif response.status < 300:
            self._accepted(response)
        else:
            self._request("ACK", self._branch, self._cseq)
            self._over()

    def _progress(self, response: Message) -> None:
        if self._state == "calling":
            self._state = "ringing"
            if self._timer is not None:
                self._timer.cancel()
        if response.status == 180:
            self.caller.ringing.add(self.line.user)
        if self._state == "leaving":
            self._cancel()

    def _accepted(self, response: Message) -> None:
        self._to = response.first("to")
        self._request("ACK", f"z9hG4bK{self._pbx.token()}", self._cseq)
        if self._state == "talking":
            return
        late = self._state == "leaving" or bool(self.caller.answered_by) or bool(self.caller.ended)
        self._state = "talking"
        if self._timer is not None:
            self._timer.cancel()
        self.caller.ringing.discard(self.line.user)
        agreed = sdp.agree(sdp.read_sdp(response.body))
        if late or agreed is None:
            self._bye()
            return
        self.caller.talk(self, agreed[1])

    def reinvited(self, request: Message) -> tuple[list[tuple[str, str]], bytes]:
        """The answer to a hold or a resume of the desk: the direction follows its offer."""
        streams = sdp.read_sdp(request.body)
        agreed = sdp.agree(streams)
        assert self.caller.media is not None
        if agreed is None:
            return [("Content-Type", "application/sdp")], self._offer()
        place, way = agreed
        self.caller.media.set_direction(
            send=way.direction in ("sendrecv", "sendonly"), recv=way.direction in ("sendrecv", "recvonly")
        )
        body = sdp.write_answer(streams, place, way, self._pbx.host, self.caller.media.port, 1, 2)
        return [
            ("Contact", f"<sip:sentral@{self._pbx.host}:{self._pbx.port}>"),
            ("Content-Type", "application/sdp"),
        ], body

    def leave(self) -> None:
        """Stop ringing this desk, or end the conversation with it."""
        if self._state == "talking":
            self._bye()
        elif self._state == "ringing":
            self._cancel()
            self._state = "leaving"
        elif self._state == "calling":
            self._state = "leaving"  # RFC 3261 section 9.1: no CANCEL before a provisional response
        self.caller.ringing.discard(self.line.user)

    def _cancel(self) -> None:
        self._request("CANCEL", self._branch, self._cseq)

    def _bye(self) -> None:
        if self._state != "over":
            self._cseq += 1
            self._request("BYE", f"z9hG4bK{self._pbx.token()}", self._cseq)
            self._state = "bye"

    def _over(self) -> None:
        self._state = "over"
        if self._timer is not None:
            self._timer.cancel()
        self.caller.ringing.discard(self.line.user)
        if self in self.caller.legs:
            self.caller.legs.remove(self)
        self._pbx.forget(self)
