"""Keeping the desk known at the registrar, and the proof that a call can come in (RFC 3261 section 10).

"Registered" alone is no proof: a firewall may have closed the way in. So the line calls itself through the registrar
with OPTIONS; what arrives here has come the way a caller's INVITE would.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from workstation.domain.hlc import Clock
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.phone.settings import PhoneSettings
from workstation.words import english

from .address import plain
from .digest import Challenge, credentials, read_challenge
from .flow import Flow
from .message import Message
from .session import ALLOW
from .transaction import Headers, Outgoing, Transactions, bracketed

log = logging.getLogger("tahuri.phone")

PATIENCE_S = 4.0
"""After so many seconds without an answer the registrar counts as lost (promise P4 asks for 5)."""
TELL_INBOUND_MS = 3000


class Standing(Struct, frozen=True):
    """How the line stands. `state`: registered, trying, failed, off; `reason` for IT; times ms UTC."""

    state: str
    reason: Sentence
    since: int
    inbound_at: int | None


class Registration:
    """One account at one registrar. `told` gets every change of standing; `way` gives the flow, or raises OSError.

    `fault` is what is wrong with the password's file, NOTHING where all is well; told when the registrar refuses us.
    """

    def __init__(
        self,
        settings: PhoneSettings,
        password: str,
        transactions: Transactions,
        way: Callable[[], Awaitable[Flow]],
        clock: Clock,
        token: Callable[[], str],
        told: Callable[[Standing], None],
        fault: Sentence = NOTHING,
    ) -> None:
        self._fault = fault
        self._settings, self._password, self._transactions, self._way = settings, password, transactions, way
        self._clock, self._token, self._told = clock, token, told
        self.standing = Standing("trying" if settings.registrar else "off", NOTHING, clock.now_ms(), None)
        self._call_id, self._tag, self._cseq = token(), token(), 0
        self._challenge: Challenge | None = None
        self._nonce_count = 0
        self._expires = settings.expires_s
        self._hurry = asyncio.Event()
        self._told_inbound = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Register and stay registered until `stop`."""
        if self._settings.registrar:
            self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._probe())]

    async def stop(self) -> None:
        """Sign off at the registrar if it answers within a second."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self.standing.state == "registered":
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(self._register(0), 1.0)
        self._stand("off", say("exchange.signed_off"))

    def inbound(self) -> None:
        """A request came in from the registrar: a call can, too."""
        now = self._clock.now_ms()
        self.standing = replace(self.standing, inbound_at=now)
        if now - self._told_inbound >= TELL_INBOUND_MS:
            self._told_inbound = now
            self._told(self.standing)

    def hurry(self) -> None:
        """Register again now."""
        self._hurry.set()

    def _stand(self, state: str, reason: Sentence) -> None:
        if (state, reason) != (self.standing.state, self.standing.reason):
            since = self._clock.now_ms() if state != self.standing.state else self.standing.since
            self.standing = Standing(state, reason, since, self.standing.inbound_at)
            log.info("registration: %s %s", state, english(reason))
            self._told(self.standing)

    async def _keep(self) -> None:
        failures = 0
        while True:
            wait = await self._once(failures)
            failures = 0 if self.standing.state == "registered" else failures + 1
            self._hurry.clear()
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hurry.wait()

    async def _once(self, failures: int) -> float:
        """Register once; how many seconds until the next time."""
        try:
            response = await self._register(self._expires)
        except OSError as error:
            said = str(error.strerror or error)
            self._stand("trying", say("exchange.unreachable", registrar=self._settings.registrar, error=said))
            return self._backoff(failures)
        if response is None:
            self._stand("trying", self._no_answer())
            return self._backoff(failures)
        if response.status < 300:
            self._stand("registered", NOTHING)
            granted = self._granted(response)
            return max(1.0, min(granted * 0.75, granted - PATIENCE_S - 1))
        if response.status == 423:
            least = response.first("min-expires")
            if least.isascii() and least.isdigit() and len(least) < 7 and int(least) > self._expires:
                self._expires = int(least)
                return 0.0
        refused = response.status in (401, 403, 404, 407)
        answer = f"{response.status} {plain(response.reason, 60)}"
        if refused:
            self._stand("failed", self._fault or say("exchange.refused", answer=answer))
            return 15.0
        self._stand("trying", say("exchange.can_not", answer=answer))
        return self._backoff(failures)

    def _no_answer(self) -> Sentence:
        return say("exchange.no_answer", registrar=self._settings.registrar)

    def _backoff(self, failures: int) -> float:
        """1, 2, then 4 s, each up to a quarter longer, so that desks don't come back in step."""
        jitter = int(self._token()[:2], 16) / 255
        return float(min(2**failures, 4)) * (1 + jitter / 4)

    def _granted(self, response: Message) -> float:
        """How long the registrar keeps our contact, seconds; the shortest it names."""
        named = [self._expires]
        for value in [response.first("expires"), *response.values("contact")]:
            text = value.lower().rpartition("expires=")[2].partition(";")[0].strip().strip('"')
            if text.isascii() and text.isdigit() and 0 < len(text) < 8:
                named.append(int(text))
        return float(max(min(named), 2))

    async def _register(self, expires: int) -> Message | None:
        flow = await self._way()
        host, port = flow.local
        transport = ";transport=tcp" if flow.name == "TCP" else ""
        contact = f"<sip:{self._settings.user}@{bracketed(host)}:{port}{transport}>;expires={expires}"
        domain = self._settings.aor.partition("@")[2]
        headers = [("Contact", contact), ("Expires", str(expires)), ("Allow", ALLOW), ("User-Agent", "Tahuri")]
        return await self._ask("REGISTER", f"sip:{domain}", self._call_id, self._tag, headers, flow)

    async def _probe(self) -> None:
        """Call ourselves through the registrar; no answer at all means that it is lost, long before a refresh would
        tell.
        """
        if not self._settings.probe_s:
            return
        while True:
            if self.standing.state == "registered":
                with contextlib.suppress(OSError):
                    flow = await self._way()
                    response = await self._ask("OPTIONS", self._settings.aor, self._token(), self._token(), [], flow)
                    if response is None and self.standing.state == "registered":
                        self._stand("trying", self._no_answer())
                        self.hurry()
            await asyncio.sleep(self._settings.probe_s if self.standing.state == "registered" else 0.2)

    async def _ask(
        self, method: str, target: str, call_id: str, from_tag: str, headers: Headers, flow: Flow
    ) -> Message | None:
        """One request to the registrar with its challenges answered; None when no answer comes."""
        for _ in range(3):
            response = await self._send(method, target, call_id, from_tag, headers, flow)
            if response is None or response.status not in (401, 407):
                return response
            challenge = read_challenge(response)
            if challenge is None or not self._password:
                return response
            if self._challenge is not None and challenge.nonce == self._challenge.nonce and not challenge.stale:
                return response  # this very nonce was answered and refused: the password is wrong
            if self._challenge is None or challenge.nonce != self._challenge.nonce:
                self._challenge, self._nonce_count = challenge, 0
        self._challenge = None
        return response

    async def _send(
        self, method: str, target: str, call_id: str, from_tag: str, headers: Headers, flow: Flow
    ) -> Message | None:
        self._cseq += 1
        aor = self._settings.aor
        whole: Headers = [("From", f"<{aor}>;tag={from_tag}"), ("To", f"<{aor}>"), ("Call-ID", call_id), *headers]
        if self._challenge is not None:
            self._nonce_count += 1
            value = credentials(
                self._challenge, self._settings.user, self._password, method, target, self._nonce_count, self._token()
            )
            whole.append((self._challenge.answer_header, value))
        done: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def answered(response: Message) -> None:
            if response.status >= 200 and not done.done():
                done.set_result(response)

        def timed_out() -> None:
            if not done.done():
                done.set_result(None)

        request = Outgoing(method, target, whole, self._cseq)
        self._transactions.send(request, flow, answered, timed_out, PATIENCE_S)
        return await done
