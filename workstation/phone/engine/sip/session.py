"""One caller's INVITE and the dialog that grows out of it, seen from the desk (RFC 3261 sections 12 to 15, RFC
3264).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Protocol

from .address import plain, read_address, read_caller, read_dialled
from .body import contents
from .flow import Flow
from .message import Message, tag
from .sdp import Agreed, Stream, agree, read_sdp, write_answer, write_offer
from .transaction import Headers, Outgoing, ServerTransaction, Transactions, bracketed

log = logging.getLogger("tahuri.phone")

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY, PRACK"
_ELSEWHERE = re.compile(r"cause\s*=\s*200\b|completed elsewhere|answered elsewhere", re.IGNORECASE)
_Q850_ELSEWHERE = re.compile(r"q\.850\b.*?cause\s*=\s*26\b", re.IGNORECASE)


def answered_elsewhere(request: Message) -> bool:
    """Whether the Reason header says that another desk took the call (RFC 3326; Q.850 cause 26 as Asterisk sends
    it).
    """
    return any(_ELSEWHERE.search(v[:500]) or _Q850_ELSEWHERE.search(v[:500]) for v in request.all("reason")[:8])


class Owner(Protocol):
    """Who is told what happens to a session."""

    def agreed(self, session: Session, agreed: Agreed) -> None:
        """Media may flow, or flows otherwise than before."""

    def ended(self, session: Session, reason: str, detail: str) -> None:
        """The session is over, told exactly once; `reason` as in the op `offer.ended`."""


class Session:
    """An INVITE that rings here. `state`: ringing, accepted (200 sent), talking (ACK is here), ended."""

    def __init__(
        self,
        transactions: Transactions,
        transaction: ServerTransaction,
        owner: Owner,
        flow_to: Callable[[str, Flow], Flow],
        own_user: str,
        join_header: str,
        number: int,
    ) -> None:
        self._transactions, self._transaction, self._owner, self._flow_to = transactions, transaction, owner, flow_to
        self._own_user = own_user
        request = transaction.request
        self._flow = transaction.flow
        self.call_id, self.local_tag, self.remote_tag = request.call_id, transaction.to_tag, tag(request.first("from"))
        self._local = f"{request.first('to')};tag={self.local_tag}"
        self._remote = request.first("from")
        self._target = self._contact_of(request) or f"sip:{bracketed(self._flow.peer[0])}:{self._flow.peer[1]}"
        self._routes = request.values("record-route")
        self._remote_cseq, self._local_cseq = request.cseq[0], 0
        self.state = "ringing"
        self.caller = read_caller(request)
        self.dialled = read_dialled(request, own_user)
        self.key = plain(request.first(join_header.lower()), 128) if join_header else ""
        sdp, self.location = contents(request)
        self._streams: list[Stream] = read_sdp(sdp)
        self._number, self._version = number, 0
        self._media: tuple[str, int] = ("", 0)
        self._current: Agreed | None = None
        self._wait_for_answer = False
        self._our_hold = False
        self._asking = False
        self._bye_on_ack = False
        self._hold_changed = False
        transaction.when_unacknowledged(self._no_ack)

    @property
    def peer(self) -> tuple[str, int]:
        """Where the INVITE came from."""
        return self._flow.peer

    @property
    def shown_call_id(self) -> str:
        """The Call-ID as text for the record."""
        return plain(self.call_id, 256)

    # ---------------------------------------------------------------- what the desk does
    def ring(self) -> None:
        """Tell the caller that it rings here."""
        self._transaction.respond(180, self._contact())

    def accept(self, host: str, port: int) -> bool:
        """Take the call: `host` and `port` are where our RTP listens. False when no codec fits (488; `ended` is
        told).
        """
        if self.state != "ringing":
            return False
        self._media = (host, port)
        headers = [*self._contact(), ("Content-Type", "application/sdp")]
        if not self._streams:
            self.state = "accepted"
            self._wait_for_answer = True
            self._transaction.respond(200, headers, write_offer(host, port, self._number, self._version, "sendrecv"))
            return True
        found = agree(self._streams)
        if found is None:
            self._transaction.respond(488)
            self._end("failed", "no codec in common")
            return False
        self.state = "accepted"
        place, self._current = found
        self._transaction.respond(
            200, headers, write_answer(self._streams, place, self._current, host, port, self._number, self._version)
        )
        self._owner.agreed(self, self._current)
        return True

    def refuse(self, status: int, reason: str, detail: str = "") -> None:
        """Let it ring no longer; 486 sends the caller on to the next desk, 603 would end the call for all."""
        if self.state == "ringing":
            self._transaction.respond(status)
            self._end(reason, detail)

    def hang_up(self, reason: str = "desk_hung_up", detail: str = "") -> None:
        """End the call whatever its state."""
        if self.state == "ringing":
            self.refuse(486, "refused")
        elif self.state != "ended":
            # A BYE must not overtake the ACK (RFC 3261 section 15); the desk is free at once all the same.
            self._bye_on_ack = self.state == "accepted"
            if not self._bye_on_ack:
                self._send("BYE")
            self._end(reason, detail)

    def hold(self, on: bool) -> None:
        """Let the caller wait, or talk on: a re-INVITE with another direction.

        Media is stopped by whoever calls this.
        """
        self._our_hold = on
        self._hold_changed = True
        if self.state == "talking" and not self._asking:
            self._reinvite()

    # ---------------------------------------------------------------- what the caller does
    def cancelled(self, request: Message) -> None:
        """A CANCEL for this INVITE."""
        if self.state == "ringing":
            self._transaction.respond(487)
            self._end("answered_elsewhere" if answered_elsewhere(request) else "cancelled", "CANCEL")

    def acknowledged(self, request: Message) -> None:
        """The ACK to our 200, perhaps with the answer to our offer."""
        self._transaction.take_ack()
        if self.state == "ended":
            if self._bye_on_ack:
                self._bye_on_ack = False
                self._send("BYE")
            return
        if self.state == "accepted":
            self.state = "talking"
        if self._wait_for_answer:
            self._wait_for_answer = False
            self._take_answer(request)
        if self._hold_changed and self.state == "talking" and not self._asking:
            self._reinvite()

    def request(self, transaction: ServerTransaction) -> None:
        """Any other request within the dialog."""
        request = transaction.request
        number, method = request.cseq[0], request.method
        if number < self._remote_cseq and method != "PRACK":
            transaction.respond(500)
            return
        self._remote_cseq = max(number, self._remote_cseq)
        if method == "BYE":
            transaction.respond(200)
            self._bye(request)
        elif self.state == "ended":
            transaction.respond(481)
        elif method in ("INVITE", "UPDATE"):
            self._changed(transaction)
        elif method in ("OPTIONS", "INFO", "NOTIFY", "PRACK", "MESSAGE"):
            transaction.respond(200, [("Allow", ALLOW)])
        else:
            transaction.respond(501 if method != "REFER" else 603, [("Allow", ALLOW)])

    def _bye(self, request: Message) -> None:
        if self.state == "ringing":
            self._transaction.respond(487)
            self._end("answered_elsewhere" if answered_elsewhere(request) else "cancelled", "BYE")
        else:
            self._end("caller_hung_up", "BYE")

    def _changed(self, transaction: ServerTransaction) -> None:
        """A re-INVITE or UPDATE: another address, another direction, or just a sign of life."""
        request = transaction.request
        if self._asking or (self.state != "talking" and not request.body):
            transaction.respond(491)
            return
        self._target = self._contact_of(request) or self._target
        streams = read_sdp(contents(request)[0])
        if self.state == "ringing":
            transaction.respond(491)
            return
        if request.method == "INVITE":
            self._adopt(transaction)
        host, port = self._media
        headers = [*self._contact(), ("Content-Type", "application/sdp")]
        if not streams:
            if request.method == "UPDATE":
                transaction.respond(200, self._contact())
                return
            self._version += 1
            self._wait_for_answer = True
            way = "sendonly" if self._our_hold else "sendrecv"
            transaction.respond(200, headers, write_offer(host, port, self._number, self._version, way, self._current))
            return
        found = agree(streams, self._our_hold)
        if found is None:
            transaction.respond(488)
            return
        place, self._current = found
        self._version += 1
        transaction.respond(
            200, headers, write_answer(streams, place, self._current, host, port, self._number, self._version)
        )
        self._owner.agreed(self, self._current)

    def _adopt(self, transaction: ServerTransaction) -> None:
        """From here on ACKs belong to this re-INVITE."""
        self._transaction = transaction
        transaction.when_unacknowledged(self._no_ack)

    def _take_answer(self, request: Message) -> None:
        found = agree(read_sdp(contents(request)[0]), self._our_hold)
        if found is None:
            self.hang_up("failed", "the caller's ACK brought no usable answer")
            return
        self._current = found[1]
        self._owner.agreed(self, self._current)

    def _no_ack(self) -> None:
        if self.state != "ended":
            self._send("BYE")
            self._end("failed", "the answer was never acknowledged")

    # ---------------------------------------------------------------- our own requests
    def _reinvite(self) -> None:
        self._asking, self._hold_changed = True, False
        self._version += 1
        host, port = self._media
        way = "sendonly" if self._our_hold else "sendrecv"
        body = write_offer(host, port, self._number, self._version, way, self._current)
        self._send("INVITE", body, self._reinvite_answered)

    def _reinvite_answered(self, response: Message) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            self._ack(response)
        if not self._asking or self.state == "ended":
            return
        self._asking = False
        if response.status < 300:
            self._target = self._contact_of(response) or self._target
            found = agree(read_sdp(contents(response)[0]), self._our_hold)
            if found is not None:
                self._current = found[1]
                self._owner.agreed(self, self._current)
        elif response.status in (408, 481):
            self._end("lost", f"the caller's side answered {response.status}")
            return
        else:
            log.info("hold was answered %d; the caller waits by our silence alone", response.status)
        if self._hold_changed:
            self._reinvite()

    def _ack(self, response: Message) -> None:
        """The ACK to a 200, a transaction of its own (RFC 3261 section 13.2.2.4)."""
        flow, target, routes = self._way()
        headers = [*routes, ("From", self._local), ("To", self._remote), ("Call-ID", self.call_id)]
        outgoing = Outgoing("ACK", target, headers, response.cseq[0])
        flow.send(outgoing.packed(f"z9hG4bK{self._number:x}a{response.cseq[0]}", flow))

    def _send(self, method: str, body: bytes = b"", answered: Callable[[Message], None] | None = None) -> None:
        flow, target, routes = self._way()
        self._local_cseq += 1
        headers: Headers = [
            *routes, ("From", self._local), ("To", self._remote), ("Call-ID", self.call_id),
            *self._contact(), ("User-Agent", "Tahuri"),
        ]  # fmt: skip
        if body:
            headers.append(("Content-Type", "application/sdp"))
        outgoing = Outgoing(method, target, headers, self._local_cseq, body)
        self._transactions.send(outgoing, flow, answered or (lambda _: None), self._unanswered)

    def _unanswered(self) -> None:
        if self._asking:
            self._asking = False
            self._end("lost", "the caller's side doesn't answer")

    def _way(self) -> tuple[Flow, str, Headers]:
        """Flow, Request-URI and Route headers of our next request (RFC 3261 section 12.2.1.1)."""
        if not self._routes:
            return self._flow_to(self._target, self._flow), self._target, []
        first = read_address(self._routes[0]).uri
        if re.search(r";\s*lr\b", first, re.IGNORECASE):
            return self._flow_to(first, self._flow), self._target, [("Route", route) for route in self._routes]
        strict = [*self._routes[1:], f"<{self._target}>"]
        return self._flow_to(first, self._flow), first, [("Route", route) for route in strict]

    def _contact(self) -> Headers:
        host, port = self._flow.local
        transport = ";transport=tcp" if self._flow.name == "TCP" else ""
        return [("Contact", f"<sip:{self._own_user or 'desk'}@{bracketed(host)}:{port}{transport}>"), ("Allow", ALLOW)]

    def _contact_of(self, message: Message) -> str:
        uri = read_address((message.values("contact") or [""])[0]).uri
        return uri if uri.lower().startswith(("sip:", "sips:")) else ""

    def _end(self, reason: str, detail: str) -> None:
        if self.state != "ended":
            self.state = "ended"
            self._owner.ended(self, reason, detail)
