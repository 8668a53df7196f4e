"""The hub's process on PostgreSQL: real desks, a database that goes away, a hub that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.hub.log.postgres import open_log
from sync.replica.enrolling import join
from tests.peers.postgres import SECRET, Server, postgres
from tests.sync.desks import Desk, until_in_step
from tests.sync.logs.hub import PgHub
from tests.sync.logs.places import read
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.site import Code
from workstation.store import reads

AWAY, BACK = "The database does not answer", "The database answers again."
PASSWORD = "kata sandi situs"


@pytest.fixture
def hub(tmp_path: Path, database_server: Server) -> Iterator[PgHub]:
    with database_server.database() as name, PgHub(tmp_path / "hub", database_server, name) as hub:
        yield hub


@pytest.mark.promise("S1", "S2", "S7")
def test_two_desks_and_a_hub_on_postgresql_say_the_same_also_after_its_restart(tmp_path: Path, hub: PgHub) -> None:
    with Wire(hub.address) as wire, Desk(tmp_path, "AMB-1") as one, Desk(tmp_path, "AMB-2") as two:
        for desk in (one, two):
            desk.connect(wire.url)
        incident = one.open_incident("AMB-1-0001")
        one.edit(incident, village="Batu Merah", injured=2)
        wait_until(lambda: two.values(incident, "village") == {"Batu Merah"}, 10)
        two.note(incident, "Pemadam berangkat")
        until_in_step([one, two])
        one.told(state="up", unsent=0)
        assert hub.stop() == 0
        two.note(incident, "selagi hub berhenti")
        hub.start()
        wire.retarget(hub.address)
        until_in_step([one, two])
        assert hub.held() == one.store.vector()
    arguments = " ".join(hub.arguments())
    assert SECRET not in arguments + hub.told() and "@" not in hub.said[-1]["sentence"]
    assert AWAY not in hub.told()


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sync.hub", "--listen", "127.0.0.1:0", "--key-file", str(folder / "hub.key")]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def refused(folder: Path, url: str, **environment: str) -> str:
    """The one sentence with which it does not start."""
    done = run(folder, "--store", url, **environment)
    assert done.returncode == 2 and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1 and SECRET not in done.stderr, done.stderr
    return done.stderr


def test_what_is_wrong_with_the_database_is_one_sentence_without_the_password(
    tmp_path: Path, database_server: Server
) -> None:
    with database_server.database() as name, database_server.database("encoding 'LATIN1' locale 'C'") as latin:
        tcp = database_server.url(name, tcp=True)
        bare = tcp.replace(f":{SECRET}", "")
        nobody = str(tmp_path / "none")
        assert "PGPASSFILE" in refused(tmp_path, tcp)
        assert "PGPASSFILE" in refused(tmp_path, f"{bare}?password={SECRET}")
        assert "pg_hba.conf" in refused(tmp_path, bare, PGPASSFILE=nobody)
        assert "pg_hba.conf" in refused(tmp_path, bare, PGPASSWORD="keliru")
        assert "createdb" in refused(tmp_path, database_server.url("missing"))
        assert "UTF8" in refused(tmp_path, database_server.url(latin))
        assert "no server answers" in refused(tmp_path, f"postgresql://x@127.0.0.1:1/{name}")
        assert "write for example" in refused(tmp_path, "postgresql://")
        database_server.run("create table op (n int)", name)
        assert "another program's tables" in refused(tmp_path, database_server.url(name))
    assert not (tmp_path / "hub.key").exists(), "no key is made for what is not there"


def test_the_key_of_a_database_is_made_once_and_missed_later(tmp_path: Path, database_server: Server) -> None:
    with database_server.database() as name:
        folder = tmp_path / "hub"
        with PgHub(folder, database_server, name) as hub:
            assert hub.stop() == 0
        url, key = database_server.url(name), folder / "hub.db.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert "missing" in refused(tmp_path, url), "a key that would not open it is not made"
        (tmp_path / "hub.key").write_text("ab" * 32)
        (tmp_path / "hub.key").chmod(0o600)
        assert "key file is not that of the hub" in refused(tmp_path, url)
        database_server.run("insert into step (name) values ('9999_later')", name)
        assert "update this hub" in refused(tmp_path, url)


@pytest.mark.promise("S2", "S4", "S7")
@pytest.mark.parametrize("how", ["stop", "crash"])
def test_a_database_that_goes_away_is_said_once_and_nothing_is_lost(tmp_path: Path, how: str) -> None:
    with (
        postgres() as server,
        server.database() as name,
        PgHub(tmp_path / "hub", server, name) as hub,
        Desk(tmp_path, "AMB-1") as one,
        Desk(tmp_path, "AMB-2") as two,
    ):
        for desk in (one, two):
            desk.connect(hub.url)
        incident = one.open_incident("AMB-1-0001")
        until_in_step([one, two])
        getattr(server, how)()
        wait_until(lambda: AWAY in hub.told(), what="the hub says so")
        one.notes(incident, 50)
        two.note(incident, "selagi basis data mati")
        refusals = "/v1/push was put off"
        wait_until(lambda: hub.told().count(refusals) >= 4, 30, what="the desks keep asking")
        assert one.store.unsent()[0] == 50 and two.store.unsent()[0] == 1
        assert hub.told().count(AWAY) == 1 and BACK not in hub.told()
        server.start()
        until_in_step([one, two], 60)
        wait_until(lambda: BACK in hub.told(), what="the hub says that it is back")
        assert hub.told().count(AWAY) == hub.told().count(BACK) == 1
        assert hub.held() == one.store.vector() and "Traceback" not in hub.told()
        two.note(incident, "sesudahnya")
        until_in_step([one, two])
        assert hub.stop() == 0


@pytest.mark.promise("S2", "S7")
def test_a_database_that_crashes_has_what_was_acknowledged_even_where_it_is_set_to_hurry(tmp_path: Path) -> None:
    """With synchronous_commit off, as some set it, a server tells of commits that a crash then takes back."""
    with postgres() as server, server.database() as name:
        server.stop()
        server.options = ["synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=1GB"]
        server.start()
        with PgHub(tmp_path / "hub", server, name) as hub, Desk(tmp_path, "AMB-1") as desk:
            incident = desk.open_incident("AMB-1-0001")
            for round_ in range(3):
                desk.connect(hub.url)
                desk.note(incident, f"catatan {round_}")
                wait_until(lambda: desk.store.unsent() == (0, None), 30, what="it is acknowledged")
                server.crash()
                desk.disconnect()
                server.start()
                assert hub.held()[desk.store.replica] == round_ + 2


@pytest.mark.promise("S2", "S7")
def test_a_hub_killed_in_the_middle_of_load_loses_no_acknowledged_op(tmp_path: Path, hub: PgHub) -> None:
    with Wire(hub.address) as wire, Desk(tmp_path, "AMB-1") as one, Desk(tmp_path, "AMB-2") as two:
        desks = [one, two]
        for desk in desks:
            desk.notes(desk.open_incident(f"{desk.name}-0001"), 2_500)
        for desk in desks:
            desk.connect(wire.url)
        kills = 0
        while any(desk.store.unsent()[0] for desk in desks):
            before = sum(desk.store.unsent()[0] for desk in desks)
            wait_until(lambda: sum(desk.store.unsent()[0] for desk in desks) < before, 30, what="progress")  # noqa: B023
            hub.kill()
            kills += 1
            acked = [(desk.store.replica, desk.store.acked_vector()) for desk in desks]
            held = hub.held()
            assert all(held.get(replica, 0) >= vector.get(replica, 0) for replica, vector in acked)
            hub.start()
            wire.retarget(hub.address)
        assert kills >= 3
        until_in_step(desks, 60)
        assert hub.stop() == 0
        key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
        url = hub.server.url(hub.database)
        with open_log(url, key, clock=SystemClock(), ids=SystemIds(), site="AMB") as log:
            assert read(log, reads.broken_chains) == {} and log.digest() == one.store.digest()


class Unfounded(PgHub):
    """One on an empty database: what IT does before the first start is done by the commands."""

    def found(self) -> None:
        self.let_in()
        assert self.command("found", PASSWORD, PASSWORD)["founded"] == "AMB"

    def command(self, name: str, *typed: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
        """One command of the site; what it said last."""
        line = [
            sys.executable, "-m", "sync.hub", name, "--store", self.store_url, "--site", "AMB", "--json",
            "--key-file", str(self.folder / "hub.db.key"), "--site-key", str(self.folder / "site.key"), *more,
        ]  # fmt: skip
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            line, input="\n".join(typed) + "\n", capture_output=True, text=True, timeout=60, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.promise("S7", "S9")
def test_a_site_is_founded_there_and_a_device_invited_while_the_hub_runs(
    tmp_path: Path, database_server: Server
) -> None:
    """The commands write beside the running hub, which hears of it: the code is good at once."""
    with database_server.database() as name, Unfounded(tmp_path / "hub", database_server, name) as hub:
        code = hub.command("invite", PASSWORD, more=("--name", "Meja 9"))["code"]
        with Desk(tmp_path, "AMB-9") as desk:
            assert asyncio.run(join(hub.url, Code.read(code), desk.store, SystemIds())) == "Meja 9"
            desk.connect(hub.url)
            desk.open_incident("AMB-9-0001")
            desk.told(state="up", unsent=0)
        assert PASSWORD not in hub.told()
