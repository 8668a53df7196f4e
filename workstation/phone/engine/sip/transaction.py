"""SIP transactions: who retransmits what and when it is given up (RFC 3261 section 17, RFC 6026).

Matching needs only raw text (top Via branch and sent-by, Call-ID, From tag, CSeq), so an odd header elsewhere never
costs an answer, a CANCEL or an ACK.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from .flow import Flow
from .message import Message, Via, has_tag, respond, stamped, tag, top_via, write

Headers = list[tuple[str, str]]
MAGIC = "z9hg4bk"
OPEN_MOST = 4000
"""Transactions kept at once; beyond it new requests get no answer."""


class Timers(Struct, frozen=True):
    """RFC 3261 table 4, seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        return 64 * self.t1


class _Clockwork:
    """Retransmission and the end of one transaction."""

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None

    def repeat(self, send: Callable[[], None], wait: float, most: float) -> None:
        """Call `send` after `wait`, then at doubled intervals of at most `most` seconds."""
        self.rest()

        def fire() -> None:
            send()
            self.repeat(send, min(2 * wait, most), most)

        self._again = self._loop.call_later(wait, fire)

    def rest(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def end_after(self, wait: float, end: Callable[[], None]) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = self._loop.call_later(wait, end)

    def stop(self) -> None:
        self.rest()
        if self._end is not None:
            self._end.cancel()
            self._end = None


class ServerTransaction:
    """One request that came in and its answers."""

    def __init__(self, layer: Transactions, key: str, request: Message, via: Via, flow: Flow, to_tag: str) -> None:
        self._layer, self.key, self.request, self._via, self.flow = layer, key, request, via, flow
        # Without rport the answer goes to the port the Via names (RFC 3261 section 18.2.2), else to where it came from.
        self._reply = flow if via.rport else flow.at_port(via.port)
        self.to_tag = tag(request.first("to")) or to_tag
        self._clockwork = _Clockwork(layer.timers)
        self._last = b""
        self.final = 0
        self.acknowledged = False
        self._unacknowledged: Callable[[], None] | None = None

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"

    def respond(self, status: int, headers: Headers | None = None, body: bytes = b"") -> None:
        """Send a response; after a final one nothing more is sent but its repetition."""
        if self.final:
            return
        via = stamped(self._via, *self.flow.peer)
        self._last = respond(self.request, status, self.to_tag if status > 100 else "", via, headers, body)
        self._reply.send(self._last)
        if status >= 200:
            self.final = status
            self._finish(status)

    def when_unacknowledged(self, call: Callable[[], None]) -> None:
        """Call when a 200 to an INVITE is never acknowledged (RFC 3261 section 13.3.1.4)."""
        self._unacknowledged = call

    def _finish(self, status: int) -> None:
        timers = self._layer.timers
        if not self.is_invite:
            self._clockwork.end_after(0 if self.flow.reliable else timers.give_up, self._gone)  # timer J
            return
        if status < 300 or not self.flow.reliable:
            # Timer G; a 200 is repeated on every transport, since the ACK comes from the far end.
            self._clockwork.repeat(self.again, timers.t1, timers.t2)
        self._clockwork.end_after(timers.give_up, self._never_acknowledged)  # timers H and L

    def again(self) -> None:
        """The request came again, or the ACK doesn't come: say the last answer again."""
        if self._last:
            self._reply.send(self._last)

    def take_ack(self) -> None:
        """The ACK is here."""
        if not self.acknowledged:
            self.acknowledged = True
            self._clockwork.rest()
            self._clockwork.end_after(0 if self.flow.reliable else self._layer.timers.t4, self._gone)  # timer I

    def _never_acknowledged(self) -> None:
        self._gone()
        if self.final < 300 and self._unacknowledged is not None:
            self._unacknowledged()

    def _gone(self) -> None:
        self.stop()
        self._layer.forget(self.key)

    def stop(self) -> None:
        self._clockwork.stop()


class ClientTransaction:
    """One request of ours and what comes back. `answered` gets every response but 100; `timed_out` ends it
    otherwise.
    """

    def __init__(
        self,
        layer: Transactions,
        request: Outgoing,
        branch: str,
        flow: Flow,
        answered: Callable[[Message], None],
        timed_out: Callable[[], None],
        patience: float,
    ) -> None:
        self._layer, self.request, self.branch, self.flow = layer, request, branch, flow
        self._answered, self._timed_out = answered, timed_out
        self._data = request.packed(branch, flow)
        self._clockwork = _Clockwork(layer.timers)
        self._final = False
        self._ack = b""
        timers = layer.timers
        flow.send(self._data)
        if not flow.reliable:
            most = timers.give_up if request.method == "INVITE" else timers.t2
            self._clockwork.repeat(lambda: flow.send(self._data), timers.t1, most)  # timers A and E
        self._clockwork.end_after(patience or timers.give_up, self._give_up)  # timers B and F

    def take(self, response: Message) -> None:
        """A response that belongs here; repetitions of the final one are acknowledged and go no further."""
        if self.request.method == "INVITE" and response.status >= 100:
            self._clockwork.rest()
        if self._final:
            if self._ack:
                self.flow.send(self._ack)
            elif response.status >= 200 and self.request.method == "INVITE":
                self._answered(response)  # a 200 again: the dialog sends its ACK again
            return
        if response.status >= 200:
            self._final = True
            self._clockwork.rest()
            if self.request.method == "INVITE" and response.status >= 300:
                self._ack = self.request.ack(response, self.branch, self.flow)
                self.flow.send(self._ack)
            wait = self._layer.timers.give_up if self.request.method == "INVITE" else self._layer.timers.t4
            self._clockwork.end_after(0 if self.flow.reliable and self._ack else wait, self._gone)  # timers D and K
        if response.status > 100:
            self._answered(response)

    def _give_up(self) -> None:
        self._gone()
        if not self._final:
            self._final = True
            self._timed_out()

    def _gone(self) -> None:
        self.stop()
        self._layer.forget(self.branch)

    def stop(self) -> None:
        self._clockwork.stop()


class Outgoing(Struct, frozen=True):
    """A request of ours before it has a branch.

    `headers` hold From, To, Call-ID and what the method needs beyond Via and CSeq.
    """

    method: str
    target: str
    headers: Headers
    cseq: int
    body: bytes = b""

    def packed(self, branch: str, flow: Flow) -> bytes:
        head = [("Via", via_line(branch, flow)), ("Max-Forwards", "70"), ("CSeq", f"{self.cseq} {self.method}")]
        return write(f"{self.method} {self.target} SIP/2.0", head + self.headers, self.body)

    def ack(self, response: Message, branch: str, flow: Flow) -> bytes:
        """The ACK to a refused INVITE: same branch, To of the response (RFC 3261 section 17.1.1.3)."""
        kept = [(n, v) for n, v in self.headers if n in ("From", "Call-ID", "Route")]
        head = [("Via", via_line(branch, flow)), ("Max-Forwards", "70"), ("CSeq", f"{self.cseq} ACK")]
        return write(f"ACK {self.target} SIP/2.0", [*head, *kept, ("To", response.first("to"))])


def via_line(branch: str, flow: Flow) -> str:
    host, port = flow.local
    return f"SIP/2.0/{flow.name} {bracketed(host)}:{port};rport;branch={branch}"


def bracketed(host: str) -> str:
    """A host as URIs and Via write it."""
    return f"[{host}]" if ":" in host else host


class Transactions:
    """All transactions of the user agent. `token` gives unguessable text for branches and tags."""

    def __init__(self, token: Callable[[], str], timers: Timers | None = None) -> None:
        self.timers = timers or Timers()
        self._token = token
        self._server: dict[str, ServerTransaction] = {}
        self._client: dict[str, ClientTransaction] = {}
        self.dropped = 0

    def server(self, request: Message, flow: Flow) -> ServerTransaction | None:
        """A new transaction for `request`; None when it is a repetition (answered here) or there are too many."""
        via = top_via(request)
        key = _key(request, via, request.method)
        known = self._server.get(key)
        if known is not None:
            known.again()
            return None
        if len(self._server) >= OPEN_MOST:
            self.dropped += 1
            return None
        made = ServerTransaction(self, key, request, via, flow, self._token())
        self._server[key] = made
        return made

    def invite_of(self, request: Message) -> ServerTransaction | None:
        """The INVITE that a CANCEL, or an ACK to a refusal, belongs to."""
        return self._server.get(_key(request, top_via(request), "INVITE"))

    def merged(self, request: Message) -> bool:
        """Whether the same request is here already by another way (RFC 3261 section 8.2.2.2)."""
        if has_tag(request.first("to")):
            return False
        same = (request.call_id, tag(request.first("from")), request.cseq)
        return any(
            (t.request.call_id, tag(t.request.first("from")), t.request.cseq) == same for t in self._server.values()
        )

    def send(
        self,
        request: Outgoing,
        flow: Flow,
        answered: Callable[[Message], None],
        timed_out: Callable[[], None],
        patience: float = 0.0,
    ) -> ClientTransaction:
        """Send a request; `patience` seconds stand for timers B and F where given."""
        branch = f"z9hG4bK{self._token()}"
        made = ClientTransaction(self, request, branch, flow, answered, timed_out, patience)
        self._client[branch] = made
        return made

    def response(self, response: Message) -> bool:
        """Give a response to the request it answers; False when there is none."""
        known = self._client.get(top_via(response).branch)
        if known is None or known.request.method != response.cseq[1]:
            return False
        known.take(response)
        return True

    def forget(self, key: str) -> None:
        self._server.pop(key, None)
        self._client.pop(key, None)

    def stop(self) -> None:
        """Stop every timer; nothing is sent any more."""
        for answered in self._server.values():
            answered.stop()
        for asked in self._client.values():
            asked.stop()
        self._server.clear()
        self._client.clear()


def _key(request: Message, via: Via, method: str) -> str:
    if via.branch.lower().startswith(MAGIC):
        return f"{via.branch}|{via.sent_by}|{method}"
    # A caller from before RFC 3261 (section 17.2.3): the parts that a repetition, a CANCEL and an ACK share.
    return f"{request.call_id}|{tag(request.first('from'))}|{request.cseq[0]}|{via.sent_by}|{method}"
