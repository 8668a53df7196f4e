"""The rules of `tests/hygiene.py` see what they are there to see."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import hygiene
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def run_house(tmp_path: Path, body: str) -> str:
    """The report of a pytest run, with this project's rules, over one test file with `body`."""
    folder = tmp_path / "tests"
    folder.mkdir()
    for name in ("__init__.py", "conftest.py", "hygiene.py", "waiting.py"):
        (folder / name).write_text((ROOT / "tests" / name).read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (folder / "test_it.py").write_text(body)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


THREAD = """
import threading, time
def test_a():
    threading.Thread(target=time.sleep, args=(6,), daemon=True).start()
"""
PROCESS = """
import subprocess
def test_a():
    process = subprocess.Popen(['sleep', '60'])
    process.returncode = 0
"""
DETACHED = """
import subprocess
def test_a():
    subprocess.run('setsid sleep 60 >/dev/null 2>&1 &', shell=True)
"""
TIMER = """
from PySide6.QtCore import QTimer
kept = []
def test_a(qapp):
    timer = QTimer()
    timer.start(9999)
    kept.append(timer)
"""
LOG = """
import logging
def test_a():
    logging.getLogger('store').warning('oh')
"""
WARNING = """
import warnings
def test_a():
    warnings.warn('old')
"""
NETWORK = """
import socket
def test_a():
    socket.create_connection(('192.0.2.1', 9), 1)
"""
CLEAN = """
import logging, pytest
@pytest.mark.expected_log('oh')
def test_a(qapp):
    logging.getLogger('store').error('oh')
"""


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (THREAD, "left behind: thread"),
        (PROCESS, "left behind: process"),
        (DETACHED, "left behind: process"),
        (TIMER, "left behind: timer"),
        (LOG, "unexpected in the log: WARNING store: oh"),
        (WARNING, "UserWarning: old"),
        (NETWORK, "OutsideLoopback"),
    ],
    ids=["thread", "process", "detached-process", "timer", "log", "warning", "network"],
)
def test_a_test_that_leaves_something_fails(tmp_path: Path, body: str, word: str) -> None:
    report = run_house(tmp_path, body)
    assert word in report
    assert "1 passed" not in report or "1 error" in report


def test_a_clean_test_passes_and_an_expected_line_may_be_logged(tmp_path: Path) -> None:
    report = run_house(tmp_path, CLEAN)
    assert "1 passed" in report and "error" not in report.lower()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2], 1):
        pass


def test_waiting_names_what_never_came() -> None:
    with pytest.raises(AssertionError, match=r"the bell; last value 0"):
        wait_until(lambda: 0, 0.02, what="the bell")
    bell = threading.Event()
    ringer = threading.Timer(0.02, bell.set)
    ringer.start()
    assert wait_until(bell.is_set, 2.0)
    ringer.join()


@pytest.mark.expected_log("hub down")
def test_expected_pieces_are_taken_out_of_the_loud_lines() -> None:
    with hygiene.loud_lines() as lines:
        logging.getLogger("sync").warning("hub down since 10:04")
    assert lines.unexpected(()) == ["WARNING sync: hub down since 10:04"]
    assert lines.unexpected(["hub down"]) == []
