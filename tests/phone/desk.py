"""A desk's telephone under test: the real line, the real engine in its own process, the events it told."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.peers.registrar import Pbx
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.rows import PhoneState
from workstation.phone import meeting, wire
from workstation.phone.line import Line
from workstation.phone.settings import PhoneSettings

E = TypeVar("E")
KEY = bytes(range(32))


def settings_for(
    folder: Path, pbx: Pbx | None = None, user: str = "desk1", secret: str = "uji-desk1", **more: Any
) -> PhoneSettings:
    """Settings of a desk at `pbx` (None: a line without a registrar) with no sound card."""
    given: dict[str, Any] = {"data_dir": str(folder), "bind": "127.0.0.1", "null_audio": True}
    if pbx is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "secret"
        file.write_text(secret + "\n")
        file.chmod(0o600)
        given |= {
            "registrars": (f"{pbx.host}:{pbx.port}",),
            "domain": pbx.domain,
            "user": user,
            "secret_file": str(file),
        }
    return PhoneSettings(**(given | more))


class Told:
    """A line and everything it told."""

    def __init__(
        self, settings: PhoneSettings, key: bytes = KEY, ack: bool = True, command: Sequence[str] = ()
    ) -> None:
        self.events: list[wire.Event] = []
        self.states: list[PhoneState] = []
        self._ack = ack
        self.line = Line(
            settings, key, clock=SystemClock(), on_event=self._event, on_state=self.states.append, command=command
        )

    def _event(self, event: wire.Event) -> None:
        self.events.append(event)
        if self._ack:
            self.line.ack(event.n)

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(self, kind: type[E], deadline_s: float = 10.0, count: int = 1, **fields: Any) -> E:
        """The `count`th event of this kind with these fields."""

        def look() -> list[E]:
            found = [e for e in self.all(kind) if all(getattr(e, k) == v for k, v in fields.items())]
            return found[count - 1 : count]

        return wait_until(look, deadline_s, what=f"{kind.__name__} {fields} among {self.events[-8:]}")[0]

    def registered(self) -> None:
        wait_until(lambda: self.line.state.line == "registered", 10, what=f"registered; {self.line.state}")


@contextlib.contextmanager
def desk(settings: PhoneSettings, key: bytes = KEY, ack: bool = True) -> Iterator[Told]:
    """A desk that is up; at the end its engine is told to quit, and killed by its pid where it doesn't."""
    told = Told(settings, key, ack)
    told.line.start()
    try:
        wait_until(lambda: told.all(wire.Hello), 15, what="the engine answers")
        yield told
    finally:
        end(told, Path(settings.data_dir))


def end(told: Told, folder: Path) -> None:
    runtime = meeting.read_runtime(folder)
    told.line.quit_engine()
    if runtime is not None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not alive(runtime.pid), 5, what="the engine has ended")
        if alive(runtime.pid):
            os.kill(runtime.pid, signal.SIGKILL)
            raise AssertionError(f"the engine had to be killed: {engine_log(folder)}")


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def engine_log(folder: Path) -> str:
    file = folder / meeting.LOG_FILE
    return file.read_text(errors="replace")[-3000:] if file.exists() else ""
