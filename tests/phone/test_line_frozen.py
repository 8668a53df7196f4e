"""An engine that stands still or is gone holds nothing up and gets nothing meant for another (promise P3)."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.phone.desk import KEY, Told, alive, settings_for
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.phone import meeting, wire
from workstation.phone.line import WAITING_MOST, Line


@pytest.mark.promise("P3")
@pytest.mark.expected_log("takes no commands")
def test_the_screen_lets_go_of_an_engine_that_stands_still(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    told = Told(settings_for(folder))
    told.line.start()
    pid = told.wait(wire.Hello, deadline_s=15).pid
    os.kill(pid, signal.SIGSTOP)
    try:
        # More than socket and queue take together: the last ones are turned away, not waited for.
        for _ in range(4 * WAITING_MOST):
            told.line.hold()
        stopping = threading.Thread(target=told.line.stop, daemon=True)
        stopping.start()
        stopping.join(5)
        assert not stopping.is_alive()
        assert not [t for t in threading.enumerate() if t.name.startswith("phone-line")]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: not alive(pid), 5, what="the engine has ended")
        runtime = meeting.read_runtime(folder)
        if runtime is not None:
            meeting.forget_address(runtime.address)


@pytest.mark.promise("P3")
def test_a_command_goes_to_the_engine_it_was_meant_for_or_to_nobody(tmp_path: Path) -> None:
    line: Any = Line(settings_for(tmp_path), KEY, clock=SystemClock(), on_event=lambda _: None)
    ends: list[Connection[Any, Any]] = [end for _ in range(2) for end in Pipe()]
    lost, old, new, here = ends
    line._connection = old
    line.hang_up()
    line._connection = here  # another engine was found before the command went out
    old.close()
    line.mute(True)
    line._end_writing()
    line._write()
    assert wire.read_command(new.recv_bytes()) == wire.Mute(on=True)
    assert not new.poll(0)
    for end in (lost, new, here):
        end.close()
