"""A site from nothing, by the commands alone: founded, joined, staffed; with a hub and without one (S9, S10)."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sync.opwire import unpack
from tests.cli.commands import ROOT, SAMPLE, record, run
from tests.sync.hubs import HubProcess
from workstation.store import Store

PASSWORD, PIN = "kata sandi lokasi", "112112"
CODE = re.compile(r"\b(?:[0-9A-Z]{5}-){5}[0-9A-Z]{5}\b")


def hub(*words: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sync.hub", *map(str, words)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def a_desk(folder: Path, number: int, url: str = "") -> Path:
    (folder / f"desk{number}").mkdir()
    file = folder / f"desk{number}" / "settings.toml"
    file.write_text(
        f'[desk]\nname = "Meja {number}"\nprefix = "AMB-{number}"\nsite = "AMB"\n'
        f'[store]\nfolder = "{folder}/desk{number}/data"\nkey = "file"\n[lan]\ninterfaces = ["127.0.0.1"]\n'
        + (f'[hub]\nurl = "{url}"\n' if url else "")
    )  # fmt: skip
    return file


def roster(settings: Path) -> list[tuple[str, str]]:
    path, key = record(settings)
    with Store.open(path, key, site="AMB") as store:
        return store.read(lambda db: db.execute("select login, role from person order by login").fetchall()).result(10)


@pytest.mark.promise("S9", "S10")
def test_a_site_with_a_hub_is_founded_joined_and_staffed(tmp_path: Path) -> None:
    store, key = f"sqlite:///{tmp_path}/hub/hub.db", tmp_path / "site.key"
    (tmp_path / "hub").mkdir()
    common = ("--store", store, "--site", "AMB", "--site-key", key, "--json")
    founded = hub("found", *common, typed=f"{PASSWORD}\n")
    assert founded.returncode == 0 and json.loads(founded.stdout.splitlines()[-1])["founded"] == "AMB"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and PASSWORD not in key.read_text()
    again = hub("found", *common, typed=f"{PASSWORD}\n")
    assert again.returncode == 2 and "already" in json.loads(again.stdout)["sentence"]
    lead = hub("lead", *common, "--login", "kepala1", "--name", "Kepala 1", typed=f"{PASSWORD}\n{PIN}\n")
    assert lead.returncode == 0, lead
    codes = []
    for number in (1, 2):
        invited = hub("invite", *common, "--name", f"Meja {number}", typed=f"{PASSWORD}\n")
        codes.append(json.loads(invited.stdout)["code"])
    wrong = hub("invite", *common, "--name", "Meja 3", typed="another\n")
    assert wrong.returncode == 2 and "password" in json.loads(wrong.stdout)["sentence"]
    with HubProcess(tmp_path / "hub", tls=True) as started:
        one, two = (a_desk(tmp_path, number, started.url) for number in (1, 2))
        joined = run("--settings", one, "join", typed=f"{codes[0].lower()}\n")
        assert (joined.returncode, joined.stdout) == (0, "This desk is enrolled as Meja 1.\n"), joined
        used = run("--settings", two, "join", typed=f"{codes[0]}\n")
        assert used.returncode == 1 and "used already" in used.stderr and used.stderr.count("\n") == 1
        typo = run("--settings", two, "join", typed=f"{codes[1][:-1]}{'A' if codes[1][-1] != 'A' else 'B'}\n")
        assert typo.returncode == 1 and "letter of the code is wrong" in typo.stderr
        short = run("--settings", two, "join", typed="A1B2\n")
        assert short.returncode == 1 and "30 letters" in short.stderr
        assert run("--settings", two, "join", typed=f"{codes[1]}\n").returncode == 0


@pytest.mark.promise("S9", "S10")
def test_a_site_without_a_hub_begins_at_a_desk(tmp_path: Path) -> None:
    one, key = a_desk(tmp_path, 1), tmp_path / "site.key"
    nobody = run("--settings", one, "enrol", "--login", "op1", "--name", "Operator 1", "--role", "operator")
    assert nobody.returncode == 1 and "belongs to no site" in nobody.stderr
    assert run("--settings", one, "found", "--site-key", key, typed="short\n").returncode == 1
    founded = run("--settings", one, "found", "--site-key", key, typed=f"{PASSWORD}\n")
    assert founded.returncode == 0 and "offline" in founded.stdout

    def enrol(login: str, role: str, *by: object, typed: str) -> subprocess.CompletedProcess[str]:
        return run(
            "--settings", one, "enrol", "--login", login, "--name", login, "--role", role, *by, typed=typed
        )  # fmt: skip

    assert "--by LOGIN" in enrol("op1", "operator", typed="222333\n").stderr
    assert enrol("kepala1", "lead", "--site-key", key, typed=f"{PASSWORD}\n{PIN}\n").returncode == 0
    assert "wrong" in enrol("op1", "operator", "--by", "kepala1", typed="000000\n222333\n").stderr
    assert enrol("op1", "operator", "--by", "kepala1", typed=f"{PIN}\n222333\n").returncode == 0
    refused = enrol("op2", "operator", "--by", "op1", typed="222333\n333444\n")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert "you are signed in as operator" in refused.stderr
    assert roster(one) == [("kepala1", "lead"), ("op1", "operator")]
    replayed_by_the_one_who_says_so(one)
    invited = run("--settings", one, "invite", "--name", "Meja 2", "--by", "kepala1", typed=f"{PIN}\n")
    assert invited.returncode == 0 and CODE.search(invited.stdout)


def replayed_by_the_one_who_says_so(settings: Path) -> None:
    """Where there is a roster, an import names its person in every op, and goes in for nobody else (M8)."""
    command = ("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    nobody = run(*command)
    assert (nobody.returncode, nobody.stdout) == (2, "") and "--by LOGIN" in nobody.stderr
    wrong = run(*command, "--by", "kepala1", typed="000000\n")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1) and "wrong" in wrong.stderr
    ended = run(*command, "--by", "kepala1", typed=f"{PIN}\n")
    assert (ended.returncode, json.loads(ended.stdout)["calls"]) == (0, 5), ended.stderr
    path, key = record(settings)
    with Store.open(path, key, site="AMB") as store:
        ops, who = "select raw from op where kind like 'incident.%'", "select uid from person where login = 'kepala1'"
        raws, (lead,) = store.read(lambda db: (db.execute(ops).fetchall(), db.execute(who).fetchone())).result(10)
    assert {unpack(raw).person for (raw,) in raws} == {bytes(lead)}


def test_a_code_for_nobody_who_answers_is_one_sentence(tmp_path: Path) -> None:
    one = a_desk(tmp_path, 1, "https://127.0.0.1:9")
    code = "29BE7-NEWE8-KHGXE-YDMQK-BD71K-BEHKE"
    told = run("--settings", one, "join", typed=f"{code}\n")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1) and "does not answer" in told.stderr
    alone = a_desk(tmp_path, 2)
    # A site of its own: what else runs at this machine may have desks of AMB.
    alone.write_text(alone.read_text().replace('"AMB"', f'"S{os.getpid()}"'))
    nowhere = run("--settings", alone, "join", typed=f"{code}\n")
    assert nowhere.returncode == 1 and "--url" in nowhere.stderr
