"""What a machine or a key can do to a start: every command ends in one sentence, with what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.commands import SAMPLE, record, record_file, run
from tests.service.desks import KEY
from workstation.store import Store

COMMANDS = (
    (),
    ("replay", SAMPLE, "--map", "datasf_fire.toml"),
    ("enrol", "--login", "kepala1", "--name", "K", "--role", "lead"),
    ("digest",),
)
FULL = """
import sys
from workstation.store import database
from workstation.cli import main
real = database.connect

def connect(*words, **more):
    connection = real(*words, **more)
    connection.execute("pragma max_page_count = 4")
    return connection

database.connect = connect
sys.exit(main(sys.argv[1:]))
"""


def words_of(settings: Path, *command: object) -> list[str]:
    return ["--settings", str(settings), *map(str, command)]


@pytest.mark.parametrize("command", COMMANDS[:3], ids=["desk", "replay", "enrol"])
def test_a_disk_full_at_the_start_is_one_sentence_with_the_remedy(settings: Path, command: tuple[object, ...]) -> None:
    ended = run(*words_of(settings, *command), typed="112112\n", program=["-c", FULL])
    where = record_file(settings)
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        1,
        "",
        f"tahuri: {where}: the disk is full: free some space, then start again\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX's")
@pytest.mark.parametrize("command", COMMANDS[:3], ids=["desk", "replay", "enrol"])
def test_a_disk_that_takes_no_key_is_one_sentence_and_leaves_no_half_of_one(
    settings: Path, command: tuple[object, ...]
) -> None:
    from resource import RLIMIT_FSIZE, setrlimit

    def none_written() -> None:
        setrlimit(RLIMIT_FSIZE, (0, 0))

    ended = run(*words_of(settings, *command), typed="112112\n", before=none_written)
    key = record_file(settings).with_name("store.key")
    why = "(File too large): free space, or check the folder"
    assert (ended.returncode, ended.stderr) == (1, f"tahuri: the new key cannot be kept in {key} {why}\n")
    assert not key.exists()
    assert run(*words_of(settings, *COMMANDS[1])).returncode == 0, "with room it starts as if nothing had been"


MADE_ANEW = "desk.db is damaged; it was left as it is: run `python -m workstation recover`"


@pytest.mark.parametrize(
    ("command", "said"),
    [(COMMANDS[1], MADE_ANEW), (COMMANDS[2], MADE_ANEW),
     (COMMANDS[3], "{path}: the record's file is damaged: restore the newest copy")],
    ids=["replay", "enrol", "digest"],
)  # fmt: skip
def test_a_damaged_record_is_one_sentence_with_the_remedy(
    settings: Path, command: tuple[object, ...], said: str
) -> None:
    """The desk itself makes it anew: `test_record_commands`."""
    assert run(*words_of(settings, *COMMANDS[1])).returncode == 0
    path, _ = record(settings)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    ended = run(*words_of(settings, *command), typed="112112\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        1,
        "",
        f"tahuri: {said.format(path=path)}\n",
    )


@pytest.mark.promise("D1", "D3")
@pytest.mark.parametrize("command", COMMANDS, ids=["desk", "replay", "enrol", "digest"])
def test_another_key_is_one_sentence_with_the_remedy(settings: Path, command: tuple[object, ...]) -> None:
    assert run(*words_of(settings, *COMMANDS[1])).returncode == 0
    path, _ = record(settings)
    before = path.read_bytes()
    (path.parent / "store.key").write_text(KEY.hex())
    ended = run(*words_of(settings, *command), typed="112112\n")
    why = "its key is another, or it is damaged; it was left as it is: bring its key back, or restore the newest copy"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"tahuri: desk.db cannot be read: {why}\n")
    assert path.read_bytes() == before


def test_a_record_in_use_is_refused_in_one_sentence(settings: Path) -> None:
    assert run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json").returncode == 0
    path, key = record(settings)
    with Store.open(path, key):
        ended = run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml")
        assert (ended.returncode, "in use" in ended.stderr) == (1, True)


@pytest.mark.promise("D1")
def test_a_record_whose_key_is_gone_is_told_as_such(settings: Path) -> None:
    ended = run(*words_of(settings, "digest"))
    assert (ended.returncode, ended.stderr) == (1, f"tahuri: there is no record in {settings.parent}/data yet\n")
    assert run(*words_of(settings, *COMMANDS[1])).returncode == 0
    path, _ = record(settings)
    key = path.with_name("store.key")
    key.unlink()
    ended = run(*words_of(settings, "digest"))
    why = f"{path} has no key in {key}: bring the key back, or restore a copy"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"tahuri: {why}\n")
