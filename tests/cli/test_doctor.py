"""The doctor: each finding is a sentence, and what to do."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import SAMPLE, checks, findings, record, run
from tests.service.desks import KEY
from tests.sync.hubs import HubProcess
from workstation.domain.ids import SystemIds
from workstation.reach import ask_registrar
from workstation.store import Store
from workstation.store.schema import STEPS, Step


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
    (path.parent / "store.key").unlink()
    assert checks("--settings", settings)[1]["key"] == ("failed", "there is no key to the record")


def store_found(settings: Path, **more: Any) -> tuple[str, str, str]:
    code, found = findings("--settings", settings, **more)
    assert code == 2
    return found["store"]


REMEDY = "close the desk and start it again: it makes its record anew; or run recover"


def test_the_doctor_says_of_a_damaged_record_what_is_wrong_with_it(settings: Path) -> None:
    run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    path, _ = record(settings)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert store_found(settings) == ("failed", f"{path}: the record's file is damaged", REMEDY)
    path.write_bytes(whole)
    with Store.open(*record(settings)) as store:
        store.write(lambda tx: tx.db.execute("update op set raw = x'00' where n = 3")).result()
    state, sentence, remedy = store_found(settings)
    assert (state, remedy) == ("failed", REMEDY)
    assert sentence.startswith(f"{path} is damaged: ") and "chain" in sentence


@pytest.mark.promise("D3")
def test_the_doctor_says_of_a_newer_record_what_the_desk_says(settings: Path) -> None:
    run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    path, key = record(settings)
    Store.open(path, key, steps=(*STEPS, Step("9999_newer", lambda db: None))).close()
    newer = "desk.db was written by a newer version of this program (9999_newer); it was left as it is"
    assert store_found(settings) == ("failed", newer, "update this one")
    assert run("--settings", settings).stderr == f"tahuri: {newer}: update this one\n"


@pytest.mark.promise("D1")
def test_the_doctor_says_that_the_key_is_another(settings: Path) -> None:
    run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    path, _ = record(settings)
    (path.parent / "store.key").write_text(KEY.hex())
    assert store_found(settings) == (
        "failed",
        "desk.db cannot be read: its key is another, or it is damaged; it was left as it is",
        "bring its key back, or restore the newest copy",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX's")
def test_the_doctor_says_of_a_disk_that_takes_nothing_what_to_do(settings: Path) -> None:
    """A record in WAL mode is read through a file of shared memory beside it."""
    from resource import RLIMIT_FSIZE, setrlimit

    run("--settings", settings, "replay", SAMPLE, "--map", "datasf_fire.toml", "--json")
    path, _ = record(settings)
    failing = store_found(settings, before=lambda: setrlimit(RLIMIT_FSIZE, (0, 0)))
    assert failing == ("failed", f"{path}: the disk gives errors", "copy the record to another disk")


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


@pytest.mark.parametrize("tls", [False, True])
def test_the_doctor_reaches_a_hub_and_reads_its_clock(settings: Path, tmp_path: Path, tls: bool) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    with HubProcess(folder, tls=tls) as hub:
        with settings.open("a") as more:
            more.write(f'[hub]\nurl = "{hub.url}"\n')
        settings.write_text(settings.read_text().replace("[desk]", '[desk]\nsite = "AMB"'))
        _, found = checks("--settings", settings)
        assert found["hub"][0] == found["hub clock"][0] == "good"
        settings.write_text(settings.read_text().replace('site = "AMB"', 'site = "TUAL"'))
        _, found = checks("--settings", settings)
        assert found["hub"][0] == "failed" and "belongs to the site 'AMB'" in found["hub"][1]
        assert "hub clock" not in found


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
