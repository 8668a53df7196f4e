"""Backup, restore on another PC, and recover, as IT types them (promises D1, D5, S5)."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.cli.test_commands import SAMPLE, run
from tests.cli.test_site_commands import PASSWORD, PIN, a_desk
from tests.store.centre import dots
from workstation.store import Store, check
from workstation.store.cipher import connect


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "site.key"


@pytest.fixture
def one(tmp_path: Path, key: Path) -> Path:
    """A desk that founded its site, with a lead and an import's worth of ops."""
    settings = a_desk(tmp_path, 1)
    assert run("--settings", settings, "found", "--site-key", key, typed=f"{PASSWORD}\n").returncode == 0
    enrolled = run(
        "--settings", settings, "enrol", "--login", "kepala1", "--name", "Kepala 1", "--role", "lead",
        "--site-key", key, typed=f"{PASSWORD}\n{PIN}\n",
    )  # fmt: skip
    assert enrolled.returncode == 0, enrolled
    replayed = run(
        "--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json", "--by", "kepala1",
        typed=f"{PIN}\n",
    )  # fmt: skip
    assert replayed.returncode == 0, replayed
    return settings


def opened(settings: Path) -> Store:
    data = settings.parent / "data"
    return Store.open(data / "desk.db", bytes.fromhex((data / "store.key").read_text()), site="AMB")


def doctor(settings: Path) -> dict[str, tuple[str, str]]:
    told = json.loads(run("--settings", settings, "doctor", "--json").stdout)
    return {found["name"]: (found["state"], found["sentence"]) for found in told["checks"]}


@pytest.mark.promise("D1", "D5", "S5")
def test_a_backup_is_restored_on_another_pc_with_the_sites_key(tmp_path: Path, one: Path, key: Path) -> None:
    with opened(one):  # the desk is running
        told = run("--settings", one, "backup", tmp_path / "stick")
    assert told.returncode == 0, told
    copy = Path(re.search(r"whole: (.+\.db)$", told.stdout, re.M)[1])  # type: ignore[index]
    assert "copying 100 %" in told.stderr and "looking through 100 %" in told.stderr
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with opened(one) as store:
        had, digest, replica, device = dots(store), store.digest(), store.replica, store.device.public

    other = a_desk(tmp_path, 2)
    lost = run("--settings", other, "restore", copy)
    assert lost.returncode == 1 and "--site-key" in lost.stderr and lost.stderr.count("tahuri:") == 1
    wrong = run("--settings", other, "restore", copy, "--site-key", key, typed="another\n")
    assert wrong.returncode == 1 and "password" in wrong.stderr
    assert not (other.parent / "data" / "desk.db").exists()
    back = run("--settings", other, "restore", copy, "--site-key", key, typed=f"{PASSWORD}\n")
    assert back.returncode == 0, back
    assert "making anew 100 %" in back.stderr and f"{len(had)} ops" in back.stdout and "new code" in back.stdout
    with opened(other) as store:
        assert dots(store) == had and store.digest() == digest
        assert store.replica != replica and store.device.public != device, "two PCs never write under one number"
        data = other.parent / "data"
        assert (data / "store.key").read_text() != (one.parent / "data" / "store.key").read_text()
        assert check.whole(data / "desk.db", bytes.fromhex((data / "store.key").read_text())) == []
    again = run("--settings", other, "restore", copy, "--site-key", key, typed=f"{PASSWORD}\n")
    assert again.returncode == 1 and "already" in again.stderr
    with opened(other) as store:
        assert dots(store) == had


@pytest.mark.promise("D5")
def test_a_copy_of_ones_own_needs_no_sites_key_and_a_damaged_one_replaces_nothing(tmp_path: Path, one: Path) -> None:
    assert run("--settings", one, "backup", tmp_path / "stick").returncode == 0
    (copy,) = (tmp_path / "stick").glob("*.db")
    data = one.parent / "data"
    whole = copy.read_bytes()
    for name in ("desk.db", "desk.db-wal", "desk.db-shm"):
        (data / name).unlink(missing_ok=True)
    copy.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    refused = run("--settings", one, "restore", copy)
    assert refused.returncode == 1 and not (data / "desk.db").exists()
    copy.write_bytes(whole)
    back = run("--settings", one, "restore", copy)
    assert back.returncode == 0, back
    with opened(one) as store:
        assert store.vector()


@pytest.mark.promise("D5")
def test_recover_is_said_to_be_needless_or_brings_all_back(one: Path) -> None:
    needless = run("--settings", one, "recover")
    assert needless.returncode == 0 and "nothing to recover" in needless.stdout
    with opened(one) as store:
        had, digest = dots(store), store.digest()
    record = one.parent / "data" / "desk.db"
    size = record.stat().st_size
    with record.open("rb+") as file:
        file.seek(size // 2)
        file.write(bytes(4096))
    assert doctor(one)["store"][0] == "failed"
    back = run("--settings", one, "recover")
    assert back.returncode == 0 and "kept as" in back.stdout, back
    with opened(one) as store:
        assert dots(store) == had and store.digest() == digest
    found = doctor(one)
    assert found["store"][0] == "good" and found["old file"][0] == "look"
    assert found["recovery"][0] == "good"


def test_the_doctor_tells_of_copies_and_of_a_key_nobody_else_has(tmp_path: Path, one: Path) -> None:
    found = doctor(one)
    assert found["copies"][0] == "look" and found["nightly"][0] == "look"
    assert run("--settings", one, "backup", one.parent / "data" / "copies").returncode == 0
    assert doctor(one)["copies"][0] == "good"
    alone = a_desk(tmp_path, 5)
    assert run("--settings", alone, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json").returncode == 0
    state, told = doctor(alone)["recovery"]
    assert state == "look" and "nothing opens" in told
    copied = run("--settings", alone, "backup", tmp_path / "stick5")
    assert "this machine's key alone opens it" in copied.stdout


def test_a_folder_that_cannot_be_made_is_one_sentence(one: Path) -> None:
    refused = run("--settings", one, "backup", "/proc/nowhere")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1) and "/proc/nowhere" in refused.stderr


@pytest.mark.promise("D5")
@pytest.mark.expected_log("made anew")
def test_a_desk_whose_record_is_damaged_starts_with_it_made_anew(one: Path) -> None:
    from workstation.app import build
    from workstation.nightly import word
    from workstation.settings import load
    from workstation.words import english

    with opened(one) as store:
        had = dots(store)
    record = one.parent / "data" / "desk.db"
    db = connect(record, bytes.fromhex((record.parent / "store.key").read_text()), mode="ro")
    (root,) = db.execute("select rootpage from sqlite_master where name = 'meta'").fetchone()
    db.close()
    with record.open("rb+") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(4096))
    desktop = build(load(one))
    try:
        assert dots(desktop.store) == had
        assert "has been made anew" in english(word(desktop.store, desktop.desk.clock))
    finally:
        desktop.close()
