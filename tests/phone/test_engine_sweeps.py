"""What runs for weeks collects its garbage: only the way to the desk's window goes without (promise P3)."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.phone.desk import Told, alive, end, settings_for
from tests.waiting import wait_until
from workstation import app, start
from workstation.phone import meeting, wire
from workstation.store import StoreRefused

WITNESS = """
import atexit, gc, pathlib, sys
atexit.register(lambda: pathlib.Path({told!r}).write_text(f"{{gc.isenabled()}} {{sys.orig_argv[1:]}}"))
"""


@pytest.mark.promise("P3")
def test_the_engine_collects_its_garbage_however_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told_to = tmp_path / "told"
    (tmp_path / "sitecustomize.py").write_text(WITNESS.format(told=str(told_to)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = tmp_path / "d"
    told = Told(settings_for(folder), command=(sys.executable, "-m", "workstation", "engine"))
    told.line.start()
    wait_until(lambda: told.all(wire.Hello), 15, what="the engine answers")
    runtime = meeting.read_runtime(folder)
    end(told, folder)
    assert runtime is not None and not alive(runtime.pid)
    assert told_to.read_text() == "True ['-m', 'workstation', 'engine']"


@pytest.mark.promise("P3")
def test_a_start_that_fails_leaves_the_collector_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_the_way: list[bool] = []

    def refused(_settings: Any) -> int:
        on_the_way.append(gc.isenabled())
        raise StoreRefused("another key")

    settings = tmp_path / "settings.toml"
    settings.write_text(f'[store]\nfolder = "{tmp_path / "desk"}"\n')
    monkeypatch.setattr(app, "run_desk", refused)
    with pytest.raises(start.Stop, match="another key"):
        start.run(settings)
    assert on_the_way == [False] and gc.isenabled()
    settings.write_text("[desk\n")
    with pytest.raises(start.Stop):
        start.run(settings)
    assert gc.isenabled()
