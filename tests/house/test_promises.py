"""The account of promises notices what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises import PAGE, promised

ROOT = PAGE.parents[1]


def test_the_page_lists_what_was_taken_up() -> None:
    taken_up = "M1 M3 M4 M5 M8 M9 M11 S1 S2 S3 S4 D1 D2 D3 P1 P2 P3 P7 U1 U2 U3 U4 U5 U6 U7 U8"
    assert " ".join(promised()) == taken_up


def test_a_promise_listed_twice_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "promises.md"
    page.write_text("- **M1** One.\n- **M1** Again.\n")
    with pytest.raises(ValueError, match="listed twice"):
        promised(page)


def account(tmp_path: Path, tests: str) -> tuple[int, str, str]:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "promises.md").write_text("# P\n- **M1** One.\n- **S4** Two.\n")
    folder = tmp_path / "tests"
    (folder / "promises").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (folder / "promises" / name).write_text((ROOT / "tests" / "promises" / name).read_text())
    (folder / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (folder / "test_it.py").write_text("import pytest\n" + tests)
    done = subprocess.run(
        [sys.executable, "-m", "tests.promises", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("tests", "code", "missing"),
    [
        ("@pytest.mark.promise('M1', 'S4')\ndef test_a(): pass\n", 0, []),
        ("@pytest.mark.promise('M1')\ndef test_a(): pass\n", 1, ["S4"]),
        ("pytestmark = pytest.mark.promise('S4')\n# @pytest.mark.promise('M1')\ndef test_a(): pass\n", 1, ["M1"]),
        ("@pytest.mark.promise('M1')\ndef no_test(): pass\n", 1, ["M1", "S4"]),
    ],
)
def test_the_account_counts_collected_tests_only(tmp_path: Path, tests: str, code: int, missing: list[str]) -> None:
    got, out, _ = account(tmp_path, tests)
    assert (got, json.loads(out)) == (code, {"promised": 2, "tested": 2 - len(missing), "missing": missing})


def test_a_promise_nobody_made_and_a_broken_test_file_fail(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    code, _, err = account(tmp_path / "a", "@pytest.mark.promise('M1', 'S4', 'X9')\ndef test_a(): pass\n")
    assert code == 1 and "X9" in err
    code, _, err = account(tmp_path / "b", "import no_such_module\n")
    assert code == 2 and "no_such_module" in err
