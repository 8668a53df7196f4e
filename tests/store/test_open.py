"""Opening: encrypted, refused untouched, copied before migrating (promises D1, D3)."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.store.desks import KEY, desk, edits, opens, rows
from tests.waiting import wait_until
from workstation.store import Store, StoreFailed, StoreRefused, cipher, errors, read_digest
from workstation.store import database as database_module
from workstation.store.cipher import Connection
from workstation.store.schema import STEPS, Step

FOUND = "select count(*) as hits from search where search match ?"
VECTORS = Path(__file__).parent.parent / "vectors"


def fingerprint(folder: Path) -> dict[str, str]:
    """What every file of the folder holds; the lock and the shared-memory index carry nothing of the record."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.endswith((".lock", "-shm"))
    }


def found(store: Store, word: str) -> int:
    """How many rows of the search index have this word."""
    return int(rows(store, FOUND, word)[0]["hits"])


def abandoned(folder: Path) -> Path:
    """A record as a killed process leaves it: file and WAL, nothing folded back."""
    source = folder / "source"
    with desk(source) as store:
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, village="Batu Merah")).result(10)
        left = folder / "left"
        left.mkdir()
        for name in ("desk-1.db", "desk-1.db-wal"):
            shutil.copy(source / name, left / name)
    return left


@pytest.mark.promise("D1")
def test_the_file_tells_nothing_without_the_key(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens()).result(10).value
        store.write(edits(incident, village="Rahasia Negeri")).result(10)
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Rahasia" not in held and b"SQLite format" not in held
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "desk-1.db").execute("select * from op")
    assert stat.S_IMODE((tmp_path / "desk-1.db").stat().st_mode) == 0o600


@pytest.mark.promise("D1", "D3")
def test_a_wrong_key_is_refused_and_the_file_left_as_it_was(tmp_path: Path) -> None:
    left = abandoned(tmp_path)
    before = fingerprint(left)
    with pytest.raises(StoreRefused, match="key"):
        desk(left, key=bytes(32))
    with pytest.raises(StoreRefused, match="key"):
        desk(left, key=None)
    assert fingerprint(left) == before
    with desk(left) as store:
        assert [row["village"] for row in rows(store, "select village from incident")] == ["Batu Merah"]


@pytest.mark.promise("D1")
def test_a_plain_file_needs_the_plain_setting(tmp_path: Path) -> None:
    with desk(tmp_path, key=None) as store:
        store.write(opens()).result(10)
    assert (tmp_path / "desk-1.db").read_bytes().startswith(b"SQLite format 3")
    before = fingerprint(tmp_path)
    with pytest.raises(StoreRefused, match="not encrypted"):
        desk(tmp_path)
    assert fingerprint(tmp_path) == before


def with_step(name: str) -> tuple[Step, ...]:
    """This program's schema and one step more."""

    def more(db: Connection) -> None:
        db.execute("create table more (a)")
        if name == "9999_fails":
            raise RuntimeError("broken step")

    return (*STEPS, Step(name, more))


def has_more(db: Connection) -> bool:
    return db.execute("select 1 from sqlite_master where name = 'more'").fetchone() is not None


@pytest.mark.promise("D3")
def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    with desk(tmp_path, steps=with_step("9999_newer")) as store:
        store.write(opens()).result(10)
    before = fingerprint(tmp_path)
    with pytest.raises(StoreRefused, match="newer version"):
        desk(tmp_path)
    assert fingerprint(tmp_path) == before


@pytest.mark.promise("D3")
def test_a_copy_is_made_before_migrating(tmp_path: Path) -> None:
    left = abandoned(tmp_path)
    with desk(left) as store:
        digest = store.digest()
    with desk(left, steps=with_step("9998_more")) as store:
        assert store.read(has_more).result(10)
        assert store.digest() == digest
    copy = left / "desk-1.db.before-9998_more"
    assert read_digest(copy, KEY) == digest
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    shutil.copy(copy, tmp_path / "desk-1.db")
    with desk(tmp_path) as store:  # an older program opens the copy
        assert store.digest() == digest


