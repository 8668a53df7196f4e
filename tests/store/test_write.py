"""Writing: one thread, one transaction an act, nothing left of what fails (promise D2)."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sync.protocol import ChainBroken, Gap
from tests.store.desks import KEY, admitted, desk, desks, edits, opens, rings, rows
from tests.waiting import wait_until
from workstation.domain.kinds import OpInvalid
from workstation.domain.merge import fold
from workstation.store import Changes, Connection, Store, StoreClosed, StoreFailed, Tx, reads
from workstation.store import store as store_module
from workstation.store.cipher import connect
from workstation.store.writer import MERGE_BESIDE


@pytest.mark.promise("D2")
def test_only_the_writers_thread_writes_and_readers_cannot(tmp_path: Path) -> None:
    seen: list[str] = []
    with desk(tmp_path) as store:
        store.listen(lambda changes: seen.append(threading.current_thread().name))

        def act(tx: Tx) -> str:
            opens()(tx)
            return threading.current_thread().name

        assert store.write(act).result(10).value == "store-writer"
        assert store.read(lambda db: threading.current_thread().name).result(10) == "store-reader"
        store.close()  # what was announced is announced by now
        assert seen == ["store-writer"]
    with desk(tmp_path) as store:
        writes: Future[Any] = store.read(lambda db: db.execute("delete from op"))
        with pytest.raises(Exception, match=r"readonly|may not be written"):
            writes.result(10)


@pytest.mark.promise("D2")
def test_every_commit_is_durable(tmp_path: Path) -> None:
    with desk(tmp_path) as store:

        def settings(tx: Tx) -> list[Any]:
            names = ("journal_mode", "synchronous", "wal_autocheckpoint")
            return [tx.db.execute(f"pragma {name}").fetchone()[0] for name in names]

        assert store.write(settings).result(10).value == ["wal", 2, 0]
        assert store.write(lambda tx: tx.db.in_transaction).result(10).value


@pytest.mark.promise("D2")
def test_handing_over_never_waits_for_the_disk(tmp_path: Path) -> None:
    """The record is locked by somebody else for as long as the screen hands over its acts."""
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
        blocker = connect(tmp_path / "desk-1.db", KEY)
        blocker.execute("begin immediate")
        began = time.perf_counter()
        waiting = [store.write(opens(f"AMB-1-{n}")) for n in range(50)]
        waiting_read = store.read(lambda db: db.execute("select count(*) from incident").fetchone()[0])
        handed_over_s = time.perf_counter() - began
        assert waiting_read.result(10) == 1  # readers go on meanwhile
        assert not any(future.done() for future in waiting)
        blocker.execute("rollback")
        blocker.close()
        for future in waiting:
            future.result(10)
    assert handed_over_s < 3, "less than the lock is waited for"


@pytest.mark.promise("D2")
def test_acts_that_wait_share_one_commit_and_fail_alone(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        hold, go = threading.Event(), threading.Event()
        commits: list[Changes] = []
        store.listen(commits.append)

        def first(tx: Tx) -> None:
            hold.set()
            go.wait(10)
            opens("first")(tx)

        def bad(tx: Tx) -> None:
            opens("bad")(tx)
            raise RuntimeError("no")

        started = store.write(first)
        hold.wait(10)
        good, failing, other = store.write(opens("good")), store.write(bad), store.write(opens("other"))
        go.set()
        started.result(10)
        with pytest.raises(RuntimeError, match="no"):
            failing.result(10)
        assert good.result(10).changes.incidents == {good.result(10).value}
        other.result(10)
        assert [row["number"] for row in rows(store, "select number from incident order by id")] == [
            "first",
            "good",
            "other",
        ]
        assert store.vector() == {1: 3}
        assert store.read(reads.broken_chains).result(10) == {}
    assert [len(changes.incidents) for changes in commits] == [1, 2]


@pytest.mark.promise("D2")
def test_an_act_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        digest = store.digest()

        def half(tx: Tx) -> None:
            edits(incident, village="Silale", landmark="Tugu")(tx)
            assert tx.db.execute("select village from incident").fetchone() == ("Silale",)
            tx.append("incident.edited", incident, {"set": {"no such": [1, []]}})

        with pytest.raises(OpInvalid, match="no such"):
            store.write(half).result(10)
        assert store.digest() == digest
        assert store.vector() == {1: 1}
        store.write(edits(incident, village="Waihaong")).result(10)
        assert store.vector() == {1: 2}
        ops = store.read(lambda db: reads.ops_of(db, incident)).result(10)
        found = store.read(lambda db: reads.state(db, incident)).result(10)
        assert found == fold(ops)[incident]  # nothing of the failed act lingers in memory
        assert store.read(reads.broken_chains).result(10) == {}


def test_many_acts_in_one_transaction_each_a_part_that_can_fail(tmp_path: Path) -> None:
    commits: list[Changes] = []
    with desk(tmp_path) as store:
        store.listen(commits.append)

        def together(tx: Tx) -> list[str]:
            told = []
            for number in ("one", "two", "three"):

                def act(tx: Tx, number: str = number) -> None:
                    incident = opens(number)(tx)
                    edits(incident, village=number)(tx)
                    if number == "two":
                        raise ValueError("row 2")

                part = store.write(act)
                assert part.done()
                told.append("rejected" if part.exception() else "taken")
            found = store.read(lambda db: {village for (village,) in db.execute("select village from incident")})
            assert found.result(0) == {"one", "three"}
            return told

        assert store.write(together).result(10).value == ["taken", "rejected", "taken"]
        assert store.vector() == {1: 4}
        assert store.read(reads.broken_chains).result(10) == {}
        with pytest.raises(ZeroDivisionError):
            store.write(lambda tx: (together(tx), 1 / 0)).result(10)
        assert store.vector() == {1: 4}
    assert len(commits) == 1 and len(commits[0].incidents) == 2 and commits[0].local


def test_an_op_on_an_entity_of_another_type_is_refused(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        offer = store.write(rings()).result(10).value
        with pytest.raises(OpInvalid, match="written on a offer"):
            store.write(edits(offer, village="x")).result(10)


@pytest.mark.promise("D2")
def test_a_merge_transaction_holds_at_most_200_ops_and_lets_the_screen_in_between(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        one.write(lambda tx: [opens(f"n{n}")(tx) for n in range(1000)]).result(10)
        commits: list[Changes] = []
        typed: list[Future[Any]] = []

        def on_commit(changes: Changes) -> None:
            if not commits:
                typed.append(two.write(opens("typed")))
            commits.append(changes)

        two.listen(on_commit)
        merged = two.merge(admitted(two, one.page({}, 1000)))
        assert len(merged.result(10).incidents) == 1000
        typed[0].result(10)
        assert [len(changes.incidents) for changes in commits] == [200, 1] + [MERGE_BESIDE] * (800 // MERGE_BESIDE)
        assert [changes.local for changes in commits][:2] == [False, True]
        assert store_module.MERGE_PAGE == 200


@pytest.mark.promise("D2", "S4")
def test_acts_without_pause_do_not_keep_sync_out(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        one.write(lambda tx: [opens(f"n{n}")(tx) for n in range(300)]).result(10)
        ended = threading.Event()

        def again(written: Future[Any]) -> None:
            if not ended.is_set():
                two.write(opens("import")).add_done_callback(again)

        for _ in range(3):
            two.write(opens("import")).add_done_callback(again)
        try:
            two.merge(admitted(two, one.page({}, 300))).result(20)
        finally:
            ended.set()
        assert two.vector()[1] == 300


@pytest.mark.expected_log("the writer failed")
def test_a_writer_that_breaks_leaves_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as store:
        monkeypatch.setattr(store._writer, "_commit_acts", lambda acts: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.write(opens()).result(5)
        wait_until(lambda: not store._writer.thread.is_alive(), what="the writer gone")
        with pytest.raises(StoreClosed):
            store.write(opens()).result(5)


def test_a_gap_is_refused_with_the_vector_and_nothing_applied(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        one.write(lambda tx: [opens(f"n{n}")(tx) for n in range(600)]).result(10)
        ops = admitted(two, one.page({}, 600))
        two.merge(ops[:100]).result(10)
        with pytest.raises(Gap) as gap:
            two.merge(ops[50:500] + ops[501:]).result(10)
        assert gap.value.vector == {1: 100} and (gap.value.expected, gap.value.got) == (501, 502)
        assert two.vector() == {1: 100}
        two.merge(ops[50:]).result(10)
        two.merge(ops).result(10)
        assert one.digest() == two.digest()


@pytest.mark.promise("S5", "M1")
def test_another_history_of_a_replica_is_noticed_whichever_peer_brought_the_first(tmp_path: Path) -> None:
    """Both were admitted against the same head, and both are signed: a cloned disk has the device's key."""
    with desks(tmp_path, 2) as (one, two):
        one.write(opens("AMB-1-0001")).result(10)
        two.merge(admitted(two, one.page({}, 10))).result(10)
        shutil.copytree(tmp_path, tmp_path / "clone")
        with desk(tmp_path / "clone", 1) as clone:
            clone.write(opens("AMB-1-0002")).result(10)
            clone.write(opens("AMB-1-0003")).result(10)
            cloned = admitted(two, clone.page(two.vector(), 10))
        one.write(opens("AMB-1-0004")).result(10)
        two.merge(admitted(two, one.page(two.vector(), 10))).result(10)
        with pytest.raises(ChainBroken):
            two.merge(cloned).result(10)
        assert two.vector() == {1: 2} and two.digest() == one.digest()


