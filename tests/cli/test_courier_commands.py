"""The courier by commands alone: a hub that is stopped and a desk, nothing between them but files (promise S8)."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.commands import record, run
from tests.cli.test_site_commands import a_desk, hub
from tests.store.desks import opens
from tests.sync.hubs import CODES, HubProcess
from workstation.store import Store


@pytest.mark.promise("S8")
def test_a_hub_and_a_desk_are_joined_by_files_alone(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with HubProcess(tmp_path / "site") as served:
        desk = a_desk(tmp_path, 1, served.url)
        joined = run("join", "--settings", desk, typed=f"{CODES[1].text}\n")
        assert joined.returncode == 0, joined
        store = served.store_url
    stick = tmp_path / "stick"
    stick.mkdir()
    common = ("--store", store, "--site", "AMB", "--json")
    made = hub("courier", "export", stick, *common, "--to", "Meja 1")
    assert made.returncode == 0, made
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["readers"] == ["Meja 1"] and told["ops"] > 0
    taken = run("courier", "import", told["file"], "--settings", desk)
    assert taken.returncode == 0 and "new entries from" in taken.stdout, taken
    again = run("courier", "import", told["file"], "--settings", desk)
    assert again.returncode == 0 and "Nothing is new" in again.stdout
    path, key = record(desk)
    with Store.open(path, key, site="AMB") as open_store:
        open_store.write(opens()).result(10)
    back = run("courier", "export", stick / "back.kurir", "--to", "Hub", "--settings", desk)
    assert back.returncode == 0 and "for Hub" in back.stdout and "100 %" in back.stderr, back
    came = hub("courier", "import", stick / "back.kurir", *common)
    assert came.returncode == 0 and json.loads(came.stdout.splitlines()[-1])["fresh"] == 1, came
    wrong = run("courier", "export", tmp_path / "nowhere" / "x.kurir", "--to", "Hub", "--settings", desk)
    assert wrong.returncode == 1 and "Plug the stick in" in wrong.stderr, wrong
    lost = hub("courier", "import", stick / "gone.kurir", *common)
    assert lost.returncode == 2 and "can't be read" in json.loads(lost.stdout.splitlines()[-1])["sentence"], lost
    with closing(served.opened()) as log:
        assert log.digest().hex() == run("digest", "--settings", desk).stdout.strip()