@pytest.mark.promise("D3")
def test_a_step_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        store.write(opens()).result(10)
    with pytest.raises(RuntimeError, match="broken step"):
        desk(tmp_path, steps=with_step("9999_fails"))
    with desk(tmp_path) as store:
        assert not store.read(has_more).result(10)


@pytest.mark.promise("D3")
@pytest.mark.parametrize("schema", range(1, len(STEPS) + 1))
def test_a_record_of_every_schema_opens(tmp_path: Path, schema: int) -> None:
    shutil.copy(VECTORS / f"desk-schema-{schema}.db", tmp_path / "desk-1.db")
    with desk(tmp_path) as store:
        digest = (VECTORS / f"desk-schema-{schema}.digest").read_text().strip()
        assert store.digest().hex() == digest
        assert rows(store, "select village, status from incident order by number") == [
            {"village": "Batu Merah", "status": "dispatched"},
            {"village": "Silale", "status": "draft"},
        ]
        store.write(opens("AMB-1-0003")).result(10)
        wait_until(lambda: found(store, "0003"), 10, what="the new op's words are in the index")
        assert found(store, "silale") == 1, "the words of the old ones are in it once"


def room_for(pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which the file that is opened next may have so many pages."""

    def connect(*words: Any, **more: Any) -> Connection:
        connection = cipher.connect(*words, **more)
        connection.execute(f"pragma max_page_count = {pages}")
        return connection

    monkeypatch.setattr(database_module, "connect", connect)


@pytest.mark.parametrize("pages", [1, 2, 12, 40])
def test_a_disk_too_full_for_a_new_record_is_said_and_it_is_made_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    with monkeypatch.context() as full:
        room_for(pages, full)
        with pytest.raises(StoreFailed) as failed:
            desk(tmp_path)
    assert str(failed.value) == f"{tmp_path / 'desk-1.db'}: the disk is full: free some space, then start again"
    with desk(tmp_path) as store:
        store.write(opens()).result(10)


@pytest.mark.promise("D3")
def test_a_disk_too_full_for_a_migration_is_said_and_the_record_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = abandoned(tmp_path)
    with desk(left) as store:
        digest = store.digest()
    pages = (left / "desk-1.db").stat().st_size // 4096
    with monkeypatch.context() as full:
        room_for(pages, full)
        with pytest.raises(StoreFailed, match="the disk is full: free some space, then start again"):
            desk(left, steps=with_step("9998_more"))
    with desk(left) as store:
        assert store.digest() == digest and not store.read(has_more).result(10)


def test_a_disk_that_has_no_room_for_shared_memory_is_full_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite calls that an input/output error; only the disk itself says that it is full."""
    with monkeypatch.context() as disk:
        said = cipher.dbapi2.OperationalError("disk I/O error")
        disk.setattr(database_module, "connect", lambda *_, **__: raises(said))
        disk.setattr(errors, "_free", lambda _: errors.ROOM_LEAST - 1)
        with pytest.raises(StoreFailed, match="the disk is full: free some space, then start again"):
            desk(tmp_path)
        disk.setattr(errors, "_free", lambda _: errors.ROOM_LEAST)
        with pytest.raises(StoreFailed, match="the disk gives errors: copy the record to another disk"):
            desk(tmp_path)


def raises(error: Exception) -> Connection:
    raise error


def test_wherever_a_record_is_damaged_it_opens_or_says_so_with_the_remedy(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        for number in range(30):
            incident = store.write(opens(f"n{number}")).result(10).value
            store.write(edits(incident, landmark=f"jalan {number}")).result(10)
    file = tmp_path / "desk-1.db"
    whole = file.read_bytes()
    said: Counter[str] = Counter()
    for start in range(0, len(whole), 4096):
        file.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        try:
            desk(tmp_path).close()
        except (StoreFailed, StoreRefused) as error:
            said[str(error)] += 1
    assert set(said) == {
        f"{file}: the record's file is damaged: restore the newest copy",
        "desk-1.db cannot be read: its key is another, or it is damaged; it was left as it is: "
        "bring its key back, or restore the newest copy",
    }
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreFailed, match="damaged"):
        desk(tmp_path)
    file.write_bytes(whole)
    desk(tmp_path).close()


def test_what_is_no_file_is_not_opened_and_said(tmp_path: Path) -> None:
    (tmp_path / "desk-1.db").mkdir()
    with pytest.raises(StoreFailed, match="cannot be opened: check its folder and permissions"):
        desk(tmp_path)
    (tmp_path / "folder").touch()
    with pytest.raises(StoreFailed, match="cannot be opened: check its folder and permissions"):
        desk(tmp_path / "folder")


@pytest.mark.promise("D3")
def test_a_digest_of_a_file_that_cannot_be_opened_is_refused_as_the_desk_refuses_it(tmp_path: Path) -> None:
    with desk(tmp_path, steps=with_step("9999_newer")) as store:
        store.write(opens()).result(10)
    file = tmp_path / "desk-1.db"
    for key, why in ((bytes(32), "its key is another"), (None, "its key is another"), (KEY, "newer version")):
        with pytest.raises(StoreRefused, match=why):
            read_digest(file, key)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        read_digest(tmp_path / "gone.db", KEY)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "desk-1.db")
    connection.execute("create table songs (a)")
    connection.close()
    before = fingerprint(tmp_path)
    with pytest.raises(StoreRefused, match="another program"):
        desk(tmp_path, key=None)
    assert fingerprint(tmp_path) == before


