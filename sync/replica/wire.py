"""The sockets under the link's HTTP: asyncio's own streams, which leave nothing open wherever a session is cancelled.

httpcore's connections over anyio lose a socket that is cancelled between its connection and the end of its TLS
handshake; a link is cancelled whenever the watchdog, a neighbour that falls silent or the end of the desk says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

Failure = type[Exception]


class Transport(httpx.AsyncHTTPTransport):
    """What httpx sends by. `context` None: plain HTTP, or a public authority's certificates."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(verify=context if context is not None else True, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, keepalive_expiry=5.0, network_backend=_Sockets())


class _Sockets(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(host, port)
        return _Stream(reader, writer)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _told(httpcore.WriteTimeout, httpcore.WriteError):
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raw = self._writer.transport
        try:
            with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException:
            raw.abort()
            raise
        return self

    async def aclose(self) -> None:
        # The goodbye of TLS is not waited for: a peer that is gone never says it. What is still on its way to a slow
        # one is dropped, or it would hold up what comes behind.
        sock = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):  # one that is gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # the pool asks of an idle connection whether its peer has left
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info("ssl_object") if info == "ssl_object" else None


@contextlib.contextmanager
def _told(late: Failure, broken: Failure) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, EOFError) as error:
        raise broken(str(error)) from error
