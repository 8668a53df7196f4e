"""The commands: what they say, and how they end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, SAMPLE, record, run
from workstation.cli import main
from workstation.domain.sentence import say
from workstation.service.desk import Desk
from workstation.store import StoreFailed, read_digest


def test_replay_ends_with_one_line_of_json_and_goes_on_where_it_stopped(settings: Path) -> None:
    first = run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert set(told) >= {"rows", "calls", "incidents", "assignments", "rejected", "seconds"}
    assert (told["rows"], told["calls"], told["assignments"]) == (12, 5, 6)
    assert [item["row"] for item in told["rejected"]] == [6, 7, 9, 10, 11, 12]
    assert "5 / 5 calls" in first.stderr
    again = run(
        "replay", SAMPLE, "--map", ROOT / "resources/imports/datasf_fire.toml", "--json", "--settings", settings
    )
    assert json.loads(again.stdout)["calls"] == 0 and json.loads(again.stdout)["already"] == 5
    said = run("--settings", settings, "digest").stdout.strip()
    assert said == read_digest(*record(settings)).hex()


def test_replay_of_what_is_not_there_is_one_sentence_with_what_to_do(settings: Path, tmp_path: Path) -> None:
    no_table, no_map = tmp_path / "no.csv", tmp_path / "no.toml"
    ended = run("--settings", settings, "replay", no_table, "--map", "datasf_fire.toml")
    assert (ended.returncode, ended.stderr) == (
        2,
        f"tahuri: {no_table} cannot be read (No such file or directory): name a CSV file that can be\n",
    )
    ended = run("--settings", settings, "replay", SAMPLE, "--map", no_map)
    assert (ended.returncode, ended.stderr) == (
        2,
        f"tahuri: {no_map} is not there: name a file of your own, or one that is carried: datasf_fire.toml\n",
    )


def test_a_settings_file_that_is_not_there_is_named_without_a_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    ended = run("--settings", gone, "digest")
    why = "settings file: cannot be read (No such file or directory): name one that can be"
    assert (ended.returncode, ended.stderr) == (2, f"tahuri: {gone}: {why}\n")


def test_replay_onto_a_full_disk_is_one_sentence_and_its_line_of_json(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(desk: Desk, call: object, mapping: object) -> None:
        raise StoreFailed(say("record.full"))

    words = ["--settings", str(settings), "replay", str(SAMPLE), "--map", "datasf_fire.toml", "--json"]
    with monkeypatch.context() as broken:
        broken.setattr("workstation.exchange.replay.write_call", full)
        assert main(words) == 1
    told = capsys.readouterr()
    assert told.err.startswith("tahuri: the disk is full") and told.err.count("\n") == 1
    assert told.err.endswith("; the same command goes on where it stopped\n")
    assert json.loads(told.out)["calls"] == 0
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 5


def test_a_wrong_setting_ends_every_command_with_its_place_and_exit_2(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[desk]\nname = "Meja 3"\n\nnme = "x"\n')
    for words in ((), ("digest",), ("replay", SAMPLE, "--map", "x"), ("doctor",)):
        ended = run("--settings", wrong, *words)
        assert ended.returncode == 2, words
        assert f"{wrong}:4: desk.nme: unknown" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('[desk]\nzone = "Asia/Nowhere"\n', "desk.zone", 2),
        ('[hub]\n\nurl = "http://[::1"\n', "hub.url", 3),
        ('[hub]\nurl = "http://h:99999999/"\n', "hub.url", 2),
        ('[phone]\nport = 0\npeers = ["10.0.0.1", "zzz"]\n', "phone.peers", 3),
        ('[phone]\nuser = "op1"\nregistrars = ["pbx", "pbx:70000"]\n', "phone.registrars", 3),
        ('[phone]\nregistrars = ["pbx"]\n', "phone.user", 2),
        ('[phone]\nbind = "anywhere"\n', "phone.bind", 2),
        ('[phone]\ntransport = "tls"\n', "phone.transport", 2),
        ("[phone]\nrtp_ports = [9000]\n", "phone.rtp_ports", 2),
        ('[phone]\njoin_header = "X Y"\n', "phone.join_header", 2),
        ("[targets_s]\nhurry = 3\n", "targets_s.hurry", 2),
        ('[targets_s]\n"arrive.nothing" = 3\n', "targets_s.arrive.nothing", 2),
        ('[duty]\nnobody = "112"\n', "duty.nobody", 2),
    ],
)  # fmt: skip
def test_a_wrong_setting_opens_nothing_and_is_named_with_file_and_line(
    tmp_path: Path, text: str, name: str, line: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(f'{text}[store]\nfolder = "{tmp_path}/data"\nkey = "file"\n')
    for words in (
        ["--settings", str(wrong)],
        ["--settings", str(wrong), "digest"],
        ["--settings", str(wrong), "doctor"],
    ):
        assert main(words) == 2, words
        told = capsys.readouterr()
        assert f"{wrong}:{line}: {name}: " in told.out + told.err
    assert not (tmp_path / "data").exists()


def test_a_store_folder_that_cannot_be_made_is_a_wrong_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    file = tmp_path / "settings.toml"
    replayed = ["replay", str(SAMPLE), "--map", "datasf_fire.toml"]
    for folder in (taken, taken / "x", Path("/proc/x")):
        file.write_text(f'[store]\nkey = "file"\nfolder = "{folder}"\n')
        for words in ([], replayed):
            assert main(["--settings", str(file), *words]) == 2
            told = capsys.readouterr().err
            assert told.startswith(f"tahuri: {file}:3: store.folder: {folder} can't be made or used: ")
            assert told.count("\n") == 1
    # Where nobody set it there is no setting to name, but one to give.
    monkeypatch.setenv("LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME", str(taken))
    file.write_text('[store]\nkey = "file"\n')
    for words in ([], replayed):
        assert main(["--settings", str(file), *words]) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"tahuri: {taken}") and "store.folder" in told and told.count("\n") == 1
