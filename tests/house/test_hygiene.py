"""The rules of `tests/hygiene.py` see what they are there to see."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import hygiene
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


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
SILENT = """
import logging, pytest
@pytest.mark.expected_log('oh', 'no')
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
@pytest.mark.expected_log('oh')
def test_skipped():
    pytest.skip('no peer here')
"""


LEAVING = {
    "thread": (THREAD, "left behind: thread"),
    "process": (PROCESS, "left behind: process"),
    "detached_process": (DETACHED, "left behind: process"),
    "timer": (TIMER, "left behind: timer"),
    "log": (LOG, "unexpected in the log: WARNING store: oh"),
    "silent": (SILENT, "expected and not in the log: no"),
    "warning": (WARNING, "UserWarning: old"),
    "network": (NETWORK, "OutsideLoopback"),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a pytest run with this project's rules says of each body, by name; "" = it passed. One run for all."""
    root = tmp_path_factory.mktemp("house")
    folder = root / "tests"
    folder.mkdir()
    for name in ("__init__.py", "conftest.py", "hygiene.py", "waiting.py"):
        (folder / name).write_text((ROOT / "tests" / name).read_text())
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for name, (body, _) in {**LEAVING, "clean": (CLEAN, "")}.items():
        (folder / f"test_{name}.py").write_text(body)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml", str(root / "said.xml"), "tests"],
        cwd=root,
        env={**os.environ, "TAHURI_TEST_GRACE_S": "0.3"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    said: dict[str, str] = {}
    for case in ElementTree.parse(root / "said.xml").iter("testcase"):  # a fault of the teardown is a case of its own
        name = str(case.get("classname")).removeprefix("tests.test_")
        faults = [part for part in case if part.tag != "skipped"]
        said[name] = said.get(name, "") + "".join(f"{part.get('message')}\n{part.text}" for part in faults)
    return said


@pytest.mark.parametrize("name", LEAVING)
def test_a_test_that_leaves_or_lacks_something_fails(reports: dict[str, str], name: str) -> None:
    assert LEAVING[name][1] in reports[name]


def test_a_clean_test_passes_with_the_line_it_expects(reports: dict[str, str]) -> None:
    assert reports["clean"] == ""


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
    assert lines.missing(["hub down", "hub up"]) == ["hub up"]
