"""The door to the figures: names what there is, prints what it is given with the machine it was taken on."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as bench

ROOT = Path(__file__).parents[2]


def test_an_unknown_figure_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["nothing"]) == 2
    assert "start" in capsys.readouterr().err


def test_figures_are_printed_with_the_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = types.ModuleType("tests.bench.start")
    made.run = lambda arguments: {"asked": arguments}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.bench.start", made)
    assert bench.main(["start", "--json", "--runs", "3"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["bench"] == "start" and row["asked"] == ["--runs", "3"]
    assert row["machine"]["cores"] and row["machine"]["system"] and row["machine"]["python"]


@pytest.mark.parametrize("name", bench.names())
def test_every_figure_can_be_asked_for(name: str) -> None:
    assert callable(importlib.import_module(f"tests.bench.{name}").run)


# Each in small: what is asked for, and figures that stand in its answer. How good they are is not asked here.
SMALL = {
    "replay": (["60"], {"ours", "plain_sqlite3", "ratio_to_plain", "met"}),
    "search": (["--incidents", "60"], {"search_p95_ms", "kinds", "peer", "ratio_p95_to_peer", "met"}),
    "store": (["--commits", "20", "--incidents", "30"], {"commit_back_to_back", "commit_while_merging", "peer", "met"}),
    "phone": (["--calls", "3", "--no-form"], {"invite_to_180", "gap_between_sent_packets", "peer", "met"}),
    "sync": (
        [
            "--incidents",
            "20",
            "--shared",
            "5",
            "--rivals",
            "3",
            "--desks",
            "2",
            "--live-s",
            "1",
            "--idle-s",
            "0.5",
            "--only",
            "drain,receive,bytes,rivalry,live",
        ],
        {
            "drain_ops_per_s",
            "receive_cpu_us_per_op",
            "bytes_per_op",
            "bytes_lone_op",
            "idle_bytes_per_min",
            "met",
            "rivalry_3_desks_s",
            "desk_to_desk_ms_p99",
            "empty_desk_s",
        },
    ),
    "start": (["--runs", "1", "--no-frozen"], {"bare_form", "source", "reach_ms", "reached"}),
}


@pytest.mark.parametrize("name", bench.names())
def test_a_figure_is_taken(name: str) -> None:
    words, figures = SMALL[name]
    command = [sys.executable, "-m", "tests.bench", name, *words, "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    told: dict[str, Any] = json.loads(ended.stdout)
    assert figures <= set(told), sorted(told)
