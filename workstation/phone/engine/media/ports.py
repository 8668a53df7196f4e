"""A pair of UDP ports for one call: RTP on an even number, RTCP on the next (RFC 3550 section 11)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

_TRIES = 64


def bind_pair(local_host: str, ports: range | None = None) -> tuple[socket.socket, socket.socket]:
    """Two bound, non-blocking UDP sockets (RTP, RTCP) on `local_host`; within `ports` where the site's firewall
    wants a range.

    Raises OSError with a sentence naming the host and the range when no pair is free.
    """
    family = socket.AF_INET6 if ":" in local_host else socket.AF_INET
    candidates: Iterable[int] = [0] * _TRIES if ports is None else (p for p in ports if p % 2 == 0 and p + 1 in ports)
    reason: OSError | None = None
    for candidate in candidates:
        try:
            return _pair_at(family, local_host, candidate)
        except OSError as error:
            reason = error
    where = f"{local_host}" + (f" ports {ports.start}-{ports.stop - 1}" if ports is not None else "")
    raise OSError(f"no free pair of UDP ports for RTP on {where}: {reason}")


def _pair_at(family: socket.AddressFamily, host: str, port: int) -> tuple[socket.socket, socket.socket]:
    with contextlib.ExitStack() as undo:
        rtp = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        rtp.bind((host, port))
        number = rtp.getsockname()[1]
        if number % 2:
            raise OSError(f"port {number} is odd")
        rtcp = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        rtcp.bind((host, number + 1))
        for sock in (rtp, rtcp):
            sock.setblocking(False)
        undo.pop_all()
        return rtp, rtcp
