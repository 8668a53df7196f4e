"""How line and engine find each other: a runtime file with address and key, and a lock so that there is one engine a
desk.

The file is readable by its owner alone. A restarted screen reads it and finds the engine with the conversation that is
still up (promise P3); only when nobody answers there is an engine started.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import IO, Any

import msgspec

from workstation.domain.ids import Ids
from workstation.phone.settings import PhoneSettings

RUNTIME_FILE = "engine.json"
LOCK_FILE = "engine.lock"
JOURNAL_FILE = "engine.journal"
LOG_FILE = "engine.log"
LOG_MOST = 1_000_000
ANSWER_S = 2.0
"""How long an engine may take to say who it is; it answers in milliseconds or stands still."""
_ADDRESS_MOST = 100  # a path in AF_UNIX ends at 108 bytes


class Runtime(msgspec.Struct, frozen=True):
    """Where the engine listens and what opens the door; `key` is hex."""

    address: str
    key: str
    pid: int
    started_at: int


class Order(msgspec.Struct, frozen=True):
    """What an engine gets by standard input when it is started: its settings and the journal's key (hex), never by
    argument.
    """

    settings: PhoneSettings
    journal_key: str


class EngineRuns(Exception):
    """Another engine of this desk is up already."""


class PortTaken(OSError):
    """Another program has the port of SIP."""


PORT_TAKEN = 3
"""The code an engine ends with on `PortTaken`: the screen knows what to say without reading the log."""


def write_runtime(folder: Path, runtime: Runtime) -> None:
    """Write the runtime file, whole or not at all, mode 0600."""
    path = folder / RUNTIME_FILE
    beside = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(msgspec.json.encode(runtime))
    beside.replace(path)


def read_runtime(folder: Path) -> Runtime | None:
    """The runtime file, None where there is none or it can't be read."""
    try:
        return msgspec.json.decode((folder / RUNTIME_FILE).read_bytes()[:10_000], type=Runtime)
    except (OSError, msgspec.DecodeError):
        return None


def connect(folder: Path, within_s: float = ANSWER_S) -> Connection[Any, Any] | None:
    """A connection to the desk's engine, None when none answers within `within_s`."""
    runtime = read_runtime(folder)
    if runtime is None:
        return None
    try:
        connection = _reached(runtime.address, within_s)
    except Exception:  # refused, gone, a queue that is full: all mean that no engine of ours is there
        return None
    # An engine that stands still lets everybody connect: the system does that, not the engine.
    deadline = threading.Timer(within_s, shut, [connection])
    deadline.start()
    try:
        if not connection.poll(within_s):
            raise TimeoutError
        answer_challenge(connection, bytes.fromhex(runtime.key))
        deliver_challenge(connection, bytes.fromhex(runtime.key))
    except Exception:  # silence, another key, half a handshake
        connection.close()
        return None
    finally:
        deadline.cancel()
        deadline.join()
    return connection


def _reached(address: str, within_s: float) -> Connection[Any, Any]:
    """A connection nothing was said on yet. Raises OSError."""
    if sys.platform == "win32":
        return Client(address)
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(within_s)
        end.connect(address)
        end.setblocking(True)
        return Connection(end.detach())


def shut(connection: Connection[Any, Any]) -> None:
    """Wake a thread that waits in `recv_bytes` on this connection: on Linux closing it alone does not."""
    with contextlib.suppress(OSError, ValueError):
        if sys.platform == "win32":
            connection.close()
        else:
            with socket.socket(fileno=os.dup(connection.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)


def settings_mark(settings: PhoneSettings) -> str:
    """A short mark of the settings, so that a screen with newer ones knows that the engine runs with the old."""
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:16]


def free_address(ids: Ids) -> str:
    """An address for the engine's door: a pipe on Windows, else a socket in a folder of its own that only its owner
    may enter.
    """
    name = ids.secret(8).hex()
    if sys.platform == "win32":
        return rf"\\.\pipe\tahuri-{name}"
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        if base and Path(base).is_dir() and len(base) + 40 < _ADDRESS_MOST and os.access(base, os.W_OK):
            return str(Path(tempfile.mkdtemp(prefix="tahuri-", dir=base)) / "door")
    raise OSError("no folder for the engine's socket: set XDG_RUNTIME_DIR to a short path that exists")


def forget_address(address: str) -> None:
    """Remove what `free_address` made."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            Path(address).unlink(missing_ok=True)
            Path(address).parent.rmdir()


def lock(folder: Path) -> IO[bytes]:
    """Hold the desk's engine lock for as long as the file stays open. Raises EngineRuns."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (folder / LOCK_FILE).open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise EngineRuns(f"another engine holds {folder / LOCK_FILE}") from error
    return file


def engine_command() -> list[str]:
    """The command that starts an engine: the same executable with the subcommand `engine`."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "engine"]
    return [sys.executable, "-m", "workstation.phone.engine"]


def start_engine(order: Order, command: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a detached engine that outlives this process; its order goes by standard input. Raises OSError."""
    folder = Path(order.settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    if not getattr(sys, "frozen", False):
        options["cwd"] = str(Path(__file__).parents[2])
    log_path = folder / LOG_FILE
    if log_path.exists() and log_path.stat().st_size > LOG_MOST:
        log_path.replace(log_path.with_suffix(".log.1"))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [*(command or engine_command())], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, **options
        )
    finally:
        os.close(log)
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(msgspec.json.encode(order))
    return process
