"""Desks and hub as processes of their own, a hand on each keyboard: what the demonstration and the flows act with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sync.replica.enrolling import join
from workstation import site
from workstation.app import build
from workstation.demo.sound import PulseServer
from workstation.demo.wire import Wire
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.settings import load
from workstation.signing import Key
from workstation.site import Code
from workstation.store import Store
from workstation.store.cipher import KEY_BYTES
from workstation.store.database import open_for_reading

T = TypeVar("T")
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


class NotInTime(Exception):
    """What was waited for did not come; the message names it."""


def until(clock: Clock, condition: Callable[[], T], deadline_s: float, what: str) -> T:
    """The first true value of `condition`; raises NotInTime naming `what` when the deadline passes."""
    end = clock.monotonic_s() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if clock.monotonic_s() > end:
            raise NotInTime(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.02)


def stands_in(words: str, text: str) -> bool:
    """Whether `text` has these words; a number at an end of them is a whole one: "0 unsent" is not in "10 unsent"."""
    return re.search(rf"(?<!\d){re.escape(words)}(?!\d)" if words else "", text) is not None


class DeskAtHand(Child):
    """One real desk with a hand on its keyboard (`workstation.demo.puppet`)."""

    def __init__(self, number: int, folder: Path, settings: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.folder = folder
        self._again = (settings, environment)
        arguments = [sys.executable, "-m", "workstation.demo.puppet", "--settings", str(settings)]
        super().__init__(f"desk-{number}", arguments, folder.parent, environment)

    def kill(self) -> DeskAtHand:
        """End the screen with SIGKILL, as a crash does, and start it anew; its engine is left alone."""
        self.process.kill()
        self.process.wait(10)
        self.stop()
        settings, environment = self._again
        return DeskAtHand(self.number, self.folder, settings, environment)

    def do(self, action: str, **words: object) -> dict[str, Any]:
        """One act of the hand or the eye; raises DeskStopped with what went wrong."""
        self.say({"do": action, **words})
        answer = self.line(30)
        if not answer.pop("ok"):
            raise DeskStopped(f"{self.name}: {action} {words}: {answer['error']}")
        return answer

    def key(self, *keys: str) -> int:
        """Press keys one after the other; gives when the last one went down, ms UTC by the desk's clock."""
        at = 0
        for one in keys:
            at = self.do("key", keys=one)["at"]
        return at

    def type(self, text: str) -> int:
        """Type letter by letter; gives when the last one went down, ms UTC by the desk's clock."""
        return int(self.do("type", text=text)["at"])

    def reads(self, *words: str) -> bool:
        """Whether all these words stand on the screen now, in its controls or its tables."""
        seen = self.do("see")
        text = "\n".join(" ".join(said) for said in seen["words"])
        text += "\n" + "\n".join(" ".join(row) for rows in seen["tables"].values() for row in rows)
        return all(stands_in(word, text) for word in words)

    def on_disk(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the desk's record, read by this process with the desk's key while the desk has it open."""
        db = open_for_reading(self.folder / "desk.db", bytes.fromhex((self.folder / "store.key").read_text()))
        try:
            return list(db.execute(query, values).fetchall())
        finally:
            db.close()

    def sealed(self, text: str) -> bool:
        """Whether `text` can't be found in the bytes of the record's files."""
        files = [self.folder / name for name in ("desk.db", "desk.db-wal", "engine.journal")]
        return all(text.encode() not in file.read_bytes() for file in files if file.exists())

    def grab(self, path: Path) -> str:
        self.do("grab", path=str(path))
        return str(path)


def _write_secret(path: Path, text: str) -> Path:
    """A file only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


@dataclass(frozen=True)
class Exchange:
    """The PBX a desk registers at: its own or Kamailio. `password` is this desk's."""

    host: str
    port: int
    domain: str
    user: str
    password: str


@dataclass
class Centre:
    """A hub, a cable to it for each desk, and the desks, all running."""

    folder: Path
    clock: Clock
    sound: PulseServer
    hub: Child
    cables: list[Wire]
    desks: list[DeskAtHand]

    def until(self, condition: Callable[[], T], deadline_s: float, what: str) -> T:
        """The first true value of `condition`; raises NotInTime naming `what` when the deadline passes."""
        return until(self.clock, condition, deadline_s, what)

    def see(self, desk: DeskAtHand, *words: str, within_s: float = 10) -> None:
        """Wait until all these words stand on a desk's screen; raises NotInTime."""
        self.until(lambda: desk.reads(*words), within_s, f"{desk.name} shows {', '.join(words)}")

    def sign_in(self) -> None:
        """Each operator at their own desk by keys, as soon as the roster has reached it."""
        for desk, name in zip(self.desks, OPERATORS, strict=True):
            self.see(desk, name, within_s=30)
            desk.key(str(desk.number + 1))  # 1 is the lead
            desk.type(PIN)
            desk.key("Return")
        for desk in self.desks:
            self.see(desk, "Siap menerima", within_s=20)

    def edit_landmark(self, desk: DeskAtHand, text: str) -> None:
        desk.key("Alt+P", "Ctrl+A")
        desk.type(text)
        desk.key("Return")

    def open_from_board(self, desk: DeskAtHand, landmark: str) -> None:
        desk.key("Alt+B", "Home", "Return")
        self.see(desk, landmark)

    def cut(self) -> None:
        """The cable is cut: both desks must say so by themselves."""
        for cable in self.cables:
            cable.cut()
        for desk in self.desks:
            self.see(desk, "putus", within_s=30)

    def mend(self) -> None:
        """The cable is back: nothing may stay unsent."""
        for cable in self.cables:
            cable.mend()
        for desk in self.desks:
            self.see(desk, "Server terhubung", "0 belum terkirim", within_s=60)

    def digests(self) -> dict[str, str]:
        """The state digest of each record, read by a third process from the files."""
        records = [f"{desk.folder / 'desk.db'}:{desk.folder / 'store.key'}" for desk in self.desks]
        records.append(f"{self.folder / 'hub' / 'hub.db'}:{self.folder / 'hub' / 'hub.db.key'}")
        command = [sys.executable, "-m", "workstation.demo.digests", *records]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        found: dict[str, str] = json.loads(told.stdout)
        return found

    def equal_digest(self) -> str:
        """The digest that both desks and the hub share, "" while they differ."""
        found = set(self.digests().values())
        return found.pop() if len(found) == 1 else ""


@contextlib.contextmanager
def open_centre(
    folder: Path, exchanges: Sequence[Exchange], sound: PulseServer, clock: Clock, ids: Ids
) -> Iterator[Centre]:
    """Start a hub, cables and a desk for each account; they are ended, by pid and in order, when the block is left."""
    with contextlib.ExitStack() as last:
        codes = _found_site(folder, len(exchanges), clock, ids)
        hub = Child("hub", _hub_command(folder), folder, dict(os.environ))
        last.callback(hub.stop)
        said = hub.line(20)
        while not said.get("ready"):
            said = hub.line(20)
        cables = [last.enter_context(Wire((said["host"], said["port"]), "https")) for _ in exchanges]
        desks: list[DeskAtHand] = []
        last.callback(_stop_all, desks)
        for number, (cable, exchange) in enumerate(zip(cables, exchanges, strict=True), 1):
            settings = _write_settings(folder, number, cable, exchange)
            _join(settings, codes[number - 1], clock, ids)
            environment = {**os.environ, **sound.environment}
            if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                environment["QT_QPA_PLATFORM"] = "offscreen"
            desks.append(DeskAtHand(number, folder / f"desk-{number}", settings, environment))
        for desk in desks:
            desk.line(60)
        yield Centre(folder, clock, sound, hub, cables, desks)


def _stop_all(desks: list[DeskAtHand]) -> None:
    """Tell every desk and its engine to quit, then make sure of it."""
    for desk in desks:
        with contextlib.suppress(OSError):
            desk.say({"do": "quit"})
    for desk in desks:
        desk.stop(ask=False)


def _hub_command(folder: Path) -> list[str]:
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


def _write_settings(folder: Path, number: int, cable: Wire, exchange: Exchange) -> Path:
    """A desk's settings as IT would write them; its secrets lie in files of their own."""
    secret = _write_secret(folder / f"desk-{number}.sip", exchange.password + "\n")
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

[lan]
interfaces = ["127.0.0.1"]

[phone]
registrars = ["{exchange.host}:{exchange.port}"]
domain = "{exchange.domain}"
user = "{exchange.user}"
secret_file = "{secret}"
bind = "127.0.0.1"
input = "microphone"
output = "headset{number}"
ring_outputs = ["headset{number}"]
"""
    path = folder / f"desk-{number}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _found_site(folder: Path, count: int, clock: Clock, ids: Ids) -> list[Code]:
    """What IT and the first lead do before anything starts: the site, its people, a one-time code for each desk."""
    path = folder / "hub" / "hub.db"
    path.parent.mkdir()
    key = ids.secret(KEY_BYTES)
    _write_secret(path.with_name(path.name + ".key"), key.hex() + "\n")
    site_key = Key(ids.secret(32))
    with Store.open(path, key, clock=clock, ids=ids, site="ambon") as log:
        site.found(log, site_key, "Hub", "hub", ids, clock.now_ms())
        for login, name, role in (("kepala1", "Kepala 1", "lead"), *_operators()):
            body = site.person_body(login, name, role, PIN, ids)
            log.append("person.enrolled", ids.uid(), body, signer=site_key).result(30)
        by = site.Signatory(site_key)
        invited = [
            site.invite(log, f"Meja {number}", "desk", by, site_key.public, ids, clock.now_ms())
            for number in range(1, count + 1)
        ]
    return [code for _, code in invited]


def _operators() -> list[tuple[str, str, str]]:
    return [(f"op{number}", name, "operator") for number, name in enumerate(OPERATORS, 1)]


def _join(settings: Path, code: Code, clock: Clock, ids: Ids) -> None:
    """What is typed once at a new desk, before its first start."""
    desktop = build(load(settings), clock, ids)
    try:
        asyncio.run(join(desktop.settings.hub.url, code, desktop.store, ids))
    finally:
        desktop.store.close()
        desktop.desk.close()
