"""A hub whose database was restored or copied takes another number before it writes anything (promise S5)."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from sync.admission import admit, device_of
from sync.frame import pack_frame
from sync.hub.log.postgres import PostgresLog, open_log
from sync.log import LogAway
from tests.peers.postgres import Server, postgres
from tests.store.sites import SITE_KEY
from tests.sync.hubs import prepare
from tests.sync.logs.places import KEY
from tests.waiting import wait_until
from workstation import site as sites
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds

pytestmark = pytest.mark.promise("S5")
AGAIN = pytest.mark.expected_log("goes on under a new number")


def opened(server: Server, name: str, wrote: Path | None = None) -> PostgresLog:
    return open_log(server.url(name), KEY, clock=SystemClock(), ids=SystemIds(), site="AMB", wrote=wrote)


def enrolled(log: PostgresLog) -> bool:
    return device_of(log.trust().rosters, log.replica) is not None


def enrol(log: PostgresLog) -> None:
    """What `found` does with the site's key on a hub that was restored."""
    sites.found(log, SITE_KEY, "Hub lagi", "hub", SystemIds(), SystemClock().now_ms())


def invite(log: PostgresLog) -> None:
    by = sites.Signatory(SITE_KEY)
    sites.invite(log, "Meja baru", "desk", by, SITE_KEY.public, SystemIds(), SystemClock().now_ms())


def is_another(before: PostgresLog, after: PostgresLog) -> None:
    """Nothing of who it was is used again, and what it had written is another device's to be passed on."""
    assert before.replica != after.replica and before.epoch != after.epoch
    assert before.device.public != after.device.public and not enrolled(after)
    written = after.vector()
    assert after.replica not in written and after.sealed() == written
    enrol(after)
    assert enrolled(after) and after.vector()[before.replica] == written[before.replica]
    frame = pack_frame(after.page({}, 1000))
    trust = after.trust()
    assert {a.op.replica for a in admit(frame, {}, {}, after.salts, trust)} == {before.replica, after.replica}


@AGAIN
def test_a_copy_beside_the_hub_is_another_hub_and_the_hub_stays_itself(database_server: Server) -> None:
    with database_server.database() as name:
        with closing(opened(database_server, name)) as hub:
            prepare(hub)
        database_server.run(f"create database copied template {name}")
        try:
            with closing(opened(database_server, name)) as again, closing(opened(database_server, "copied")) as copy:
                assert (again.replica, again.epoch) == (hub.replica, hub.epoch)
                is_another(again, copy)
                number = copy.replica
            with closing(opened(database_server, "copied")) as copy:
                assert copy.replica == number, "once, not at every start"
        finally:
            database_server.run("drop database copied with (force)")


@AGAIN
def test_a_dump_that_is_read_in_again_is_another_life(tmp_path: Path, database_server: Server) -> None:
    with database_server.database() as name, database_server.database() as new:
        with closing(opened(database_server, name)) as hub:
            prepare(hub)
        dump = subprocess.run(
            [shutil.which("pg_dump") or "pg_dump", "--format=custom", database_server.url(name)],
            capture_output=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        subprocess.run(
            [shutil.which("pg_restore") or "pg_restore", "--exit-on-error", "--dbname", database_server.url(new)],
            input=dump, check=True, timeout=60,
        )  # fmt: skip
        with closing(opened(database_server, new)) as after:
            is_another(hub, after)


@AGAIN
@pytest.mark.expected_log("does not answer", "answers again", "error ignored terminating", "holds less than it did")
def test_files_of_a_server_that_were_put_back_are_noticed_by_what_the_hub_had_written(tmp_path: Path) -> None:
    wrote = tmp_path / "hub.key.wrote"
    with postgres() as server, server.database() as name:
        with closing(opened(server, name, wrote)) as hub:
            prepare(hub)
        server.stop()
        subprocess.run(["cp", "-a", server.folder / "data", server.folder / "kept"], check=True)
        server.start()
        with closing(opened(server, name, wrote)) as same:
            assert (same.replica, same.epoch) == (hub.replica, hub.epoch), "a restart is no restore"
            known = same.vector()[same.replica] + 1
            invite(same)
            server.stop()
            shutil.rmtree(server.folder / "data")
            (server.folder / "kept").rename(server.folder / "data")
            server.start()
            # It ran through that: whatever it wrote now would be a second op of a number that was used.
            wait_until(lambda: same.vector()[same.replica] < known, what="it looks at the database again")
            with pytest.raises(LogAway, match="start it again"):
                invite(same)
        with closing(opened(server, name, wrote)) as after:
            is_another(hub, after)
