"""How fast a call rings: INVITE to 180, to the event at the desk's line, to the painted form (not with `--no-form`).

Caller, engine and desk are processes of their own, as they are in a centre. In the same run a bare UDP echo in a third
process answers a datagram of the same size: what the machine itself takes for the way there and back.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.machine import percentile
from tests.phone.desk import Told, desk
from tests.phone.raw import Raw, free_port
from tests.waiting import wait_until
from workstation.app import phone_settings
from workstation.demo.desks import Child
from workstation.domain.hlc import SystemClock
from workstation.phone import meeting, wire
from workstation.phone.engine.media import MediaSession
from workstation.phone.engine.media.unheard import Unheard
from workstation.phone.settings import PhoneSettings
from workstation.settings import load

TARGETS = {"invite_to_180_p99_ms": 20.0, "invite_to_form_p99_ms": 100.0, "packet_gap_p99_ms": 25.0}
GAP_S = 0.3
WARM = 5
"""The first calls warm caches nobody starts a day with."""
_ECHO = "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('127.0.0.1',int(sys.argv[1])))\n" \
    "while 1:\n d,a=s.recvfrom(65535);s.sendto(d,a)"  # fmt: skip
PACKETS = 500
# What the machine itself gives: a loop that does nothing but sleep until each 20 ms are over, as a pacing thread must.
_PACE = f"""
import time
from workstation.phone.engine.media import pacing
with pacing.precise():
    due = last = time.monotonic()
    gaps = []
    for _ in range({PACKETS}):
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))
        last, before = time.monotonic(), last
        gaps.append(last - before)
print(*gaps)
"""


def run(argv: Sequence[str]) -> dict[str, Any]:
    """Figures of ringing over UDP; times in ms."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench phone")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--form", action=argparse.BooleanOptionalAction, default=True, help="to the painted form too")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write down where the screen's time goes, too")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tahuri-bench-") as folder:
        return _run(Path(folder), args.calls, args.form, args.profile)


def _run(folder: Path, calls: int, form: bool, profile: Path | None = None) -> dict[str, Any]:
    port = free_port()
    settings, file = _settings(folder, port)
    took = Took()
    with contextlib.ExitStack() as stack:
        # With a screen, the screen alone says what is stored.
        told = stack.enter_context(desk(settings, ack=not form))
        profiled = [str(profile.absolute()), str(calls + WARM)] if profile else []
        screen = stack.enter_context(_screen(file, profiled)) if form else None
        echo = stack.enter_context(_echo())
        arrivals: dict[str, float] = {}
        _note_arrivals(told, arrivals)
        for number in range(calls + WARM):
            with Raw(port) as raw:
                one = _one(raw, told, arrivals, screen, echo)
            if number >= WARM:
                took.add(one)
            time.sleep(GAP_S)
        cpu_s = _cpu_s(folder)
    gaps = _gaps()
    figures: dict[str, Any] = {
        "calls": calls,
        "transport": "UDP",
        "invite_to_180": _spread(took.rung),
        "invite_to_event_at_the_line": _spread(took.told),
        "event_includes": "journal record encrypted and on disk (fsync)",
        "engine_cpu_s_in_all": cpu_s,
        "gap_between_sent_packets": gaps,
        "peer": {"what": "bare UDP echo in a process of its own, same bytes, same run", **_spread(took.echo)},
        "ratio_p50_to_peer": round(percentile(took.rung, 0.5) / percentile(took.echo, 0.5), 1),
        "targets": TARGETS,
        "met": {
            "invite_to_180_p99_ms": percentile(took.rung, 0.99) * 1000 <= TARGETS["invite_to_180_p99_ms"],
            "packet_gap_p99_ms": gaps["p99_ms"] <= TARGETS["packet_gap_p99_ms"],
        },
    }
    if screen is not None:
        figures["invite_to_painted_ring"] = _spread(took.ring)
        figures["invite_to_form"] = _spread(took.form)
        figures["form_includes"] = "offer.rang committed (encrypted, fsync), read back, painted offscreen"
        figures["met"]["invite_to_form_p99_ms"] = percentile(took.form, 0.99) * 1000 <= TARGETS["invite_to_form_p99_ms"]
    return figures


