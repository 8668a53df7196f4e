"""Retention, holds, exports and the access log, as IT and the lead type them (promises M2, D6)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_commands import SAMPLE, run
from tests.cli.test_site_commands import PASSWORD, PIN, a_desk
from workstation.store import Store, reads

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A desk with a lead and an operator, and closed incidents of 2020."""
    file, key = a_desk(tmp_path, 1), tmp_path / "site.key"
    assert run("--settings", file, "found", "--site-key", key, typed=f"{PASSWORD}\n").returncode == 0
    for login, role in (("kepala1", "lead"), ("op1", "operator")):
        enrolled = run(
            "--settings", file, "enrol", "--login", login, "--name", login, "--role", role, "--site-key", key,
            typed=f"{PASSWORD}\n{PIN}\n",
        )  # fmt: skip
        assert enrolled.returncode == 0, enrolled
    words = ("replay", SAMPLE, "--map", "datasf_fire.toml", "--json", "--by", "kepala1")
    assert run("--settings", file, *words, typed=f"{PIN}\n").returncode == 0
    return file


@pytest.fixture
def as_(settings: Path) -> Run:
    def typed(login: str, *words: object) -> subprocess.CompletedProcess[str]:
        done = run("--settings", settings, *words, "--by", login, typed=f"{PIN}\n")
        assert "Traceback" not in done.stderr
        return done

    return typed


def ruled(settings: Path) -> None:
    settings.write_text(settings.read_text() + "[retention]\nincident_days = 90\ngrace_days = 1\n")


def numbers(settings: Path) -> list[str]:
    data = settings.parent / "data"
    with Store.open(data / "desk.db", bytes.fromhex((data / "store.key").read_text()), site="AMB") as store:
        assert store.read(reads.broken_chains).result(10) == {}
        sql = "select number from incident where open = 0 order by number"
        return [number for (number,) in store.read(lambda db: db.execute(sql).fetchall()).result(10)]


@pytest.mark.promise("M2", "D6")
def test_the_retention_clock_is_shown_applied_and_held(settings: Path, as_: Run) -> None:
    nothing = as_("kepala1", "retention", "--show")
    assert nothing.returncode == 2 and "retention.incident_days" in nothing.stderr
    ruled(settings)
    first, *rest = numbers(settings)
    assert rest
    shown = as_("kepala1", "retention", "--show")
    assert shown.returncode == 0 and f"not ordered yet: {1 + len(rest)} " in shown.stdout, shown
    held = as_("kepala1", "hold", first, "--reason", "perkara 12/2026")
    assert held.returncode == 0 and "held until released" in held.stdout
    refused = as_("op1", "hold", rest[0], "--reason", "x")
    assert refused.returncode == 1 and "shift lead only" in refused.stderr and refused.stderr.count("\n") == 1
    assert as_("kepala1", "retention", "--apply").returncode == 1, "no reason"
    applied = as_("kepala1", "retention", "--apply", "--reason", "90 hari")
    assert (
        applied.returncode == 0
        and "0 erased" in applied.stdout
        and "held back:                         1" in applied.stdout
    )
    assert f"within the days of grace: {len(rest)}\n" in applied.stdout and "perkara 12/2026" in applied.stdout
    assert as_("kepala1", "release", rest[0], "--reason", "x").returncode == 1
    freed = as_("kepala1", "release", first, "--reason", "putusan tetap")
    assert freed.returncode == 0 and f"{first}: released" in freed.stdout
    nowhere = as_("kepala1", "hold", "AMB-9-9999", "--reason", "x")
    assert nowhere.returncode == 1 and "no such incident" in nowhere.stderr


@pytest.mark.promise("D6")
def test_an_export_and_who_made_it(settings: Path, as_: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    words = ("export", out, "--purpose", "statistics", "--from", "2019-01-01", "--to", "2021-12-31", "--reason", "lap.")
    refused = as_("op1", *words)
    assert refused.returncode == 1 and "shift lead only" in refused.stderr and not out.exists()
    made = as_("kepala1", *words)
    assert made.returncode == 0 and "sha256" in made.stdout, made
    head, *cases = [json.loads(line) for line in out.read_text().splitlines()]
    assert head["purpose"] == "statistics" and cases
    assert as_("kepala1", *words).returncode == 1, "never over a file that is there"
    wrong = as_("kepala1", *words[:4], "--from", "22.11.", "--to", "2021-12-31", "--reason", "x")
    assert wrong.returncode == 2 and "is no day" in wrong.stderr
    log = as_("kepala1", "access", "--reason", "audit", "--json")
    (line,) = [json.loads(line) for line in log.stdout.splitlines()]
    assert (line["login"], line["view"], line["why"], line["rows"]) == ("kepala1", "export", "lap.", len(cases))
    again = as_("kepala1", "access", "--reason", "audit lagi")
    assert "access_log" in again.stdout and "audit" in again.stdout
    assert as_("op1", "access", "--reason", "x").returncode == 1
