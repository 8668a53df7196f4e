"""The stage of the demonstration: a folder with the hub, two cables, the PBX, the sound server and two desks."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.sound import PulseServer, pulse
from tests.peers.wire import Wire
from workstation.app import build
from workstation.demo.pbx import Pbx
from workstation.demo.report import Report
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.service import people
from workstation.settings import load

PIN = "112112"
OPERATORS = ("Operator 1", "Operator 2")


class DeskStopped(Exception):
    """A desk or the hub ended by itself; the end of its log is in the message."""


class Child:
    """A process of the stage that speaks JSON lines: started, asked, ended by its own pid."""

    def __init__(self, name: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._log = (folder / f"{name}.log").open("ab")
        self._log_path = folder / f"{name}.log"
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
            bufsize=1,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name=f"{name}-reader", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self, deadline_s: float) -> dict[str, Any]:
        """The next JSON object it says; raises DeskStopped when it ends or stays silent."""
        try:
            said = self._lines.get(timeout=deadline_s)
        except queue.Empty:
            raise DeskStopped(f"{self.name} said nothing for {deadline_s:.0f} s: {self.end_of_log()}") from None
        if not said:
            raise DeskStopped(f"{self.name} ended with {self.process.wait(5)}: {self.end_of_log()}")
        answer: dict[str, Any] = json.loads(said)
        return answer

    def say(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def end_of_log(self) -> str:
        self._log.flush()
        return self._log_path.read_text(errors="replace")[-1500:]

    def stop(self, ask: bool = True) -> None:
        if self.process.poll() is None:
            if ask:
                self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(8)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self._log):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class DeskAtHand(Child):
    """One real desk with a hand on its keyboard (`workstation.demo.puppet`)."""

    def __init__(self, number: int, folder: Path, settings: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.folder = folder
        arguments = [sys.executable, "-m", "workstation.demo.puppet", "--settings", str(settings)]
        super().__init__(f"desk-{number}", arguments, folder.parent, environment)

    def do(self, action: str, **words: object) -> dict[str, Any]:
        """One act of the hand or the eye; raises DeskStopped with what went wrong."""
        self.say({"do": action, **words})
        answer = self.line(30)
        if not answer.pop("ok"):
            raise DeskStopped(f"{self.name}: {action} {words}: {answer['error']}")
        return answer

    def key(self, *keys: str) -> None:
        for one in keys:
            self.do("key", keys=one)

    def type(self, text: str) -> None:
        self.do("type", text=text)

    def see(self) -> dict[str, Any]:
        return self.do("see")

    def grab(self, path: Path) -> str:
        self.do("grab", path=str(path))
        return str(path)


@dataclass
class Stage:
    """Everything that runs, for the play to act on."""

    folder: Path
    clock: Clock
    ids: Ids
    sound: PulseServer
    pbx: Pbx
    hub: Child
    cables: list[Wire]
    desks: list[DeskAtHand]

    @property
    def hub_store(self) -> Path:
        return self.folder / "hub" / "hub.db"

    @property
    def hub_key(self) -> Path:
        return self.folder / "hub" / "hub.db.key"


def _write_secret(path: Path, text: str) -> Path:
    """A file only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


@contextlib.contextmanager
def set_stage(folder: Path, report: Report, clock: Clock, ids: Ids) -> Iterator[Stage]:
    """Start everything in `folder`, and end it when the block is left, by pid and in order."""
    with contextlib.ExitStack() as last:
        sound = last.enter_context(pulse(("headset1", "headset2")))
        with report.step("hub") as facts:
            hub = Child("hub", _hub_command(folder), folder, dict(os.environ))
            last.callback(hub.stop)
            said = hub.line(20)
            while not said.get("ready"):
                said = hub.line(20)
            cables = [last.enter_context(Wire((said["host"], said["port"]))) for _ in OPERATORS]
            facts["url"] = said["url"]
        passwords = {f"meja{number}": ids.secret(12).hex() for number in (1, 2)}
        pbx = Pbx(passwords, clock=clock, ids=ids)
        pbx.start()
        last.callback(pbx.stop)
        desks = []
        for number in range(1, len(OPERATORS) + 1):
            settings = _write_settings(folder, number, cables[number - 1], pbx, passwords[f"meja{number}"])
            if number == 1:
                _enrol(settings, clock, ids)
            environment = {**os.environ, **sound.environment}
            if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                environment["QT_QPA_PLATFORM"] = "offscreen"
            desk = DeskAtHand(number, folder / f"desk-{number}", settings, environment)
            last.callback(desk.stop, ask=False)
            desks.append(desk)
        for desk in desks:
            desk.line(30)
        yield Stage(folder, clock, ids, sound, pbx, hub, cables, desks)
        for desk in desks:
            desk.say({"do": "quit"})


def _hub_command(folder: Path) -> list[str]:
    (folder / "hub").mkdir()
    store = folder / "hub" / "hub.db"
    return [
        sys.executable,
        "-m",
        "sync.hub",
        "--listen",
        "127.0.0.1:0",
        "--store",
        f"sqlite:///{store}",
        "--site",
        "ambon",
        "--json",
    ]


def _write_settings(folder: Path, number: int, cable: Wire, pbx: Pbx, password: str) -> Path:
    """A desk's settings as IT would write them; its secrets lie in files of their own."""
    secret = _write_secret(folder / f"desk-{number}.sip", password + "\n")
    text = f"""
[desk]
name = "Meja {number}"
prefix = "AMB-{number}"
site = "ambon"

[store]
folder = "{folder / f"desk-{number}"}"
key = "file"

[hub]
url = "{cable.url}"
token_file = "{folder / "hub" / "hub.db.token"}"

[phone]
registrars = ["{pbx.host}:{pbx.port}"]
domain = "{pbx.domain}"
user = "meja{number}"
secret_file = "{secret}"
bind = "127.0.0.1"
input = "microphone"
output = "headset{number}"
ring_outputs = ["headset{number}"]
"""
    path = folder / f"desk-{number}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _enrol(settings: Path, clock: Clock, ids: Ids) -> None:
    """Write the roster into the first desk's record, as a lead does at the counter; the hub brings it to the other."""
    desktop = build(load(settings), clock, ids)
    try:
        people.enrol(desktop.desk, "kepala1", "Kepala 1", "lead", PIN).result(30)
        people.sign_in(desktop.desk, "kepala1", PIN).result(30)
        for number, name in enumerate(OPERATORS, 1):
            people.enrol(desktop.desk, f"op{number}", name, "operator", PIN).result(30)
        people.sign_out(desktop.desk).result(30)
    finally:
        desktop.store.close()
        desktop.desk.close()
