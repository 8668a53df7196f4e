"""The door to the figures: names what there is, prints what it is given with the machine it was taken on."""

from __future__ import annotations

import importlib
import json
import sys
import types

import pytest

from tests.bench import __main__ as bench


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
