"""How fast a call rings: INVITE to 180, to the event at the desk's line, and (`--form`) to the painted form.

Caller, engine and desk are processes of their own, as they are in a centre. In the same run a bare UDP echo in a third
process answers a datagram of the same size: what the machine itself takes for the way there and back.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.machine import percentile
from tests.phone.desk import Told, desk, settings_for
from tests.phone.raw import Raw, free_port
from tests.waiting import wait_until
from workstation.phone import meeting, wire

TARGETS = {"invite_to_180_p99_ms": 20.0, "invite_to_form_p99_ms": 100.0}
GAP_S = 0.02
_ECHO = "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('127.0.0.1',int(sys.argv[1])))\n" \
    "while 1:\n d,a=s.recvfrom(65535);s.sendto(d,a)"  # fmt: skip

Painted = Callable[[str, float], float]
"""Waits until the form of the call with this Call-ID is painted, at most so many seconds; the moment on
`time.perf_counter`.
"""


def run(argv: Sequence[str]) -> dict[str, Any]:
    """Figures of ringing over UDP; times in ms."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench phone")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--form", action="store_true", help="also to the painted form, by tests.ui.painted")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tahuri-bench-") as folder:
        return _run(Path(folder), args.calls, args.form)


def _run(folder: Path, calls: int, form: bool) -> dict[str, Any]:
    port = free_port()
    settings = settings_for(folder, port=port, peers=("127.0.0.1",))
    rung: list[float] = []
    told_after: list[float] = []
    painted_after: list[float] = []
    echoes: list[float] = []
    with contextlib.ExitStack() as stack:
        # The screen of `tests.ui.painted` has a line of its own to the same engine, so the engine must be up before.
        told = stack.enter_context(desk(settings))
        painted: Painted | None = None
        if form:
            painted = stack.enter_context(importlib.import_module("tests.ui.painted").painted(settings))
        echo = stack.enter_context(_echo())
        arrivals: dict[str, float] = {}
        _note_arrivals(told, arrivals)
        for number in range(calls + 5):
            with Raw(port) as raw:
                figures = _one(raw, told, arrivals, painted)
                back = _round_trip(echo, figures[3])
            if number >= 5:  # the first ones warm caches nobody starts a day with
                rung.append(figures[0])
                told_after.append(figures[1])
                painted_after += figures[2]
                echoes.append(back)
            time.sleep(GAP_S)
        cpu_s = _cpu_s(folder)
    out: dict[str, Any] = {
        "calls": calls,
        "transport": "UDP",
        "invite_to_180": _spread(rung),
        "invite_to_event_at_the_line": _spread(told_after),
        "event_includes": "journal record encrypted and on disk (fsync)",
        "engine_cpu_s_in_all": cpu_s,
        "peer": {"what": "bare UDP echo in a process of its own, same bytes, same run", **_spread(echoes)},
        "ratio_p50_to_peer": round(percentile(rung, 0.5) / percentile(echoes, 0.5), 1),
        "targets": TARGETS,
        "met": {"invite_to_180_p99_ms": percentile(rung, 0.99) * 1000 <= TARGETS["invite_to_180_p99_ms"]},
    }
    if painted_after:
        out["invite_to_form"] = _spread(painted_after)
        out["met"]["invite_to_form_p99_ms"] = percentile(painted_after, 0.99) * 1000 <= TARGETS["invite_to_form_p99_ms"]
    return out


def _note_arrivals(told: Told, arrivals: dict[str, float]) -> None:
    """Note when the line calls the desk; on the line's own thread, before anything else is done with the event."""
    keep = told.line._on_event

    def at_once(event: wire.Event) -> None:
        if isinstance(event, wire.Ringing):
            arrivals[event.sip_call_id] = time.perf_counter()
        keep(event)

    told.line._on_event = at_once


def _one(
    raw: Raw, told: Told, arrivals: dict[str, float], painted: Painted | None
) -> tuple[float, float, list[float], bytes]:
    call = raw.dialog()
    invite = call.invite(["P-Asserted-Identity: <tel:+628114701122>", "Resource-Priority: esnet.0", "Supported: timer"])
    start = time.perf_counter()
    raw.send(invite)
    ring = raw.until("SIP/2.0 180")
    rung = time.perf_counter() - start
    told_after = wait_until(lambda: arrivals.get(call.call_id), 5) - start  # type: ignore[operator]
    seen = [painted(call.call_id, 5.0) - start] if painted is not None else []
    call.learn(ring)
    raw.send(call.next("BYE"))
    raw.until("SIP/2.0 200")
    wait_until(lambda: not told.line.calls, 5)
    return rung, told_after, seen, invite


@contextlib.contextmanager
def _echo() -> Iterator[socket.socket]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _ECHO, str(port)])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.2)
    sock.connect(("127.0.0.1", port))
    try:
        wait_until(lambda: _answers(sock), 10, what="the echo answers")
        yield sock
    finally:
        sock.close()
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(sock: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        sock.send(b"?")
        return bool(sock.recv(10))
    return False


def _round_trip(sock: socket.socket, data: bytes) -> float:
    start = time.perf_counter()
    sock.send(data)
    sock.recv(65535)
    return time.perf_counter() - start


def _spread(seconds: list[float]) -> dict[str, float]:
    """p50, p99 and the worst, ms."""
    at = {"p50_ms": percentile(seconds, 0.5), "p99_ms": percentile(seconds, 0.99), "max_ms": max(seconds)}
    return {name: round(value * 1000, 3) for name, value in at.items()}


def _cpu_s(folder: Path) -> float:
    """CPU the engine has used, s (Linux; 0 elsewhere)."""
    runtime = meeting.read_runtime(folder)
    if runtime is None or not Path("/proc").exists():
        return 0.0
    words = Path(f"/proc/{runtime.pid}/stat").read_text().rpartition(")")[2].split()
    return round((int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), 2)
