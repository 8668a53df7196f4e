"""kill -9 of real processes under load: a desk that writes without a pause and its hub, again and again.

After each kill, what was acknowledged must be in the file of the one who acknowledged it, and the file whole; in the
end desk, hub and a second desk hold the same.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.sync.desks import KEY, Desk
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.store import check, read_digest, read_vector

ROOT: Final = Path(__file__).parents[2]
_NAME: Final = "AMB-1"
_LINES: Final = 60
"""A desk says so many lines at most before the next kill."""
_SETTLED_S: Final = 120.0


class Toll(Struct):
    """What a run of kills came to; `damaged` and `lost` are to stay 0."""

    desk: int = 0
    hub: int = 0
    acked: int = 0
    lost: int = 0
    damaged: int = 0
    divergent: int = 0

    @property
    def good(self) -> bool:
        return not (self.lost or self.damaged or self.divergent)


class Writer:
    """The desk's process, and what it has said so far; heard on a thread of its own, so that it never waits for us."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.saved = self.sent = self.lines = 0
        self._process: subprocess.Popen[str] | None = None
        self._hearer = threading.Thread()

    def start(self, url: str) -> None:
        arguments = [sys.executable, "-m", "tests.simulate.writer", str(self._folder), _NAME, url]
        with (self._folder / "writer.log").open("a") as log:
            self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        self._hearer = threading.Thread(target=self._hear, args=(self._process,), name="writer")
        self._hearer.start()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):  # the last one may be cut by the kill
                said = json.loads(line)
                self.saved, self.sent = max(self.saved, said["saved"]), max(self.sent, said["sent"])
                self.lines += 1

    def go_on(self, lines: int) -> None:
        """Until it has written so many times more. Raises AssertionError where it ends by itself."""
        until = self.lines + lines
        wait_until(lambda: self.lines >= until or not self._hearer.is_alive(), _SETTLED_S, what="the desk writes")
        assert self.lines >= until, f"the desk ended: {(self._folder / 'writer.log').read_text()[-2000:]}"

    def kill(self) -> None:
        """kill -9; what it had said before is heard to the end."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._hearer.join()
            assert process.stdout is not None
            process.stdout.close()


def play(kills: int, seed: int, say: Callable[[str], None] = lambda _text: None) -> Toll:
    """Kill one of the two so many times, at moments out of `seed`."""
    chance, toll = random.Random(seed), Toll()
    with tempfile.TemporaryDirectory(prefix="tahuri-kills-") as name:
        folder = Path(name)
        (folder / "hub").mkdir()
        with HubProcess(folder / "hub") as hub, Wire(hub.address) as wire:
            with Desk(folder, _NAME) as desk:
                desk.join(wire.url)
                replica = desk.store.replica
            writer = Writer(folder)
            try:
                writer.start(wire.url)
                for number in range(1, kills + 1):
                    writer.go_on(chance.randrange(1, _LINES))
                    if chance.random() < 0.5:
                        _of_the_desk(writer, folder, replica, toll)
                        writer.start(wire.url)
                    else:
                        _of_the_hub(writer, hub, replica, toll)
                        wire.retarget(hub.address)
                    if number % 25 == 0:
                        say(f"{number} of {kills} kills: {toll}")
            finally:
                writer.kill()
            toll.acked = writer.saved
            _in_the_end(folder, hub, wire, writer, replica, toll)
    return toll


def _of_the_desk(writer: Writer, folder: Path, replica: int, toll: Toll) -> None:
    toll.desk += 1
    writer.kill()
    record = folder / f"{_NAME}.db"
    toll.lost += max(0, writer.saved - read_vector(record, KEY).get(replica, 0))
    toll.damaged += bool(check.whole(record, KEY))


def _of_the_hub(writer: Writer, hub: HubProcess, replica: int, toll: Toll) -> None:
    toll.hub += 1
    hub.kill()
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    writer.go_on(2)  # what it says now is what the hub had told it to the last
    toll.lost += max(0, writer.sent - read_vector(hub.store, key).get(replica, 0))
    toll.damaged += bool(check.whole(hub.store, key))
    hub.start()


def _in_the_end(folder: Path, hub: HubProcess, wire: Wire, writer: Writer, replica: int, toll: Toll) -> None:
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    with Desk(folder, _NAME) as desk, Desk(folder, "AMB-2") as other:
        desk.connect(wire.url)
        other.connect(wire.url)
        wait_until(
            lambda: desk.store.unsent()[0] == 0 and desk.store.vector() == other.store.vector(), _SETTLED_S,
            what="all in step",
        )  # fmt: skip
        toll.lost += max(0, writer.saved - other.store.vector().get(replica, 0))
        toll.divergent += len({desk.store.digest(), other.store.digest(), read_digest(hub.store, key)}) - 1