@dataclass(slots=True)
class Took:
    """Seconds from each INVITE; `echo` is the round trip of as many bytes."""

    rung: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    ring: list[float] = field(default_factory=list)
    form: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)

    def add(self, other: Took) -> None:
        for name in ("rung", "told", "ring", "form", "echo"):
            getattr(self, name).extend(getattr(other, name))


def _settings(folder: Path, port: int) -> tuple[PhoneSettings, Path]:
    """The engine's settings and the desk's file they come from: the same, or the screen would replace the engine."""
    file = folder / "settings.toml"
    file.write_text(
        f'[store]\nfolder = "{folder / "desk"}"\nkey = "file"\n'
        f'[phone]\nuser = "desk1"\nbind = "127.0.0.1"\nport = {port}\npeers = ["127.0.0.1"]\n'
    )
    return phone_settings(load(file)), file


@contextlib.contextmanager
def _screen(file: Path, profiled: Sequence[str] = ()) -> Iterator[Child]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    arguments = [sys.executable, "-m", "tests.bench._form", str(file), *profiled]
    child = Child("screen", arguments, file.parent, environment)
    try:
        child.line(30)
        yield child
    finally:
        child.stop()


def _note_arrivals(told: Told, arrivals: dict[str, float]) -> None:
    """Note when the line calls the desk; on the line's own thread, before anything else is done with the event."""
    keep = told.line._on_event

    def at_once(event: wire.Event) -> None:
        if isinstance(event, wire.Ringing):
            arrivals[event.sip_call_id] = time.perf_counter()
        keep(event)

    told.line._on_event = at_once


def _one(raw: Raw, told: Told, arrivals: dict[str, float], screen: Child | None, echo: socket.socket) -> Took:
    took = Took()
    call = raw.dialog()
    invite = call.invite(["P-Asserted-Identity: <tel:+628114701122>", "Resource-Priority: esnet.0", "Supported: timer"])
    start = time.perf_counter()
    raw.send(invite)
    ring = raw.until("SIP/2.0 180")
    took.rung.append(time.perf_counter() - start)
    took.told.append(wait_until(lambda: arrivals.get(call.call_id, 0.0), 5) - start)
    if screen is not None:
        seen = screen.line(10)
        took.ring.append(seen["ring"] - start)
        took.form.append(seen["form"] - start)
    call.learn(ring)
    raw.send(call.next("BYE"))
    raw.until("SIP/2.0 200")
    wait_until(lambda: not told.line.calls, 5)
    start = time.perf_counter()
    echo.send(invite)
    echo.recv(65535)
    took.echo.append(time.perf_counter() - start)
    return took


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


def _gaps() -> dict[str, float]:
    """Time between packets sent by a session in this process, and between the turns of a bare loop in another, ms."""
    clock = SystemClock()
    session = MediaSession("127.0.0.1", clock)
    with subprocess.Popen([sys.executable, "-c", _PACE], stdout=subprocess.PIPE, text=True) as bare:
        try:
            session.start("127.0.0.1", free_port(), 8, Unheard(clock))
            wait_until(lambda: session.stats().sent >= PACKETS, PACKETS * 0.02 + 30, every_s=0.2, what="packets")
            sent_ms = session.stats().send_gap_p99_ms
        finally:
            session.stop()
        loop = [float(word) for word in bare.communicate(timeout=60)[0].split()]
    return {"p99_ms": round(sent_ms, 2), "bare_loop_p99_ms": round(percentile(loop, 0.99) * 1000, 2)}


def _answers(sock: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        sock.send(b"?")
        return bool(sock.recv(10))
    return False


def _spread(seconds: list[float]) -> dict[str, float]:
    """p50, p99 and the worst, ms."""
    at = {"p50_ms": percentile(seconds, 0.5), "p99_ms": percentile(seconds, 0.99), "max_ms": max(seconds)}
    return {name: round(value * 1000, 3) for name, value in at.items()}


def _cpu_s(folder: Path) -> float:
    """CPU the engine has used, s (Linux; 0 elsewhere)."""
    runtime = meeting.read_runtime(folder / "desk")
    if runtime is None or not Path("/proc").exists():
        return 0.0
    words = Path(f"/proc/{runtime.pid}/stat").read_text().rpartition(")")[2].split()
    return round((int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), 2)