def test_listeners_that_fail_harm_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with desk(tmp_path) as store:
        heard: list[Changes] = []
        store.listen(lambda changes: 1 / 0)  # type: ignore[arg-type,return-value]
        stop = store.listen(heard.append)
        store.write(opens()).result(10)
        stop()
        store.write(opens()).result(10)
    assert len(heard) == 1
    caplog.clear()


test_listeners_that_fail_harm_nobody = pytest.mark.expected_log("a listener failed")(
    test_listeners_that_fail_harm_nobody
)


def test_a_closed_store_refuses_and_has_done_what_waited(tmp_path: Path) -> None:
    store = desk(tmp_path)
    waiting = [store.write(opens(f"n{n}")) for n in range(20)]
    store.close()
    assert all(future.result(0) for future in waiting)
    with pytest.raises(StoreClosed):
        store.write(opens()).result(1)
    with pytest.raises(StoreClosed):
        store.read(lambda db: None).result(1)
    store.close()


def test_what_the_hub_has_is_noted_and_can_go_back(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        offer = store.write(rings()).result(10).value
        incident = store.write(opens(call=offer)).result(10).value
        assert store.unsent()[0] == 2
        sent = store.acked({1: 1, 99: 5}).result(10)
        assert sent.offers == {offer} and sent.calls == {offer} and not sent.incidents and not sent.local
        assert store.unsent()[0] == 1
        assert store.acked({1: 2}).result(10).incidents == {incident}
        assert store.unsent() == (0, None)
        assert store.acked({}).result(10).incidents == {incident}  # a hub from an old copy
        assert store.unsent()[0] == 2
    with desk(tmp_path) as store:
        assert store.unsent()[0] == 2


def test_values_beside_the_record_stay_here(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        one.write(lambda tx: tx.set_meta("next_number", 7)).result(10)
        assert one.write(lambda tx: tx.meta("next_number")).result(10).value == 7
        two.merge(admitted(two, one.page({}, 10))).result(10)
        assert two.write(lambda tx: tx.meta("next_number", 0)).result(10).value == 0


def test_a_read_sees_one_moment(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        inside, go = threading.Event(), threading.Event()

        def read(db: Connection) -> tuple[int, int]:
            before = db.execute("select count(*) from incident").fetchone()[0]
            inside.set()
            go.wait(10)
            return before, db.execute("select count(*) from incident").fetchone()[0]

        reading = store.read(read)
        inside.wait(10)
        store.write(opens()).result(10)
        go.set()
        assert reading.result(10) == (0, 0)
        assert store.read(lambda db: db.execute("select count(*) from incident").fetchone()[0]).result(10) == 1


def test_a_fault_of_the_machine_is_told_in_words(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
        pages = store.write(lambda tx: tx.db.execute("pragma page_count").fetchone()[0]).result(10).value
        store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {pages + 2}").fetchone()).result(10)

        def much(tx: Tx) -> None:
            for n in range(200):
                incident = opens(f"n{n}")(tx)
                tx.append("incident.noted", incident, {"text": "x" * 3000, "at": tx.now()})

        with pytest.raises(Exception, match="disk is full"):
            store.write(much).result(10)
        store.write(lambda tx: tx.db.execute("pragma max_page_count = 4294967294").fetchone()).result(10)
        store.write(opens("after")).result(10)
        assert store.vector() == {1: 2}
        assert store.read(reads.broken_chains).result(10) == {}


@pytest.mark.promise("D2")
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "with-another-act"])
@pytest.mark.parametrize("stubborn", [False, True], ids=["unread", "caught"])
def test_a_disk_that_fills_in_a_part_nobody_reads_ends_the_whole_act(
    tmp_path: Path, stubborn: bool, beside: bool
) -> None:
    """SQLite takes the whole transaction back by itself: what the act wrote from then on would stand alone."""
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
        digest, inside, go = store.digest(), threading.Event(), threading.Event()
        pages = store.write(lambda tx: tx.db.execute("pragma page_count").fetchone()[0]).result(10).value
        store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {pages + 2}").fetchone()).result(10)
        steps: list[str] = []

        def much(tx: Tx) -> None:
            for n in range(200):
                tx.append("incident.noted", opens(f"n{n}")(tx), {"text": "x" * 3000, "at": tx.now()})

        def outer(tx: Tx) -> None:
            steps.append("begun")
            opens("before")(tx)
            with contextlib.suppress(Exception) if stubborn else contextlib.nullcontext():
                store.write(much)  # as an import does with a row whose outcome it looks at later
            store.write(lambda tx: tx.db.execute("pragma max_page_count = 4294967294").fetchone())
            steps.append("went on")
            tx.set_meta("half", 1)
            opens("after")(tx)

        held = store.write(lambda tx: (inside.set(), go.wait(10)))
        inside.wait(10)
        acts = [store.write(outer), *([store.write(opens("neighbour"))] if beside else [])]
        go.set()
        held.result(10)
        for act in acts:
            with pytest.raises(StoreFailed):
                act.result(10)
        assert steps == ["begun"]
        store.write(lambda tx: tx.db.execute("pragma max_page_count = 4294967294").fetchone()).result(10)
        assert (store.vector(), store.digest()) == ({1: 1}, digest)
        assert store.write(lambda tx: tx.meta("half")).result(10).value is None
        assert [row["number"] for row in rows(store, "select number from incident")] == ["AMB-1-0001"]
        store.write(opens("later")).result(10)
        assert store.read(reads.broken_chains).result(10) == {}


def test_search_rows_name_the_op_they_come_from(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, landmark="Gereja Silo")).result(10)
        store.write(edits(incident, landmark="Masjid Raya")).result(10)
        sql = """select hex(entity.uid) as uid, op.kind, op.seq from search join op on op.n = search.rowid & 4294967295
                 join entity on entity.id = search.rowid >> 32 where search match ? order by search.rowid desc"""
        wait_until(lambda: rows(store, sql, "silo"), 10)
        assert rows(store, sql, "silo") == [{"uid": incident.hex().upper(), "kind": "incident.edited", "seq": 2}]
        for turn in range(60):
            store.write(edits(incident, landmark=f"Tanjakan {turn}")).result(10)
        wait_until(lambda: len(rows(store, sql, "tanjakan")) == 60, 10)
        store.write(lambda tx: tx.db.execute("insert into search (search) values ('integrity-check')")).result(10)


def test_the_stdlib_never_opens_a_wal_next_to_ours() -> None:
    """The machine's own SQLite may be one that damages a WAL file; nothing of ours goes through it."""
    from workstation.store import cipher

    assert cipher.dbapi2.sqlite_version_info >= cipher.OLDEST
    assert Store.__module__ == "workstation.store.store"
    assert cipher.dbapi2.OperationalError is not sqlite3.OperationalError
