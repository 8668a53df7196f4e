"""The set-up does nothing where nothing is to do, and where it can't go on it says so in a sentence with a remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "resources" / "setup" / "setup.sh"
LOCKS = ROOT / "resources" / "setup" / "locks"
TAG = f"py{sys.version_info[0]}{sys.version_info[1]}"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Windows has setup.cmd")


def set_up(want: str, venv: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up with an environment of its own; system packages are left alone unless said otherwise."""
    asked = {**os.environ, "TAHURI_VENV": str(venv), "TAHURI_PYTHON": sys.executable, "TAHURI_SKIP_PACKAGES": "1"}
    return subprocess.run(
        [str(SETUP), want], env={**asked, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def made(venv: Path, lock: str, *, pip: bool = False) -> Path:
    """An environment as the set-up leaves it, with `lock` as the one installed last."""
    subprocess.run([sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), str(venv)], check=True)
    (venv / "tahuri-place").write_text(f"{venv}\n")
    (venv / f"tahuri-{lock}.lock").write_text((LOCKS / f"linux-{TAG}-{lock}.txt").read_text())
    return venv


@pytest.mark.parametrize(("want", "lock"), [("run", "run"), ("run", "dev"), ("test", "dev")])
def test_nothing_to_do_is_silent_and_quick(tmp_path: Path, want: str, lock: str) -> None:
    venv = made(tmp_path / "venv", lock)
    begin = time.monotonic()
    done = set_up(want, venv)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - begin < 5


def test_a_changed_lock_is_installed_anew_and_never_believed_before(tmp_path: Path) -> None:
    venv = made(tmp_path / "venv", "run", pip=True)
    (venv / "tahuri-run.lock").write_text("click==1.0\n")
    (tmp_path / "empty").mkdir()
    done = set_up("run", venv, WHEELHOUSE=str(tmp_path / "empty"))
    assert done.returncode == 1
    assert f"do not satisfy linux-{TAG}-run.txt" in done.stderr and "What to do: fill it with" in done.stderr
    assert not (venv / "tahuri-run.lock").exists()


def test_the_test_lock_is_not_content_with_the_run_lock(tmp_path: Path) -> None:
    done = set_up("test", made(tmp_path / "venv", "run"), WHEELHOUSE=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "which is no folder" in done.stderr and "What to do:" in done.stderr


def test_an_environment_moved_elsewhere_is_made_anew(tmp_path: Path) -> None:
    venv = made(tmp_path / "venv", "run")
    shutil.move(venv, tmp_path / "moved")
    done = set_up("run", tmp_path / "moved", WHEELHOUSE=str(tmp_path / "none"))
    assert "making the virtual environment" in done.stderr


def test_a_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    done = set_up("run", tmp_path / "letters")
    assert done.returncode == 1 and "is in the way" in done.stderr
    assert (tmp_path / "letters" / "one.txt").read_text() == "dear"


def test_an_unknown_wish(tmp_path: Path) -> None:
    done = set_up("fly", tmp_path / "venv")
    assert done.returncode == 1 and "knows 'run' and 'test', not 'fly'" in done.stderr


def tools(folder: Path, *missing: str, **written: str) -> str:
    """A PATH with this machine's tools, without those named `missing`, and with those of ours."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for tool in Path(place).iterdir():
            if tool.name not in missing and tool.name not in written and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    for name, words in written.items():
        (folder / name).write_text(f"#!/bin/sh\n{words}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_another_system(tmp_path: Path) -> None:
    done = set_up("run", tmp_path / "venv", PATH=tools(tmp_path / "bin", uname="echo Darwin"))
    assert done.returncode == 1 and "this is Darwin" in done.stderr and "run.cmd" in done.stderr


def test_no_right_to_install_names_the_packages(tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "sudo", **{"id": "echo 1000", "dpkg-query": "exit 0"})
    done = set_up("run", tmp_path / "venv", PATH=path, TAHURI_SKIP_PACKAGES="")
    assert done.returncode == 1
    assert "you are not root and there is no sudo" in done.stderr
    remedy = done.stderr.rpartition("What to do: ")[2]
    assert "apt-get install" in remedy and " libportaudio2 " in remedy and "|" not in remedy


def test_no_apt(tmp_path: Path) -> None:
    done = set_up("run", tmp_path / "venv", PATH=tools(tmp_path / "bin", "apt-get"), TAHURI_SKIP_PACKAGES="")
    assert done.returncode == 1 and "this system has no apt" in done.stderr and "packages-run.txt" in done.stderr


def test_packages_that_cannot_be_fetched(tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", **{"id": "echo 0", "dpkg-query": "exit 0", "apt-get": "echo no route; exit 100"})
    done = set_up("run", tmp_path / "venv", PATH=path, TAHURI_SKIP_PACKAGES="")
    assert done.returncode == 1
    assert "no route" in done.stderr and "without a network" in done.stderr


@pytest.mark.parametrize("name", ["run", "test", ".ci/run", "resources/setup/setup.sh", "tests/package/fresh_root.sh"])
def test_scripts_are_posix_and_executable(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    assert subprocess.run(["/bin/sh", "-n", str(path)], check=False).returncode == 0
