"""Programs of others as children: started, watched, ended by pid, with what they said kept in a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from workstation.demo.waiting import wait_until

T = TypeVar("T")


class PeerMissing(AssertionError):
    """A program the tests stand on is not installed: a failure with its remedy, never a skip."""


class PeerFailed(AssertionError):
    """A program ended, or did not become ready; the end of its log is in the message."""


#: Where each program comes from on Debian and Ubuntu.
PACKAGES = {
    "kamailio": "kamailio",
    "sipp": "sip-tester",
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "parec": "pulseaudio-utils",
    "pacat": "pulseaudio-utils",
    "espeak-ng": "espeak-ng",
}


def program(name: str) -> str:
    """Full path of an installed program; raises PeerMissing with the package to install."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise PeerMissing(f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}")
    return path


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port nobody had a moment ago; who uses it tries again with another when it is taken meanwhile."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Running:
    """A started program: its pid, its log, whether it still runs."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self, last: int = 2000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-last:] if self.log.exists() else ""

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def ready(self, condition: Callable[[], T], deadline_s: float, what: str) -> T:
        """Wait until `condition` holds; raises PeerFailed at once when the program ends first."""

        def look() -> T:
            value = condition()
            if not value and self.ended() is not None:
                raise PeerFailed(f"{self.name} ended with {self.ended()} before {what}: {self.said()}")
            return value

        try:
            return wait_until(look, deadline_s, what=f"{self.name}: {what}")
        except PeerFailed:
            raise
        except AssertionError as late:
            raise PeerFailed(f"{late}: {self.said()}") from None

    def stop(self, ask: signal.Signals = signal.SIGTERM, grace_s: float = 5.0) -> int:
        """End it and every child it made (they are a process group of their own)."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(ask)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


@contextlib.contextmanager
def running(
    name: str,
    arguments: Sequence[str],
    run_dir: Path,
    *,
    environment: Mapping[str, str] | None = None,
    ask: signal.Signals = signal.SIGTERM,
) -> Iterator[Running]:
    """Start program `name`; its output goes to `run_dir/name.log`; it is ended when the block is left."""
    run_dir.mkdir(parents=True, exist_ok=True)
    log = run_dir / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [program(name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=run_dir,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    child = Running(name, process, log)
    try:
        yield child
    finally:
        child.stop(ask)
