"""What a start stands on and may not find, a library or a screen: one sentence with what to do, and exit 1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

from tests.cli.commands import ROOT, SAMPLE, findings, run

LIBRARY = "libxcb-cursor.so.0"
OTHER = "libxcb-cursxx.so.0"
INSTALLS = "run ./run, which installs it"
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def without(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    """Let no process started from here find a library."""
    (folder / "sitecustomize.py").write_text(BLOCKED.format(name=name))
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    ("name", "command"),
    [("PySide6", ()), ("sqlcipher3", ()), ("sqlcipher3", ("replay", SAMPLE, "--map", "datasf_fire.toml")),
     ("msgspec", ("doctor",)), ("click", ())],
)  # fmt: skip
def test_a_library_that_is_not_there_is_one_sentence(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: tuple[object, ...]
) -> None:
    without(monkeypatch, tmp_path, name)
    ended = run("--settings", settings, *command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"tahuri: a library is missing or broken (No module named '{name}")
    assert ended.stderr.endswith(f"): {INSTALLS}\n") and ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "check"), [("sqlcipher3", "sqlite"), ("numpy", "sound")])
def test_the_doctor_names_the_library_that_is_not_there_and_looks_at_the_rest(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, check: str
) -> None:
    without(monkeypatch, tmp_path, name)
    code, found = findings("--settings", settings)
    assert code == 2
    assert found[check] == ("failed", f"a library is missing or broken (No module named '{name}')", INSTALLS)
    assert found["fonts"][0] == found["disk"][0] == "good"


def test_the_doctor_asks_for_a_screen_without_its_library(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, tmp_path, "PySide6")
    _, found = findings("--settings", settings)
    assert found["screen"] == ("failed", "a library is missing or broken (No module named 'PySide6')", INSTALLS)


on_x = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X is Linux's")


@on_x
@pytest.mark.parametrize(
    ("display", "why"),
    [("", "there is no display here"), (":77", "the screen can't be opened (could not connect to display :77)")],
    ids=["none", "dead"],
)
def test_no_screen_is_one_sentence_from_the_desk_and_from_the_doctor(
    settings: Path, monkeypatch: pytest.MonkeyPatch, display: str, why: str
) -> None:
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    remedy = "start the desk in a session that has a screen"
    ended = run("--settings", settings)
    assert (ended.returncode, ended.stderr) == (1, f"tahuri: {why}: {remedy}\n")
    assert findings("--settings", settings)[1]["screen"] == ("failed", why, remedy)


@on_x
def test_a_system_library_the_screen_needs_is_named(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qt's own library of X, made to ask for one that no system has."""
    name = "libQt6XcbQpa.so.6"
    qt = (Path(PySide6.__file__).parent / "Qt" / "lib" / name).read_bytes()
    assert qt.count(LIBRARY.encode()) == 1
    (tmp_path / name).write_bytes(qt.replace(LIBRARY.encode(), OTHER.encode()))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("DISPLAY", ":77")
    ended = run("--settings", settings)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("tahuri: the screen can't be opened, a system library is missing")
    assert OTHER in ended.stderr and ended.stderr.endswith(f": {INSTALLS}\n")


@on_x
def test_the_doctor_sees_a_screen_that_is_there(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    program = shutil.which("Xvfb")
    assert program is not None, "apt-get install xvfb"
    command = [program, "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL, cwd=ROOT)
    os.close(write)
    try:
        with os.fdopen(read) as said:
            monkeypatch.setenv("DISPLAY", f":{said.readline().strip()}")
        monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
        assert findings("--settings", settings)[1]["screen"] == ("good", "Qt opens it: xcb, 1366 x 768", "")
    finally:
        server.terminate()
        server.wait(10)
