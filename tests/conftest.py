"""Rules every test lives under: no display, no network, nothing left behind, no unexpected word in the log."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import hygiene

# Before anything of Qt, keyring or the product is imported: no display, no keyring, no home of whoever runs this.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
_home = tempfile.TemporaryDirectory(prefix="tahuri-tests-")
for _name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
    _folder = Path(_home.name) / _name.lower()
    _folder.mkdir(mode=0o700)
    os.environ[_name] = str(_folder)
hygiene.mark_processes()

settings.register_profile(
    "house", deadline=None, derandomize=True, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("house"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


def pytest_configure(config: pytest.Config) -> None:
    hygiene.guard_network()


def pytest_unconfigure(config: pytest.Config) -> None:
    _home.cleanup()


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    """pytest-qt makes its application in the desk's style: `ui.theme.STYLE`, which tests/ui/test_theme.py compares."""
    return ["tests", "-style", "fusion"]


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a thread, a process of ours or a running QTimer."""
    threads = hygiene.threads()
    processes = hygiene.processes()
    timers = hygiene.running_timers()
    yield
    left_processes = hygiene.settled(lambda: hygiene.processes() - processes)
    named = [f"process {pid}: {hygiene.command_line(int(str(pid)))}" for pid in left_processes]
    for pid in left_processes:
        with suppress(ProcessLookupError):
            os.kill(int(str(pid)), signal.SIGKILL)
    named += [f"thread {thread!r}" for thread in hygiene.settled(lambda: hygiene.threads() - threads)]
    left_timers = hygiene.settled(lambda: hygiene.running_timers().keys() - timers.keys(), grace_s=0.2)
    running = hygiene.running_timers()
    named += [f"timer {running[key]!r}" for key in left_timers if key in running]
    assert not named, "left behind: " + "; ".join(named)


_passed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


@pytest.fixture(autouse=True)
def _no_unexpected_log_line(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that logs WARNING or above, or passes without a line that contains a piece `expected_log` names."""
    with hygiene.loud_lines() as lines:
        yield
    expected = [piece for marker in request.node.iter_markers("expected_log") for piece in marker.args]
    unexpected = lines.unexpected(expected)
    assert not unexpected, "unexpected in the log: " + " | ".join(unexpected)
    # One that failed or was skipped may not have come as far.
    missing = lines.missing(expected) if request.node.stash.get(_passed, False) else []
    assert not missing, "expected and not in the log: " + " | ".join(missing)
