"""The outbox journal: what the hub has not acknowledged, once more beside the record; a record that went back (D5)."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.store.desks import KEY, desk, edits, opens
from tests.store.sites import SITE_KEY, found
from tests.store.test_open import fingerprint
from tests.waiting import wait_until
from workstation.domain.ids import Uid
from workstation.store import Store, StoreRefused, Tx, outbox, reads
from workstation.store.cipher import connect
from workstation.store.errors import StoreDamaged
from workstation.store.outbox import Found, Kept

OTHER = bytes(32)


def a_desk(folder: Path, **more: object) -> Store:
    return desk(folder, outbox=folder / "outbox", **more)  # type: ignore[arg-type]


def journal(folder: Path, key: bytes = KEY) -> list[Found]:
    return list(outbox.read(folder / "outbox", key))


def written(folder: Path, key: bytes = KEY) -> dict[int, Kept]:
    """This desk's ops by number, as the journal has them."""
    return {kept.seq: kept for segment in journal(folder, key) for kept in segment.ops if kept.replica == 1}


def notes(store: Store, incident: Uid, count: int, words: str = "catatan") -> None:
    def act(tx: Tx) -> None:
        for n in range(count):
            tx.append("incident.noted", incident, {"text": f"{words} {n}", "at": tx.now()})

    store.write(act).result(10)


@pytest.mark.promise("D5")
def test_what_is_said_to_be_saved_is_in_the_journal_too_and_tells_nothing_without_the_key(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, village="Rahasia Negeri")).result(10)
        notes(store, incident, 3)
        kept = written(tmp_path)
        assert sorted(kept) == [1, 2, 3, 4, 5]
        stored = {
            seq: raw for seq, raw in store.read(lambda db: db.execute("select seq, raw from op").fetchall()).result()
        }
        assert {seq: one.raw for seq, one in kept.items()} == stored
        assert kept[5].head == store.heads()[1] and all(one.salt for one in kept.values())
        owner = journal(tmp_path)[0].owner
        assert (owner.replica, owner.site) == (1, "AMB") and len(owner.device) == 32
    held = b"".join(file.read_bytes() for file in (tmp_path / "outbox").iterdir())
    assert b"Rahasia" not in held and owner.device not in held
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in (tmp_path / "outbox").iterdir())
    assert journal(tmp_path, OTHER) == []


