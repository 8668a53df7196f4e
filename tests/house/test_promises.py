"""The account of promises notices what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promises import PAGE, promised

ROOT = PAGE.parents[1]


def test_the_page_lists_what_was_taken_up() -> None:
    taken_up = (
        "M1 M2 M3 M4 M5 M6 M8 M9 M11 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 D1 D2 D3 D4 D5 D6 P1 P2 P3 P7 "
        "U1 U2 U3 U4 U5 U6 U7 U8"
    )
    assert " ".join(promised()) == taken_up


def test_a_promise_listed_twice_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "promises.md"
    page.write_text("- **M1** One.\n- **M1** Again.\n")
    with pytest.raises(ValueError, match="listed twice"):
        promised(page)


Account = Callable[[str], tuple[int, str, str]]

# Tests of a project that promises M1 and S4, and what the account says of them.
COUNTED = [
    ("@pytest.mark.promise('M1', 'S4')\ndef test_a(): pass\n", 0, []),
    ("@pytest.mark.promise('M1')\ndef test_a(): pass\n", 1, ["S4"]),
    ("pytestmark = pytest.mark.promise('S4')\n# @pytest.mark.promise('M1')\ndef test_a(): pass\n", 1, ["M1"]),
    ("@pytest.mark.promise('M1')\ndef no_test(): pass\n", 1, ["M1", "S4"]),
]
UNKNOWN = "@pytest.mark.promise('M1', 'S4', 'X9')\ndef test_a(): pass\n"
UNREADABLE = "import no_such_module\n"


def begun(folder: Path, tests: str) -> subprocess.Popen[str]:
    """The account of a small project with these tests, under way."""
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "promises.md").write_text("# P\n- **M1** One.\n- **S4** Two.\n")
    place = folder / "tests"
    (place / "promises").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (place / "promises" / name).write_text((ROOT / "tests" / "promises" / name).read_text())
    (place / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (place / "test_it.py").write_text("import pytest\n" + tests)
    command = [sys.executable, "-m", "tests.promises", "--json"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Code, output and complaints of the account for each of the projects above; all were counted side by side."""
    projects = [*(tests for tests, _, _ in COUNTED), UNKNOWN, UNREADABLE]
    running = {tests: begun(tmp_path_factory.mktemp("promises") / "project", tests) for tests in projects}
    said = {tests: process.communicate(timeout=120) for tests, process in running.items()}
    return lambda tests: (running[tests].returncode, *said[tests])


@pytest.mark.parametrize(("tests", "code", "missing"), COUNTED)
def test_the_account_counts_collected_tests_only(account: Account, tests: str, code: int, missing: list[str]) -> None:
    got, out, _ = account(tests)
    assert (got, json.loads(out)) == (code, {"promised": 2, "tested": 2 - len(missing), "missing": missing})


def test_a_promise_nobody_made_and_a_broken_test_file_fail(account: Account) -> None:
    code, _, err = account(UNKNOWN)
    assert code == 1 and "X9" in err
    code, _, err = account(UNREADABLE)
    assert code == 2 and "no_such_module" in err
