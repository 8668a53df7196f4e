"""Each site's log in a schema of its own, so that one database, or a cluster, can keep many sites (promise S7)."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.store.desks import admitted, desk, desks, opens
from tests.sync.logs.arrivals import Follower
from tests.sync.logs.places import Place
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds

SITES = ("amb", "tul")


def schema_of(database: str, site: str) -> str:
    """The URL of the site's schema in this database."""
    return f"{database}&options=-csearch_path%3D{site}"


@pytest.mark.promise("S7")
def test_two_sites_in_one_database_know_nothing_of_each_other(tmp_path: Path, database: str) -> None:
    """The same replica numbers, other ops; each has its own turn, counts from 1 and hears its own commits alone."""
    with psycopg.connect(database) as connection:
        for site in SITES:
            connection.execute(f"create schema {site}".encode())
    amb, tul = (Place("postgres", tmp_path, schema_of(database, site)) for site in SITES)
    (tmp_path / "tul").mkdir()
    with (
        amb.open(site="AMB") as here,
        amb.open(site="AMB") as beside,
        tul.open(site="TUL", ids=SeededIds(3, HandClock())) as there,
        desks(tmp_path, 2) as (one, two),
        desk(tmp_path / "tul", 1) as other,
    ):
        heard: list[str] = []
        beside.listen(lambda _: heard.append("amb"))
        there.listen(lambda _: heard.append("tul"))
        for store in (one, two):
            store.write(opens()).result(10)
            here.merge(admitted(here, store.page({}, 10))).result(10)
        wait_until(lambda: beside.vector() == {1: 1, 2: 1}, what="the other process of the site hears of it")
        assert there.vector() == {} and set(heard) == {"amb"}
        other.write(opens("TUL-1-0001")).result(10)
        there.merge(admitted(there, other.page({}, 10))).result(10)
        assert there.digest() == other.digest() and here.vector() == {1: 1, 2: 1}
        for log, count in ((here, 2), (there, 1)):
            follower = Follower(log)
            follower.step()
            assert follower.numbers == list(range(count + 1))
        assert here.epoch == beside.epoch != there.epoch and here.replica != there.replica


def test_nothing_of_a_log_lies_outside_its_schema_or_could_not_move_with_it(tmp_path: Path, database: str) -> None:
    """No sequence, foreign key, trigger, view or function: a schema is a shard as it stands."""
    with psycopg.connect(database) as connection:
        connection.execute("create schema amb")
    with Place("postgres", tmp_path, schema_of(database, "amb")).open(), psycopg.connect(database) as connection:
        ours = (
            """n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(toast_)?temp'"""
        )
        sql = f"select n.nspname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where {ours}"
        assert set(connection.execute(sql.encode()).fetchall()) == {("amb", "r"), ("amb", "i")}
        for catalogue, where in (("pg_constraint", "contype = 'f'"), ("pg_trigger", "not tgisinternal")):
            sql = f"select count(*) from {catalogue} where {where}"
            assert connection.execute(sql.encode()).fetchone() == (0,)
        sql = f"select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {ours}"
        assert connection.execute(sql.encode()).fetchone() == (0,)
