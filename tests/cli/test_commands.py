"""The commands as IT runs them: a process of its own, its words and its exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.desks import KEY
from tests.sync.hubs import TOKEN, HubProcess
from workstation.cli import main
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.domain.sentence import say
from workstation.reach import ask_registrar
from workstation.service.desk import Desk
from workstation.store import Store, StoreFailed, read_digest

ROOT = Path(__file__).parents[2]
MAPPING = ROOT / "resources" / "imports" / "datasf_fire.toml"
SAMPLE = ROOT / "tests" / "exchange" / "sample_fire_calls.csv"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(f'[desk]\nname = "Meja 3"\nprefix = "AMB-3"\n[store]\nfolder = "{tmp_path}/data"\nkey = "file"\n')
    return file


def run(*words: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workstation", *map(str, words)]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env={**os.environ}
    )


def record(settings: Path) -> tuple[Path, bytes]:
    data = settings.parent / "data"
    return data / "desk.db", bytes.fromhex((data / "store.key").read_text())


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


def test_replay_of_what_is_not_there_is_one_sentence(settings: Path, tmp_path: Path) -> None:
    for words in ((tmp_path / "no.csv", "--map", "datasf_fire.toml"), (SAMPLE, "--map", tmp_path / "no.toml")):
        ended = run("--settings", settings, "replay", *words)
        assert ended.returncode == 2
        assert ended.stderr.strip().splitlines()[-1].startswith("tahuri: ")
        assert "Traceback" not in ended.stderr


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


def test_people_are_enrolled_with_pins_that_are_no_arguments(settings: Path) -> None:
    def enrol(login: str, role: str, *more: str, typed: str) -> subprocess.CompletedProcess[str]:
        return run(
            "--settings", settings, "enrol", "--login", login, "--name", login, "--role", role, *more, typed=typed
        )

    assert enrol("op1", "operator", typed="222333\n").returncode == 1
    assert enrol("kepala1", "lead", typed="112112\n").returncode == 0
    refused = enrol("op1", "operator", typed="222333\n")
    assert (refused.returncode, "sign in first" in refused.stderr) == (1, True)
    assert "wrong" in enrol("op1", "operator", "--by", "kepala1", typed="000000\n222333\n").stderr
    assert enrol("op1", "operator", "--by", "kepala1", typed="112112\n222333\n").returncode == 0
    path, key = record(settings)
    with Store.open(path, key) as store:
        rows = store.read(lambda db: db.execute("select login, role, desk from person order by login").fetchall())
        assert rows.result() == [("kepala1", "lead", ""), ("op1", "operator", "")]


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


def test_the_doctor_says_that_the_hubs_authority_is_missing(settings: Path, tmp_path: Path) -> None:
    with settings.open("a") as more:
        more.write(f'[hub]\nurl = "https://127.0.0.1:9"\nca_file = "{tmp_path}/gone.pem"\n')
    _, found = checks("--settings", settings)
    assert found["hub"] == ("failed", f"hub.ca_file {tmp_path}/gone.pem can't be used: No such file or directory")


def test_a_record_in_use_or_with_another_key_is_refused_in_one_sentence(settings: Path) -> None:
    assert run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json").returncode == 0
    path, key = record(settings)
    with Store.open(path, key):
        ended = run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml")
        assert (ended.returncode, "in use" in ended.stderr) == (1, True)
    before = path.read_bytes()
    (path.parent / "store.key").write_text(KEY.hex())
    ended = run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml")
    assert (ended.returncode, "key" in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)
    assert path.read_bytes() == before


def checks(*words: object) -> tuple[int, dict[str, tuple[str, str]]]:
    ended = run(*words, "doctor", "--json")
    told = json.loads(ended.stdout)
    assert told["exit"] == ended.returncode
    assert all(check["remedy"] for check in told["checks"] if check["state"] == "failed")
    return ended.returncode, {check["name"]: (check["state"], check["sentence"]) for check in told["checks"]}


def test_the_doctor_looks_at_everything_and_names_what_is_wrong(settings: Path) -> None:
    code, found = checks("--settings", settings)
    assert code == 1
    assert set(found) == {
        "version", "settings", "folder", "disk", "clock", "sqlite", "key", "store", "hub", "port", "registrar", "sound",
        "voice", "screen", "fonts",
    }  # fmt: skip
    assert found["store"][0] == "look" and found["sqlite"][0] == found["fonts"][0] == "good"
    run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    code, found = checks("--settings", settings)
    assert found["store"][0] == "good" and "every chain leads to its head" in found["store"][1]
    path, key = record(settings)
    with Store.open(path, key):  # while the desk runs
        assert checks("--settings", settings)[1]["store"][0] == "good"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + os.urandom(4096) + whole[len(whole) // 2 + 4096 :])
    code, found = checks("--settings", settings)
    assert (code, found["store"][0]) == (2, "failed")
    path.write_bytes(whole)
    (path.parent / "store.key").write_text(KEY.hex())
    assert checks("--settings", settings)[1]["store"][0] == "failed"
    (path.parent / "store.key").unlink()
    assert checks("--settings", settings)[1]["key"] == ("failed", "there is no key to the record")


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """A UDP port that answers whatever comes with `reply`, or not at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(10)
        heard: list[bytes] = []

        def answer() -> None:
            asked, caller = line.recvfrom(65535)
            heard.append(asked)
            if reply is not None:
                line.sendto(reply, caller)

        thread = threading.Thread(target=answer)
        thread.start()
        yield line.getsockname()[1]
        thread.join()
        assert heard[0].startswith(b"OPTIONS sip:127.0.0.1:") and heard[0].endswith(b"\r\n\r\n")


