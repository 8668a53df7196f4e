"""`attach`: a file beside an incident, by a command, named by who ran it (promise S12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import record, run
from tests.cli.test_site_commands import a_desk
from tests.store.desks import opens
from workstation.service import views
from workstation.store import Store


@pytest.mark.promise("S12")
def test_a_file_is_attached_by_a_command(tmp_path: Path) -> None:
    settings = a_desk(tmp_path, 1, "")
    assert run("digest", "--settings", settings).returncode == 1
    founded = run("found", "--site-key", tmp_path / "site.key", "--settings", settings, typed="sandi-panjang\n" * 2)
    assert founded.returncode == 0, founded
    path, key = record(settings)
    with Store.open(path, key, site="AMB") as store:
        incident = store.write(opens("AMB-1-0001")).result(10).value
    photo = tmp_path / "foto.png"
    photo.write_bytes(b"x" * 5_000)
    unknown = run("attach", photo, "--about", "AMB-1-0009", "--settings", settings)
    assert unknown.returncode == 1 and "no incident AMB-1-0009" in unknown.stderr, unknown
    program = tmp_path / "a.sh"
    program.write_text("echo")
    refused = run("attach", program, "--about", "AMB-1-0001", "--settings", settings)
    assert refused.returncode == 1 and "this kind of file" in refused.stderr, refused
    made = run("attach", photo, "--about", "AMB-1-0001", "--settings", settings)
    assert made.returncode == 0 and "foto.png is attached to AMB-1-0001" in made.stdout, made
    with Store.open(path, key, site="AMB") as store:
        (row,) = store.read(lambda db: views.attachments(db, incident)).result(10)
        assert row.name == "foto.png" and store.shelf.has(row.digest)
