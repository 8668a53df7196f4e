"""A small PBX: registers desks by digest, rings all that are free for the first caller in its queue, lets them talk.

It stands where a site's own PBX stands, so it forks the way Asterisk's `Queue()` does with `ringall`: one call-id a
desk, no header that joins them, a bare CANCEL to the desks that did not answer. SIP over UDP (RFC 3261), digest MD5
(RFC 7616).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workstation.demo.caller import Caller, Leg
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.phone.engine.sip import digest, message
from workstation.phone.engine.sip.message import Message

T = TypeVar("T")
Address = tuple[str, int]

QUALIFY_S = 5.0
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')
_CONTACT = re.compile(r"<\s*sip:[^@>]{0,200}@(\[[0-9a-f:]+\]|[^:;>\s]+):(\d{1,5})", re.IGNORECASE)
_EXPIRES = re.compile(r"expires\s*=\s*(\d{1,7})", re.IGNORECASE)


@dataclass(slots=True)
class Line:
    """One desk as the PBX knows it: where it can be reached, and whether it is in a conversation."""

    user: str
    address: Address
    contact: str
    busy: bool = False
    answers: int = field(default=0)


class Pbx(asyncio.DatagramProtocol):
    """Runs on a thread of its own; every method may be called from any other."""

    def __init__(self, passwords: Mapping[str, str], *, clock: Clock, ids: Ids, host: str = "127.0.0.1") -> None:
        self._passwords = dict(passwords)
        self._clock = clock
        self.ids = ids
        self.host = host
        self.port = 0
        self.domain = "sentral.demo"
        self.lines: dict[str, Line] = {}
        self.queue: list[Caller] = []
        self._legs: dict[str, Leg] = {}
        self._nonces: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._wire: asyncio.DatagramTransport | None = None
        self._qualifier: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo-pbx", daemon=True)

    # ------------------------------------------------------------------ from other threads
    def start(self) -> int:
        """Take a free port and listen; gives the port."""
        self._thread.start()
        return self._run(self._open)

    def stop(self) -> None:
        """Hang up everywhere and end the thread."""
        if self._thread.is_alive():
            self._run(self._close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()

    def registered(self) -> set[str]:
        """The desks that are registered now."""
        return set(self.lines)

    def call(self, caller: Caller) -> Caller:
        """Put a caller into the queue; free desks ring as soon as it is first."""

        async def enter() -> None:
            self.queue.append(caller)
            self._serve_queue()

        self._run(enter)
        return caller

    def hang_up(self, caller: Caller) -> None:
        """The caller puts the receiver down, whether it rings or talks."""

        async def leave() -> None:
            if caller in self.queue:
                self.queue.remove(caller)
            for leg in list(caller.legs):
                leg.leave()
            caller.close("caller_hung_up")

        self._run(leave)

    def _run(self, step: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(step(), self._loop).result(10)

    # ------------------------------------------------------------------ the loop's side
    async def _open(self) -> int:
        self._wire, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
        self.port = int(self._wire.get_extra_info("sockname")[1])
        self._qualifier = self._loop.create_task(self._qualify())
        return self.port

    async def _close(self) -> None:
        for leg in list(self._legs.values()):
            leg.leave()
            leg.caller.close("lost")
        if self._qualifier is not None:
            self._qualifier.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._qualifier
        if self._wire is not None:
            self._wire.close()

    def send(self, data: bytes, to: Address) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.sendto(data, to)

    def token(self) -> str:
        """A fresh token for a tag, branch or call-id."""
        return self.ids.secret(9).hex()

    def later(self, delay_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, act)

    def _serve_queue(self) -> None:
        """The first caller rings every free desk; where none is free it waits."""
        while self.queue:
            free = [line for line in self.lines.values() if not line.busy]
            if not free:
                return
            caller = self.queue.pop(0)
            for line in free:
                line.busy = True
                leg = Leg(self, caller, line)
                self._legs[leg.call_id] = leg
                leg.invite()

    def forget(self, leg: Leg) -> None:
        """A leg is over: its desk is free for the next caller."""
        if self._legs.pop(leg.call_id, None) is not None:
            leg.line.busy = False
            self._loop.call_soon(self._serve_queue)

    def datagram_received(self, data: bytes, source: Address) -> None:
        received = message.read(data)
        if received is None or not received.complete:
            return
        if not received.is_request:
            leg = self._legs.get(received.call_id)
            if leg is not None:
                leg.responded(received)
        elif received.method == "REGISTER":
            self._register(received, source)
        elif received.method != "ACK":
            self._requested(received, source)

    def _answer(
        self,
        request: Message,
        source: Address,
        status: int,
        extra: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> None:
        via = message.stamped(message.top_via(request), *source)
        self.send(message.respond(request, status, self.token(), via, extra, body), source)

    def _requested(self, request: Message, source: Address) -> None:
        leg = self._legs.get(request.call_id)
        if request.method == "OPTIONS":
            self._answer(request, source, 200)
        elif leg is None:
            self._answer(request, source, 481)
        elif request.method == "BYE":
            self._answer(request, source, 200)
            leg.caller.close("desk_hung_up")
            self.forget(leg)
        elif request.method == "INVITE":
            self._answer(request, source, 200, *leg.reinvited(request))
        else:
            self._answer(request, source, 405)

    def _register(self, request: Message, source: Address) -> None:
        user = self._authenticated(request)
        if user is None:
            nonce = self.token()
            self._nonces.add(nonce)
            challenge = f'Digest realm="{self.domain}", nonce="{nonce}", algorithm=MD5, qop="auth"'
            self._answer(request, source, 401, [("WWW-Authenticate", challenge)])
            return
        contact = request.first("contact")
        expires = _EXPIRES.search(contact)
        seconds = int(expires[1]) if expires else int(request.first("expires") or 60)
        if seconds == 0:
            self.lines.pop(user, None)
        else:
            place = _CONTACT.search(contact)
            if place is None:
                self._answer(request, source, 400)
                return
            known = self.lines.get(user)
            uri = contact[contact.index("<") + 1 : contact.index(">")]
            self.lines[user] = Line(user, source, uri, busy=known.busy if known else False)
        self._answer(request, source, 200, [("Contact", contact), ("Expires", str(seconds))])
        self._serve_queue()

    def _authenticated(self, request: Message) -> str | None:
        given = {
            m[1].lower(): m[2] if m[2] is not None else m[3]
            for m in _PARAMETER.finditer(request.first("authorization"))
        }
        user, nonce = given.get("username", ""), given.get("nonce", "")
        password = self._passwords.get(user)
        if password is None or nonce not in self._nonces or not given.get("nc"):
            return None
        asked = digest.Challenge("Authorization", given.get("realm", ""), nonce, "MD5", "auth", None, False)
        with contextlib.suppress(ValueError):
            ours = digest.credentials(
                asked, user, password, "REGISTER", given.get("uri", ""), int(given["nc"], 16), given.get("cnonce", "")
            )
            expected = re.search(r'response="([0-9a-f]+)"', ours)
            if expected and hmac.compare_digest(expected[1], given.get("response", "")):
                return user
        return None

    async def _qualify(self) -> None:
        """Ask every desk now and then, as a PBX does: it proves to the desk that a call could come in (promise P4)."""
        while True:
            await asyncio.sleep(QUALIFY_S)
            for line in self.lines.values():
                own = f"{self.host}:{self.port}"
                headers = [
                    ("Via", f"SIP/2.0/UDP {own};branch=z9hG4bK{self.token()};rport"),
                    ("Max-Forwards", "70"),
                    ("From", f"<sip:qualify@{self.domain}>;tag={self.token()}"),
                    ("To", f"<{line.contact}>"),
                    ("Call-ID", self.token()),
                    ("CSeq", "1 OPTIONS"),
                ]
                self.send(message.write(f"OPTIONS {line.contact} SIP/2.0", headers), line.address)
