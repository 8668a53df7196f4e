"""The locks: pinned by hash, free of addresses, one set of versions for both commands, all that pyproject asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "resources" / "setup" / "locks"
PAIRS = [(system, python) for system in ("linux", "windows") for python in ("py311", "py312", "py313")]


def pins(path: Path) -> dict[str, str]:
    """Name to version of a lock; fails on a line that is neither a pin nor a hash."""
    found: dict[str, str] = {}
    hashes = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        pin = re.fullmatch(r"([a-z0-9-]+)==([\w.+!]+)(?: ; [^\\]+)? \\", line)
        if pin:
            assert not found or hashes, f"{path.name}: the pin before {line} has no hash"
            found[pin[1]] = pin[2]
            hashes = 0
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), f"{path.name}: {line}"
            hashes += 1
    assert hashes
    return found


def asked(kind: str) -> list[str]:
    page = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = page["dependencies"] + (page["optional-dependencies"]["dev"] if kind == "dev" else [])
    return [re.split(r"[<>=~!\[; ]", line)[0] for line in lines]


@pytest.mark.parametrize(("system", "python"), PAIRS)
def test_both_locks_hold_what_is_asked_with_the_same_versions(system: str, python: str) -> None:
    run = pins(LOCKS / f"{system}-{python}-run.txt")
    dev = pins(LOCKS / f"{system}-{python}-dev.txt")
    assert not [name for name in asked("run") if name not in run]
    assert not [name for name in asked("dev") if name not in dev]
    # ./run takes the environment ./test made as it is.
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize(("system", "python"), PAIRS)
def test_qt_is_the_one_that_keeps_its_references_to_none(system: str, python: str) -> None:
    # 6.12 drops references to None on Python 3.11 until the interpreter aborts.
    major, minor = pins(LOCKS / f"{system}-{python}-run.txt")["pyside6-essentials"].split(".")[:2]
    assert (6, 10) <= (int(major), int(minor)) < (6, 12)


def test_qt_keeps_its_references_to_none(qapp: object) -> None:
    import sys

    from PySide6.QtWidgets import QWidget

    widget = QWidget()
    before = sys.getrefcount(None)
    for _ in range(1000):
        widget.setVisible(False)
    assert sys.getrefcount(None) > before - 500
    widget.deleteLater()
