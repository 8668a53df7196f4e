"""The hub as a command: what it says, what it refuses, how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from sync.hub.settings import listening
from tests.sync.desks import QUICK, Desk, until_in_step
from tests.sync.hubs import HubProcess
from workstation.store import Store

FULL = """
from workstation.store import database
from sync.hub.__main__ import main
real = database.connect

def connect(*words, **more):
    connection = real(*words, **more)
    connection.execute("pragma max_page_count = 4")
    return connection

database.connect = connect
main()
"""


def run(
    *arguments: str, program: tuple[str, ...] = ("-m", "sync.hub"), **more: Any
) -> subprocess.CompletedProcess[str]:
    """The command, for when it is expected to end by itself."""
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def refused(*arguments: str, **more: Any) -> str:
    """The one sentence of a refusal, which exits 2."""
    done = run(*arguments, **more)
    assert done.returncode == 2, done
    assert done.stdout == "" and "Traceback" not in done.stderr
    return done.stderr.strip()


def test_it_makes_its_secrets_says_where_and_keeps_them(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "sync.hub", "--listen", "127.0.0.1:0", "--json"]
    arguments += ["--store", f"sqlite:///{tmp_path / 'hub.db'}"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    said = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.terminate()
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    made = {line["made"]: Path(line["path"]) for line in said if "made" in line}
    assert made == {"key file": tmp_path / "hub.db.key"}
    assert said[1]["unfounded"] and "found --store" in said[1]["sentence"]
    for path in made.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().strip() not in json.dumps(said) + rest + errors
    assert said[-1]["ready"] and said[-1]["url"].startswith("https://127.0.0.1:")
    assert json.loads(rest)["stopped"]
    assert stat.S_IMODE((tmp_path / "hub.db").stat().st_mode) == 0o600
    assert not (tmp_path / "hub.db").read_bytes().startswith(b"SQLite format 3")


def test_it_keeps_its_record_and_its_life_over_a_restart(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub") as hub:
        epochs = []
        for _ in range(2):
            assert hub.stop() == 0
            with Store.open(hub.store, bytes.fromhex((hub.folder / "hub.db.key").read_text())) as store:
                epochs.append(store.epoch)
            hub.start()
        assert epochs[0] == epochs[1] != b""


def test_it_stops_at_once_though_desks_listen(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    with (
        HubProcess(tmp_path / "hub", heartbeat_s=60) as hub,
        Desk(tmp_path, "AMB-1") as desk,
        Desk(tmp_path, "AMB-2") as other,
    ):
        for each in (desk, other):
            each.connect(hub.url, timing=replace(QUICK, poll_s=60))
        incident = desk.open_incident("AMB-1-0001")
        until_in_step([desk, other])
        desk.note(incident, "hanya lewat aliran peristiwa")  # it reaches the other only if that one listens
        until_in_step([desk, other])
        assert hub.stop() == 0
        assert "exceeded" not in (hub.folder / "hub.log").read_text()
        desk.until("down")


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--listen", f"127.0.0.1:{port}", "--store", f"sqlite:///{tmp_path}/hub.db")
    assert f"127.0.0.1:{port}" in said and "--listen" in said and "\n" not in said
    assert not (tmp_path / "hub.db").exists()


@pytest.mark.parametrize(
    ("arguments", "piece"),
    [
        (["--listen", "8112", "--store", "sqlite:///{0}/hub.db"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999", "--store", "sqlite:///{0}/hub.db"], "HOST:PORT"),
        (["--store", "hub.db"], "sqlite:///"),
        (["--store", "sqlite:///{0}/none/hub.db"], "is not there"),
        (["--store", "mysql://localhost/hub"], "postgresql://USER@HOST/DATABASE"),
        (["--store", "sqlite:///{0}/hub.db", "--key-file", "{0}/wide"], "chmod 600"),
        (["--store", "sqlite:///{0}/hub.db", "--listen", "0.0.0.0:0", "--plain"], "--plain is for loopback"),
        (["--store", "sqlite:///{0}/hub.db", "--key-file", "{0}/short"], "no key"),
        (["--store", "sqlite:///{0}/hub.db", "--key-file", "{0}/none/key"], "can't be made"),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, arguments: list[str], piece: str) -> None:
    for name, mode in (("wide", 0o644), ("short", 0o600)):
        (tmp_path / name).write_text("short" if name == "short" else "11" * 32)
        os.chmod(tmp_path / name, mode)
    said = refused(*[argument.format(tmp_path) for argument in arguments])
    assert piece in said and len(said.splitlines()) == 1


def test_a_store_under_another_key_is_refused_untouched(tmp_path: Path) -> None:
    with Store.open(tmp_path / "hub.db", bytes(32)):
        pass
    before = (tmp_path / "hub.db").read_bytes()
    arguments = ["--listen", "127.0.0.1:0", "--store", f"sqlite:///{tmp_path}/hub.db"]
    assert "--key-file" in refused(*arguments), "the key is missing: another would not open the store"
    (tmp_path / "hub.db.key").touch(0o600)
    (tmp_path / "hub.db.key").write_text("11" * 32)
    assert "key" in refused(*arguments)
    assert (tmp_path / "hub.db").read_bytes() == before


def with_secrets(folder: Path) -> list[str]:
    """Arguments for a hub whose secrets are there already: it has nothing to say but what it refuses."""
    key = folder / "hub.db.key"
    key.touch(0o600)
    key.write_text(bytes(32).hex())
    return ["--listen", "127.0.0.1:0", "--store", f"sqlite:///{folder}/hub.db"]


def test_a_disk_full_at_the_start_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    arguments, full = with_secrets(tmp_path), "the disk is full: free some space, then start again"
    assert refused(*arguments, program=("-c", FULL)) == f"{tmp_path}/hub.db: {full}"
    told = json.loads(run(*arguments, "--json", program=("-c", FULL)).stdout)
    assert told == {"sentence": f"{tmp_path}/hub.db: {full}", "ready": False, "error": "store"}
    Store.open(tmp_path / "hub.db", bytes(32)).close()


def test_a_damaged_store_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    Store.open(path, bytes(32)).close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    damaged = "the record's file is damaged: restore the newest copy"
    assert refused(*with_secrets(tmp_path)) == f"{path}: {damaged}"


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX's")
def test_a_secret_that_finds_no_room_is_one_sentence_and_no_half_of_it_stays(tmp_path: Path) -> None:
    from resource import RLIMIT_FSIZE, setrlimit

    arguments = ["--listen", "127.0.0.1:0", "--store", f"sqlite:///{tmp_path}/hub.db"]
    said = refused(*arguments, preexec_fn=lambda: setrlimit(RLIMIT_FSIZE, (0, 0)))
    assert said == f"{tmp_path}/hub.db.key can't be written (File too large); free some space, then start again."
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_an_object_for_a_program(tmp_path: Path) -> None:
    done = run("--store", "hub.db", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["ready"] is False


def test_it_tells_a_stranger_nothing(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub, httpx.Client(base_url=hub.url, trust_env=False) as http:
        for path in ("/", "/docs", "/v1/hello", "/v1/events"):
            response = http.get(path)
            assert response.status_code in (401, 404, 405)
            assert "server" not in response.headers and len(response.content) < 300


def test_answers_leave_at_once() -> None:
    """Nagle's algorithm holds the second piece of an answer back until the asker's delayed ACK, 40 ms each time."""

    async def accepted() -> int:
        nodelay: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sock = writer.get_extra_info("socket")
            nodelay.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(look, sock=listening("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await asyncio.wait_for(nodelay, 10)
            finally:
                writer.close()

    assert asyncio.run(accepted()) == 1


def test_the_desk_starts_without_http() -> None:
    """httpx costs the first frame a tenth of a second; it is loaded on the sync thread."""
    look = "import sys, sync.replica; assert not {'httpx', 'starlette', 'uvicorn'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0