def test_a_registrar_is_reached_when_it_answers_in_sip() -> None:
    with answering(b"SIP/2.0 404 Not here\r\n\r\n") as port:
        assert ask_registrar("127.0.0.1", port, "udp", SystemIds()).ok
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert "not in SIP" in ask_registrar("127.0.0.1", port, "udp", SystemIds()).sentence
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not ask_registrar("127.0.0.1", nobody.getsockname()[1], "tcp", SystemIds()).ok


def test_the_doctor_reaches_a_hub_and_reads_its_clock(settings: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    with HubProcess(folder) as hub:
        token = tmp_path / "token"
        token.touch(0o600)
        token.write_text(f"{TOKEN}\nthe token of this site\n")
        with settings.open("a") as more:
            more.write(f'[hub]\nurl = "{hub.url}"\ntoken_file = "{token}"\n')
        _, found = checks("--settings", settings)
        assert found["hub"][0] == found["hub clock"][0] == "good"
        token.write_text("another")
        _, found = checks("--settings", settings)
        assert found["hub"][0] == "failed" and "token" in found["hub"][1]
        assert "hub clock" not in found
        token.chmod(0o640)
        _, found = checks("--settings", settings)
        assert found["hub"][0] == "failed" and "chmod 600" in found["hub"][1]


def test_the_doctor_tells_what_is_taken_and_who_does_not_answer(settings: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket() as dead:
        taken.bind(("127.0.0.1", 0))
        dead.bind(("127.0.0.1", 0))
        port, closed = taken.getsockname()[1], dead.getsockname()[1]
        with settings.open("a") as more:
            more.write(f'[hub]\nurl = "http://127.0.0.1:{closed}"\n')
            more.write(
                f'[phone]\nuser = "meja3"\nbind = "127.0.0.1"\nport = {port}\nregistrars = ["127.0.0.1:{closed}"]\n'
            )
            more.write('transport = "udp"\nsecret_file = "/nonexistent"\n')
        code, found = checks("--settings", settings)
    assert code == 2
    assert found["hub"][0] == found["registrar"][0] == found["secret"][0] == "failed"
    assert found["port"][0] == "look" and str(port) in found["port"][1]
    assert SystemClock().now_ms() > 0
