"""Builds the frozen desk once for each state of the sources, below `.cache/frozen`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "frozen"
_SOURCES = ("workstation", "sync", "ui", "resources")


class FreezeFailed(Exception):
    """PyInstaller did not build the desk; the text is the end of what it said."""


def state() -> str:
    """A digest over everything that goes into the build: sources, recipe, locks and the Python that builds."""
    digest = hashlib.sha256(f"{sys.version} {sys.platform}".encode())
    paths = [ROOT / "build.spec"]
    for folder in _SOURCES:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def frozen_desk() -> Path:
    """The frozen desk's program for the sources as they are; built in about 40 s where it is not at hand.

    Raises FreezeFailed. Older builds are removed: each takes some 200 MB.
    """
    folder = CACHE / state()
    program = folder / "tahuri" / ("tahuri.exe" if sys.platform == "win32" else "tahuri")
    if program.exists() and (folder / "whole").exists():
        return program
    shutil.rmtree(CACHE, ignore_errors=True)
    folder.mkdir(parents=True)
    # Fixed seed and date: two builds of the same sources are equal byte by byte.
    environment = {**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "PyInstaller", "-y", "--clean", "--log-level", "ERROR"]
    command += ["--distpath", str(folder), "--workpath", str(folder / "work"), str(ROOT / "build.spec")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    shutil.rmtree(folder / "work", ignore_errors=True)
    if done.returncode != 0:
        raise FreezeFailed(done.stderr[-3000:])
    (folder / "whole").touch()
    return program


def files(program: Path) -> list[str]:
    """Every file and link below the program's folder, relative, sorted, without what the Python version names."""
    folder = program.parent
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()
    )


def size_mb(program: Path) -> float:
    """Megabytes (10^6 bytes) of all files; a link counts nothing."""
    return (
        sum(path.stat().st_size for path in program.parent.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
    )