def test_one_record_has_one_writer(tmp_path: Path) -> None:
    with desk(tmp_path), pytest.raises(StoreRefused, match="in use"):
        desk(tmp_path)
    with desk(tmp_path):
        pass


def test_an_sqlite_that_damages_its_wal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "library_version", lambda: (3, 51, 2))
    with pytest.raises(StoreRefused, match=r"3\.51\.3"):
        desk(tmp_path)
    assert not (tmp_path / "desk-1.db").exists()


def test_replica_and_epoch_stay_with_the_file(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", KEY) as store:
        first = (store.replica, store.epoch)
    with Store.open(tmp_path / "a.db", KEY) as store:
        assert (store.replica, store.epoch) == first
    with Store.open(tmp_path / "a.db", KEY, replica=77) as store:
        assert store.replica == 77
    with Store.open(tmp_path / "b.db", KEY) as store:
        assert store.epoch != first[1] and len(store.epoch) == 16


@pytest.mark.parametrize("first", ["workstation.store.migrate", "sqlite_utils"])
def test_sqlite_utils_knows_sqlciphers_errors_whoever_is_imported_first(first: str) -> None:
    """`alter=True` works by catching OperationalError; without the alias it would raise SQLCipher's."""
    script = f"""
import {first}
import tempfile, pathlib
from workstation.store.cipher import connect
from workstation.store.migrate import Database
path = pathlib.Path(tempfile.mkdtemp()) / "a.db"
path.touch()
db = Database(connect(path, bytes(32)))
db["t"].insert({{"a": 1}})
db["t"].insert({{"a": 2, "b": 3}}, alter=True)
print(list(db.query("select sum(b) as b from t")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[{'b': 3}]", done.stderr


def test_a_file_up_to_date_is_opened_without_sqlite_utils(tmp_path: Path) -> None:
    """It is a fifth of the time to the first frame; only a file that lacks a step needs it."""
    script = f"""
import sys
from workstation.store import Store
for _ in range(2):
    Store.open({str(tmp_path / "a.db")!r}, bytes(32)).close()
    print("sqlite_utils" in sys.modules)
    for name in [name for name in sys.modules if name.split(".")[0] == "sqlite_utils"]:
        del sys.modules[name]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "False"], done.stderr
