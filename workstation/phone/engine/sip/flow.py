"""Where bytes come from and go to: one UDP socket for everything, or one TCP connection to the registrar and those that
come in.

Source: RFC 3261 section 18. TLS comes with its own certificates and checks and is not here yet.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from typing import Protocol, cast

from .message import MESSAGE_MOST

log = logging.getLogger("tahuri.phone")

Address = tuple[str, int]
Received = Callable[[bytes, "Flow"], None]


class Flow(Protocol):
    """A way to one peer. `reliable`: no retransmission is needed."""

    @property
    def peer(self) -> Address: ...
    @property
    def local(self) -> Address: ...
    @property
    def reliable(self) -> bool: ...
    @property
    def name(self) -> str: ...

    def send(self, data: bytes) -> None:
        """Hand bytes to the network; what can't be sent is logged and left to the timers."""

    def at_port(self, port: int) -> Flow:
        """The same peer at another port; a connection stays what it is."""


class UdpFlow:
    """One peer of the UDP socket."""

    reliable = False
    name = "UDP"

    def __init__(self, owner: UdpSocket, peer: Address) -> None:
        self._socket = owner
        self.peer = peer

    @property
    def local(self) -> Address:
        return own_host(self._socket.local[0], self.peer), self._socket.local[1]

    def send(self, data: bytes) -> None:
        self._socket.send(data, self.peer)

    def at_port(self, port: int) -> UdpFlow:
        return self if port == self.peer[1] else UdpFlow(self._socket, (self.peer[0], port))


def own_host(bound: str, peer: Address) -> str:
    """The address a peer reaches us by, where the socket is bound to all of them."""
    if bound not in ("0.0.0.0", "::"):
        return bound
    with socket.socket(socket.AF_INET6 if ":" in peer[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(peer)  # UDP: asks the routing table, sends nothing
        except OSError:
            return bound
        return str(probe.getsockname()[0])


class UdpSocket(asyncio.DatagramProtocol):
    """The one UDP socket of the user agent; a fault in a handler is logged and counted, never ends it."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None
        self.local: Address = ("", 0)
        self.faults = 0

    @staticmethod
    async def open(host: str, port: int, received: Received) -> UdpSocket:
        """Bind; raises OSError (port in use, no such address)."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        _, protocol = await loop.create_datagram_endpoint(
            lambda: UdpSocket(received), local_addr=(host, port), family=family
        )
        return protocol

    def flow(self, peer: Address) -> UdpFlow:
        return UdpFlow(self, peer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class isn't derived from it
        self.local = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            self._received(data, UdpFlow(self, (addr[0], addr[1])))
        except Exception:
            self.faults += 1
            log.exception("a datagram from %s was not handled", addr[0])

    def error_received(self, exc: Exception) -> None:
        log.debug("UDP: %s", exc)

    def send(self, data: bytes, peer: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            try:
                self._transport.sendto(data, peer)
            except OSError as error:
                log.warning("nothing goes out to %s:%s: %s", peer[0], peer[1], error)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?:^|\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,8})[ \t]*\r?(?=\n|$)", re.IGNORECASE)


class TcpFlow(asyncio.Protocol):
    """One TCP connection; messages are framed strictly by Content-Length (RFC 3261 section 18.3)."""

    reliable = True
    name = "TCP"

    def __init__(self, received: Received, lost: Callable[[TcpFlow], None]) -> None:
        self._received, self._lost = received, lost
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.peer: Address = ("", 0)
        self.local: Address = ("", 0)
        self.faults = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = transport.get_extra_info("peername")[:2]
        self.local = transport.get_extra_info("sockname")[:2]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._one():
                pass
        except Exception:
            self.faults += 1
            log.exception("what %s sent was not handled", self.peer[0])
        if len(self._buffer) > 2 * MESSAGE_MOST:
            log.warning("%s sent a message longer than %d bytes: connection closed", self.peer[0], 2 * MESSAGE_MOST)
            self.close()

    def _one(self) -> bool:
        stripped = self._buffer.lstrip(b"\r\n")
        if len(self._buffer) - len(stripped) >= 4:
            self.send(b"\r\n")  # RFC 5626 section 3.5.1: the answer to a ping
        self._buffer = stripped
        end = _HEAD_END.search(self._buffer)
        if end is None:
            return False
        length = _LENGTH.search(self._buffer[: end.start()])
        if length is None:
            log.warning("%s sent a message without a sound Content-Length: connection closed", self.peer[0])
            self._buffer = b""
            self.close()
            return False
        size = end.end() + int(length[1])
        if size > len(self._buffer):
            if size > MESSAGE_MOST:
                self._buffer = b""
                self.close()
            return False
        frame, self._buffer = self._buffer[:size], self._buffer[size:]
        self._received(frame, self)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def at_port(self, port: int) -> TcpFlow:
        return self

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
