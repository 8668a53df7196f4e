"""What a test must leave as it found it: threads, processes, Qt timers, the log, and the network beyond loopback.

`tests/conftest.py` applies these to every test. Each function here is also tested by itself in `tests/house`.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Every process started by the tests inherits this, so that one which left our process tree is still known as ours.
TOKEN = "TAHURI_TEST_RUN"

#: Processes of Python itself that live as long as the interpreter does.
_INTERPRETER_OWN = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")

_GRACE_S = float(os.environ.get("TAHURI_TEST_GRACE_S", "3"))


class OutsideLoopback(Exception):
    """A test tried to reach an address beyond this machine."""


def mark_processes() -> None:
    """Give this run its token; call it once, before any test starts a process."""
    os.environ.setdefault(TOKEN, uuid.uuid4().hex)


def settled(look: Callable[[], Iterable[object]], grace_s: float = _GRACE_S) -> list[object]:
    """What `look` still finds after `grace_s`; empty as soon as it finds nothing."""
    end = time.monotonic() + grace_s
    while True:
        found = list(look())
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.01)


def threads() -> set[threading.Thread]:
    """Threads alive now."""
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _parent_and_state(pid: int) -> tuple[int, str]:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0, "X"
    return int(after_name[1]), after_name[0]


def command_line(pid: int) -> str:
    """What a process was started as, for a message."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def processes() -> set[int]:
    """Pids of running processes that are ours: descendants of this one, and any that carries this run's token."""
    if not sys.platform.startswith("linux"):
        return set()
    parents: dict[int, int] = {}
    ended: set[int] = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            pid = int(name)
            parents[pid], state = _parent_and_state(pid)
            if state in "ZX":
                ended.add(pid)
    token = f"{TOKEN}={os.environ.get(TOKEN, '')}".encode()
    me = os.getpid()
    ancestors = {me}
    above = me
    while (above := parents.get(above, 0)) > 0:
        ancestors.add(above)

    def below_me(pid: int) -> bool:
        while pid > 1:
            pid = parents.get(pid, 0)
            if pid == me:
                return True
        return False

    ours = set()
    for pid in parents.keys() - ended - ancestors:
        if below_me(pid) or token in _environment(pid).split(b"\0"):
            ours.add(pid)
    return {pid for pid in ours if not any(own in _raw_command(pid) for own in _INTERPRETER_OWN)}


def _raw_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def running_timers() -> dict[int, object]:
    """Active QTimers by identity; empty where Qt was never loaded."""
    core = sys.modules.get("PySide6.QtCore")
    shiboken = sys.modules.get("shiboken6")
    if core is None or shiboken is None:
        return {}
    # What was told to delete itself later dies now, with its timers.
    if core.QCoreApplication.instance() is not None:
        core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete.value)
    # Shiboken's own list of what lives: a look at every object of the collector costs each test a tenth of a second.
    return {
        id(thing): thing
        for thing in shiboken.getAllValidWrappers()
        if isinstance(thing, core.QTimer) and thing.isActive()
    }


class LoudLines(logging.Handler):
    """Collects log lines of WARNING and above."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def unexpected(self, expected: Iterable[str]) -> list[str]:
        """Lines that contain none of the `expected` pieces."""
        pieces = tuple(expected)
        return [line for line in self.lines if not any(piece in line for piece in pieces)]

    def missing(self, expected: Iterable[str]) -> list[str]:
        """The `expected` pieces no line contains."""
        return [piece for piece in expected if not any(piece in line for line in self.lines)]


@contextmanager
def loud_lines() -> Iterator[LoudLines]:
    """Collect WARNING and above from every logger while the block runs."""
    handler = LoudLines()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)


MDNS = "224.0.0.251"
"""Where desks of one network look for each other (RFC 6762, section 3)."""


def _is_loopback(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _stays_here(sock: object, host: object) -> bool:
    """Whether this is multicast of the link that leaves by the loopback interface."""
    if not isinstance(sock, socket.socket) or sock.family != socket.AF_INET or host != MDNS:
        return False
    by = sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
    return ipaddress.IPv4Address(by).is_loopback


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        sock, address = arguments
        if getattr(sock, "family", None) not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        host = address[0]
        if _stays_here(sock, host):
            return
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        raise OutsideLoopback(f"{event} to {host!r}: a test speaks to loopback only")


_guarding = False


def guard_network() -> None:
    """From now on, an address that is not loopback raises OutsideLoopback in this process. It can't be taken back."""
    global _guarding
    if not _guarding:
        _guarding = True
        sys.addaudithook(_guard)
