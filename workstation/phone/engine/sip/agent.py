"""The user agent: takes what the network brings, lets every INVITE of a trusted source ring, and answers strangers by
nothing.

Trusted are the registrar (address and port we register at) and the listed peers. A request within a dialog is taken
from anywhere: its tags can't be guessed.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from typing import Protocol

from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.domain.sentence import NOTHING, Sentence
from workstation.phone.meeting import PortTaken
from workstation.phone.settings import PhoneSettings, read_peer, split_host

from .ended import EndedCalls
from .flow import Flow, TcpFlow, UdpSocket
from .message import Message, has_tag, read, tag
from .registration import Registration, Standing
from .session import ALLOW, Owner, Session
from .transaction import ServerTransaction, Timers, Transactions

log = logging.getLogger("tahuri.phone")

SESSIONS_MOST = 200
"""Calls that ring or talk at once; beyond it one more is sent away (486)."""
CONNECTIONS_MOST = 32


class Listener(Owner, Protocol):
    """Who is told what comes in."""

    def rang(self, session: Session) -> None:
        """An INVITE rings; 180 is on its way."""

    def standing(self, standing: Standing) -> None:
        """The registration changed."""

    def scanner(self, source: str, method: str) -> None:
        """A stranger sent a request."""


class Agent:
    """One SIP user agent on one UDP and one TCP port."""

    def __init__(
        self,
        settings: PhoneSettings,
        password: str,
        clock: Clock,
        ids: Ids,
        listener: Listener,
        timers: Timers | None = None,
        fault: Sentence = NOTHING,
    ) -> None:
        self._settings, self._clock, self._ids, self._listener = settings, clock, ids, listener
        self.transactions = Transactions(self._token, timers)
        self._peers = [read_peer(peer) for peer in settings.peers]
        self._registrar: tuple[str, int] | None = None
        self._sessions: dict[tuple[str, str], Session] = {}
        self._ended = EndedCalls(self.transactions.timers.give_up)
        self._udp: UdpSocket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[TcpFlow] = set()
        self._outbound: TcpFlow | None = None
        self.registration = Registration(
            settings, password, self.transactions, self._way_to_registrar, clock, self._token, listener.standing, fault
        )

    async def start(self) -> None:
        """Open the port and begin to register. Raises PortTaken, and OSError when the address isn't ours."""
        try:
            self._udp = await UdpSocket.open(self._settings.bind, self._settings.port, self.receive)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTaken(error.errno, f"port {self._settings.port} is taken by another program") from error
        host, port = self._udp.local
        try:
            # A peer may send by TCP what doesn't fit a datagram (RFC 3261 section 18.1.1).
            self._server = await asyncio.get_running_loop().create_server(self._connection, host, port)
        except OSError as error:
            log.warning("no TCP on %s:%d: %s", host, port, error)
        self.registration.start()

    @property
    def local(self) -> tuple[str, int]:
        assert self._udp is not None
        return self._udp.local

    async def stop(self) -> None:
        """Sign off, close the ports, stop every timer."""
        await self.registration.stop()
        self.transactions.stop()
        self._ended.clear()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        await asyncio.sleep(0)

    # ---------------------------------------------------------------- what comes in
    def receive(self, data: bytes, flow: Flow) -> None:
        """One datagram, or one message of a connection."""
        message = read(data)
        if message is None:
            return
        if not message.is_request:
            self.transactions.response(message)
            return
        dialog = message.call_id, tag(message.first("to"))
        session = self._sessions.get(dialog) or self._ended.get(dialog)
        if not self._trusted(flow) and session is None:
            self._listener.scanner(f"{flow.peer[0]}:{flow.peer[1]}", message.method[:20])
            return
        self.registration.inbound()
        if message.method == "ACK":
            self._ack(message, session)
        elif message.complete:
            self._request(message, flow, session)
        elif message.first("via"):
            transaction = self.transactions.server(message, flow)
            if transaction is not None:
                transaction.respond(400)

    def _ack(self, message: Message, session: Session | None) -> None:
        refused = self.transactions.invite_of(message)
        if refused is not None and refused.final >= 300:
            refused.take_ack()
        elif session is not None:
            session.acknowledged(message)

    def _request(self, message: Message, flow: Flow, session: Session | None) -> None:
        merged = (
            message.method == "INVITE"
            and self.transactions.invite_of(message) is None
            and self.transactions.merged(message)
        )
        transaction = self.transactions.server(message, flow)
        if transaction is None:
            return
        if message.version != "2.0":
            transaction.respond(505)
        elif merged:
            transaction.respond(482)
        elif message.method == "CANCEL":
            self._cancel(transaction)
        elif session is not None:
            session.request(transaction)
        elif message.method == "INVITE" and not tag(message.first("to")):
            self._invite(transaction)
        elif has_tag(message.first("to")) and message.method != "OPTIONS":
            transaction.respond(481)
        elif message.method in ("OPTIONS", "NOTIFY"):
            transaction.respond(200, [("Allow", ALLOW), ("Accept", "application/sdp, multipart/mixed")])
        else:
            transaction.respond(405, [("Allow", ALLOW)])

    def _invite(self, transaction: ServerTransaction) -> None:
        if len(self._sessions) >= SESSIONS_MOST:
            log.error("more than %d calls at once: one is sent away", SESSIONS_MOST)
            transaction.respond(486)
            return
        number = int.from_bytes(self._ids.secret(4), "big")
        user, join = self._settings.user, self._settings.join_header
        session = Session(self.transactions, transaction, self._listener, self._flow_to, user, join, number)
        self._sessions[session.call_id, session.local_tag] = session
        session.ring()
        self._listener.rang(session)

    def _cancel(self, transaction: ServerTransaction) -> None:
        invite = self.transactions.invite_of(transaction.request)
        if invite is None:
            transaction.respond(481)
            return
        transaction.to_tag = invite.to_tag
        transaction.respond(200)
        session = self._sessions.get((invite.request.call_id, invite.to_tag))
        if session is not None and not invite.final:
            session.cancelled(transaction.request)

    def forget(self, session: Session) -> None:
        """The session is over; late requests to it are still answered for as long as a peer may repeat them."""
        self._sessions.pop((session.call_id, session.local_tag), None)
        self._ended.keep(session)

    # ---------------------------------------------------------------- whom we know, and how to reach them
    def _trusted(self, flow: Flow) -> bool:
        host, port = flow.peer
        known = self._registrar
        if known is not None and host == known[0] and (flow.reliable or port == known[1]):
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network and (not p or flow.reliable or p == port) for network, p in self._peers)

    async def _way_to_registrar(self) -> Flow:
        host, port = split_host(self._settings.registrar, 5060)
        family = socket.AF_INET6 if ":" in self._settings.bind else socket.AF_INET
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        peer = (str(found[0][4][0]), int(found[0][4][1]))
        self._registrar = peer
        assert self._udp is not None
        if self._settings.transport == "udp":
            return self._udp.flow(peer)
        outbound = self._outbound
        if outbound is None or not outbound.is_open or outbound.peer != peer:
            connect = asyncio.get_running_loop().create_connection(self._connection, *peer)
            outbound = (await asyncio.wait_for(connect, 4.0))[1]
            self._outbound = outbound
        return Reachable(outbound, self.local)

    def _connection(self) -> TcpFlow:
        flow = TcpFlow(self._from_connection, self._connection_lost)
        self._connections.add(flow)
        return flow

    def _from_connection(self, data: bytes, flow: Flow) -> None:
        if not isinstance(flow, TcpFlow):
            return
        if len(self._connections) > CONNECTIONS_MOST and not self._trusted(flow):
            flow.close()
            return
        self.receive(data, Reachable(flow, self.local))

    def _connection_lost(self, flow: TcpFlow) -> None:
        self._connections.discard(flow)
        if flow is self._outbound:
            self._outbound = None
            self.registration.hurry()

    def _flow_to(self, uri: str, otherwise: Flow) -> Flow:
        """The flow to a URI's host where that is an IP address and UDP serves; else the way the call came."""
        if otherwise.reliable or self._udp is None:
            return otherwise
        rest = uri.partition(":")[2].rpartition("@")[2].partition(";")[0].partition("?")[0]
        try:
            host, port = split_host(rest, 5060)
            ipaddress.ip_address(host)
        except ValueError:
            return otherwise
        return self._udp.flow((host, port))

    def _token(self) -> str:
        return self._ids.secret(12).hex()


class Reachable:
    """A TCP connection that names our listening port in Via and Contact, not the port it happens to have."""

    reliable = True
    name = "TCP"

    def __init__(self, connection: TcpFlow, listening: tuple[str, int]) -> None:
        self._connection = connection
        self.peer = connection.peer
        self.local = (connection.local[0], listening[1])

    def send(self, data: bytes) -> None:
        self._connection.send(data)

    def at_port(self, port: int) -> Reachable:
        return self
