"""The frozen desk: built, in bounds, and one real call taken with it on a real X window."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import hygiene
from tests.package.freeze import files, frozen_desk, size_mb
from tests.peers.caller import sipp
from tests.peers.registrar import Pbx
from tests.waiting import wait_until
from workstation.demo.process import program
from workstation.demo.sound import Pcm, PulseServer
from workstation.demo.speech import correlation, speech

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X and PulseAudio are Linux's")

HERE = Path(__file__).parent
LIST = HERE / "files-linux.txt"
#: Qt 90, numpy with its OpenBLAS 40, cryptography 11, SQLCipher 8, rapidfuzz 13, the interpreter and our own code.
SIZE_MB = 225.0


@pytest.fixture(scope="module")
def desk() -> Path:
    return frozen_desk()


def plain(name: str) -> str:
    """A library's name without versions, which differ between two updates of one Debian."""
    name = re.sub(r"\.abi3|-[0-9a-f]{8}(-[0-9a-f]{8})?|(?<=python)3\.\d+", "", name)
    return re.sub(r"(-\d[\d.]*)?\.so(\.\d+)*$", ".so", name)


def collected(desk: Path) -> set[str]:
    """System libraries and Qt's parts in the build, plainly named; what lies in a package of ours is no surprise."""
    found = [name for name in files(desk) if re.fullmatch(r"_internal/([^/]+|PySide6/Qt/.+)\.so[.\d]*", name)]
    return {plain(name) for name in found}


def on_debian_12() -> bool:
    with contextlib.suppress(OSError):
        return "VERSION_CODENAME=bookworm" in Path("/etc/os-release").read_text()
    return False


def test_nothing_came_along_from_the_build_machine(desk: Path) -> None:
    allowed = set(LIST.read_text().split())
    found = collected(desk)
    surprising = sorted(found - allowed)
    if on_debian_12():
        assert not surprising, "not on the list of tests/package/files-linux.txt"
    for must in ("platforms/libqxcb", "platforms/libqoffscreen", "tls/libqopensslbackend", "imageformats/libqsvg"):
        assert any(f"plugins/{must}.so" in name for name in found), must
    for never in ("Qt6Qml", "Qt6Quick", "Qt6Pdf", "libgtk", "libasound", "libportaudio", "translations/"):
        assert not [name for name in files(desk) if never in name], never


def test_it_carries_resources_and_no_tests(desk: Path) -> None:
    names = files(desk)
    assert any(name.endswith("resources/forms/types.toml") for name in names)
    assert "_internal/shiboken6/files.dir/signature_bootstrap.pyc" in names, "else unzipped and compiled at every start"
    assert not [name for name in names if "resources/setup" in name or "/tests/" in name or "workstation/demo" in name]


def test_it_stays_in_its_size(desk: Path) -> None:
    assert size_mb(desk) <= SIZE_MB


def settings(folder: Path, pbx: Pbx) -> Path:
    secret = folder / "secret"
    secret.write_text("uji-desk1\n")
    secret.chmod(0o600)
    page = folder / "settings.toml"
    page.write_text(
        f"""
[desk]
name = "Meja 1"
prefix = "UJI-1"

[store]
folder = "{folder / "record"}"
key = "file"

[phone]
user = "desk1"
domain = "{pbx.domain}"
registrars = ["{pbx.host}:{pbx.port}"]
secret_file = "{secret}"
bind = "127.0.0.1"
input = "microphone"
output = "headset"
"""
    )
    return page


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """An X server of the test's own; gives its display."""
    read, write = os.pipe()
    command = [program("Xvfb"), "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as said:
            yield f":{said.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def started(desk: Path, page: Path, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The frozen desk at work; ended with everything it started."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(desk), "--settings", str(page)], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait(10)
        # The engine outlives its screen on purpose (promise P3); here nobody comes back for it.
        for pid in hygiene.processes():
            if hygiene.command_line(pid).startswith(str(desk)):
                os.kill(pid, signal.SIGKILL)


def test_doctor_speaks_for_the_frozen_desk(desk: Path, pbx: Pbx, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(desk), "doctor", "--json", "--settings", str(settings(tmp_path, pbx))],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    report = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert {"settings", "folder", "sqlite", "key", "store", "hub", "port", "registrar", "sound", "voice"} <= set(states)
    assert "failed" not in states.values(), report
    assert done.returncode == report["exit"] == 1, "no hub is set: something to look at"


def press(display: str, *words: str) -> str:
    """What a hand at the keyboard does, by xdotool; "" where it does not end: whoever waits presses again."""
    try:
        done = subprocess.run(
            [program("xdotool"), *words],
            env={**os.environ, "DISPLAY": display},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


@pytest.mark.promise("P1", "P2")
def test_it_takes_a_call(desk: Path, pbx: Pbx, sound: PulseServer, tmp_path: Path) -> None:
    words = speech("Tolong, ada kebakaran di Batu Merah, dekat masjid.")
    page, log = settings(tmp_path, pbx), tmp_path / "desk.log"
    with screen() as display:
        environment = {**os.environ, **sound.environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        with started(desk, page, environment, log) as process:

            def alive() -> bool:
                assert process.poll() is None, f"the desk ended: {log.read_text()[-3000:]}"
                return True

            def window() -> str:
                alive()
                return press(display, "search", "--onlyvisible", "--name", ".").split("\n")[0]

            number = wait_until(window, 30, what="the window")
            wait_until(lambda: alive() and pbx.log().count("REGISTER") >= 2, 20, what="the registration")
            with sound.record("headset.monitor") as tap, sipp(pbx, tmp_path, speech=words) as caller:
                wait_until(lambda: "SIP/2.0 180" in caller.messages(), 20, what="the ring")

                def answered() -> bool:
                    press(display, "windowfocus", number)
                    press(display, "key", "F2")
                    return caller.media() is not None

                # The engine says 180 a moment before the screen knows: the hand presses until it is answered.
                wait_until(answered, 20, every_s=0.3, what="the answer")
                caller.answered(5)
                caller.wait_spoken(30)
                heard = wait_until(lambda: _alike(tap.pcm(), words), 10, every_s=0.5, what="the caller at the headset")
                press(display, "key", "F12")
                caller.wait_over(20)
            assert heard >= 0.9
            alive()


def _alike(heard: Pcm, words: Pcm) -> float:
    """How much of the words was heard, where that is enough, else 0."""
    found = float(correlation(words, heard))
    return found if found >= 0.9 else 0.0