@pytest.mark.promise("D5")
def test_what_was_taken_back_is_not_in_the_journal(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value

        def fails(tx: Tx) -> None:
            tx.append("incident.noted", incident, {"text": "hilang", "at": 1})
            raise RuntimeError("no")

        def partly(tx: Tx) -> None:
            tx.append("incident.noted", incident, {"text": "satu", "at": 1})
            with pytest.raises(RuntimeError):
                tx.nested(fails)
            tx.append("incident.noted", incident, {"text": "dua", "at": 1})

        with pytest.raises(RuntimeError):
            store.write(fails).result(10)
        store.write(partly).result(10)
        stored = store.read(lambda db: db.execute("select seq, raw from op").fetchall()).result(10)
        assert {seq: one.raw for seq, one in written(tmp_path).items()} == dict(stored)
        assert sorted(written(tmp_path)) == [1, 2, 3]


@pytest.mark.promise("D5")
def test_segments_go_when_the_hub_has_them_and_the_journal_still_knows_how_far_it_got(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SEGMENT_BYTES", 2000)

    def seqs() -> list[int]:
        return sorted(written(tmp_path))

    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        for _ in range(10):
            notes(store, incident, 5)
        assert seqs() == list(range(1, 52)) and len(journal(tmp_path)) > 3
        store.acked({1: 40}).result(10)
        wait_until(lambda: seqs() and seqs()[0] > 20, what="whole segments gone")
        assert set(range(41, 52)) <= set(seqs()), "nothing the hub lacks has gone"
        store.acked({1: 51}).result(10)
        wait_until(lambda: len(journal(tmp_path)) == 1, what="all but the last gone")
    assert outbox.reached(tmp_path / "outbox", KEY, 1) == 51
    with a_desk(tmp_path) as store:
        notes(store, incident, 1)
        assert seqs()[-1] == 52
    assert outbox.reached(tmp_path / "outbox", KEY, 1) == 52


@pytest.mark.promise("D5")
def test_a_torn_or_bent_segment_gives_what_stands_before(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        for _ in range(3):
            notes(store, incident, 1)
    (path,) = (tmp_path / "outbox").iterdir()
    whole = path.read_bytes()
    seen = set()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        found = journal(tmp_path)
        seqs = [kept.seq for segment in found for kept in segment.ops]
        assert seqs == list(range(1, len(seqs) + 1))
        seen.add(len(seqs))
        bent = bytearray(whole)
        bent[end] ^= 0xFF
        path.write_bytes(bent)
        for segment in journal(tmp_path):
            assert [kept.seq for kept in segment.ops] == list(range(1, len(segment.ops) + 1))
    assert seen == {0, 1, 2, 3}
    path.write_bytes(whole)
    assert sorted(written(tmp_path)) == [1, 2, 3, 4]


@pytest.mark.promise("D5")
@pytest.mark.expected_log("the outbox journal can't be written")
def test_a_disk_that_takes_no_journal_stops_no_act_and_what_was_missed_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value

        def full(file: int, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(outbox, "_write", full)
            notes(store, incident, 2)
            notes(store, incident, 1)
            assert "No space left" in store.outbox_fault
        assert store.vector() == {1: 4} and sorted(written(tmp_path)) == [1]
        notes(store, incident, 1)
        assert sorted(written(tmp_path)) == [1, 2, 3, 4, 5] and store.outbox_fault == ""


@pytest.mark.promise("D5")
def test_a_killed_desk_has_journalled_all_it_said_was_saved_and_catches_up(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.store.desks import KEY, edits, opens
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.store import Store
folder = Path(sys.argv[1])
store = Store.open(folder / "desk-1.db", KEY, replica=1, clock=SystemClock(), ids=SystemIds(), site="AMB",
                   outbox=folder / "outbox")
incident = store.write(opens()).result().value
while True:
    store.write(edits(incident, landmark="tanjakan " * 20)).result()
    print(store.vector()[1], flush=True)
"""
    for turn in range(3):
        command = [sys.executable, "-c", script, str(tmp_path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert child.stdout is not None
        with child, child.stdout:
            said = [int(line) for line in islice(child.stdout, 20 + 11 * turn)]
            os.kill(child.pid, signal.SIGKILL)
            said += [int(line) for line in child.stdout.read().split("\n")[:-1] if line]
        assert set(range(1, said[-1] + 1)) <= set(written(tmp_path)), "said to be saved and not in the journal"
        with a_desk(tmp_path) as store:
            reached = store.vector()[1]
            assert reached >= said[-1] and sorted(written(tmp_path)) == list(range(1, reached + 1))


@pytest.mark.promise("D5")
def test_a_journal_that_was_lost_is_filled_again_from_the_record(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        notes(store, incident, 4)
        store.acked({1: 2}).result(10)
    shutil.rmtree(tmp_path / "outbox")
    with a_desk(tmp_path) as store:
        assert sorted(written(tmp_path)) == [3, 4, 5]


@pytest.mark.promise("D5")
def test_the_journal_names_the_sites_the_desk_believes_in(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        store.write(opens()).result(10)
        found(store)
        incident = store.write(opens("AMB-1-0002")).result(10).value
        notes(store, incident, 1)
    assert journal(tmp_path)[0].owner.sites == {}
    assert journal(tmp_path)[-1].owner.sites == {"AMB": SITE_KEY.public}


# --- a record that is not what this desk has written
def left_behind(folder: Path, *, commits: int = 5) -> Path:
    """A record as a killed desk leaves it, with its journal: file and WAL apart."""
    source = folder / "source"
    left = folder / "left"
    left.mkdir()
    with a_desk(source) as store:
        incident = store.write(opens()).result(10).value
        # What stands in the file itself, and not only in its WAL.
        db = connect(source / "desk-1.db", KEY)
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
        db.close()
        for _ in range(commits):
            notes(store, incident, 1)
        shutil.copytree(source, left, dirs_exist_ok=True)
    return left


@pytest.mark.promise("D5", "S5")
def test_a_record_whose_wal_was_lost_or_cut_is_not_written_and_left_as_it_is(tmp_path: Path) -> None:
    left = left_behind(tmp_path)
    wal = left / "desk-1.db-wal"
    whole = wal.read_bytes()
    for damage in (None, whole[: len(whole) // 2], whole[:-100], whole[:40] + os.urandom(60) + whole[100:]):
        wal.unlink(missing_ok=True)
        if damage is not None:
            wal.write_bytes(damage)
        before = fingerprint(left) | fingerprint(left / "outbox")
        with pytest.raises(StoreDamaged, match="older than what this desk has written"):
            a_desk(left)
        assert fingerprint(left) | fingerprint(left / "outbox") == before
    wal.write_bytes(whole)
    with a_desk(left) as store:
        assert store.vector() == {1: 6}


@pytest.mark.promise("D5", "S5")
def test_a_copy_put_in_the_records_place_by_hand_is_not_written(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
    shutil.copy(tmp_path / "desk-1.db", tmp_path / "old.db")
    with a_desk(tmp_path) as store:
        notes(store, incident, 1)
        store.acked({1: 2}).result(10)
    shutil.copy(tmp_path / "old.db", tmp_path / "desk-1.db")
    with pytest.raises(StoreDamaged, match="older"):
        a_desk(tmp_path)


@pytest.mark.promise("D5")
def test_a_record_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        store.write(opens()).result(10)
    path = tmp_path / "desk-1.db"
    whole = path.read_bytes()
    for damage in (None, b""):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        with pytest.raises(StoreDamaged, match="is gone"):
            a_desk(tmp_path)
        assert path.exists() == (damage is not None)
        path.write_bytes(whole)


@pytest.mark.promise("D5")
def test_a_damaged_beginning_is_told_from_another_key(tmp_path: Path) -> None:
    with a_desk(tmp_path) as store:
        store.write(opens()).result(10)
    path = tmp_path / "desk-1.db"
    with pytest.raises(StoreRefused, match="key") as refused:
        a_desk(tmp_path, key=OTHER)
    assert not isinstance(refused.value, StoreDamaged)
    whole = path.read_bytes()
    for damaged in (bytes(4096) + whole[4096:], os.urandom(100) + whole[100:], whole[:3000]):
        path.write_bytes(damaged)
        with pytest.raises(StoreDamaged, match=r"damaged.*recover"):
            a_desk(tmp_path)
        assert path.read_bytes() == damaged


def test_a_store_without_a_journal_works_as_before(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
        assert store.read(reads.broken_chains).result(10) == {}
    assert not (tmp_path / "outbox").exists()
