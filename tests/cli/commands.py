"""The commands as IT runs them: a process of its own, its words and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "exchange" / "sample_fire_calls.csv"


def run(
    *words: object,
    typed: str = "",
    program: Sequence[str] = ("-m", "workstation"),
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; `before` in its process, before it is that program."""
    command = [sys.executable, *program, *map(str, words)]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, preexec_fn=before
    )


def record_file(settings: Path) -> Path:
    return settings.parent / "data" / "desk.db"


def record(settings: Path) -> tuple[Path, bytes]:
    path = record_file(settings)
    return path, bytes.fromhex(path.with_name("store.key").read_text())


def findings(*words: object, **more: Any) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """The doctor's exit code, and by name: state, sentence, remedy."""
    ended = run(*words, "doctor", "--json", **more)
    told = json.loads(ended.stdout)
    assert told["exit"] == ended.returncode
    assert all(check["remedy"] for check in told["checks"] if check["state"] == "failed")
    found = {check["name"]: (check["state"], check["sentence"], check["remedy"]) for check in told["checks"]}
    return ended.returncode, found


def checks(*words: object) -> tuple[int, dict[str, tuple[str, str]]]:
    code, found = findings(*words)
    return code, {name: (state, sentence) for name, (state, sentence, _) in found.items()}
