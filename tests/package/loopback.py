"""Runs a command in a network of nothing but loopback: `unshare --net python3 tests/package/loopback.py COMMAND …`.

A new network namespace has its `lo` down, and a bare system has no `ip` to raise it. Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def raise_loopback() -> None:
    """Set `lo` up. Raises OSError where the right to do so is missing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def others() -> list[str]:
    """Names of interfaces beyond loopback; anything here means that this is no closed network."""
    return [name for _, name in socket.if_nameindex() if name != "lo"]


if __name__ == "__main__":
    if others():
        sys.exit(f"not a network of its own: {', '.join(others())}")
    raise_loopback()
    os.execvp(sys.argv[1], sys.argv[1:])
