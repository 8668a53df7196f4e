"""A database server for the tests: Debian's PostgreSQL in a folder of its own, on loopback and a local socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from workstation.demo.process import PACKAGES, PeerMissing, Running, free_port, running

PACKAGES["postgres"] = "postgresql"
OWNER, SECRET = "tahuri", "uji-basis-data"
"""The role everything is done as: it may do all, over the local socket without a password, over TCP with this one."""
_ACCOUNT = "postgres"
_START_S = 30.0


def _program(name: str) -> str:
    """Debian keeps the server's programs off PATH, a folder for each version. Raises PeerMissing."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    where = str(found[-1]) if found else shutil.which(name)
    if where is None:
        raise PeerMissing(f"{name} is not installed: apt-get install {PACKAGES['postgres']}")
    return where


def _as_account() -> list[str]:
    """PostgreSQL refuses to run as root: what goes before its programs so that they run under their own account."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups"]


class Server:
    """A server at work; `stop` and `start` are an outage."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port(socket.SOCK_STREAM)
        self.options: list[str] = []
        """Settings of the next start, each NAME=VALUE."""
        self._exit = contextlib.ExitStack()
        self._running: Running | None = None
        self._made = 0

    def prepare(self) -> None:
        """Make the files of an empty server."""
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam(_ACCOUNT)
            except KeyError:
                raise PeerMissing(f"there is no account {_ACCOUNT}: apt-get install {PACKAGES['postgres']}") from None
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        command = [
            *_as_account(), _program("initdb"), "-D", str(self.folder / "data"), "-U", OWNER, "--encoding=UTF8",
            "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}", "--no-sync",
        ]  # fmt: skip
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Start it and wait until it lets somebody in. Durable as by default: fsync stays on."""
        command = [
            *_as_account(), _program("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder),
            "-h", "127.0.0.1", "-p", str(self.port), "-c", "max_connections=200",
            # Workers of its own would look like processes a test has left behind.
            "-c", "autovacuum=off", "-c", "max_logical_replication_workers=0", "-c", "log_min_messages=warning",
            *(word for option in self.options for word in ("-c", option)),
        ]  # fmt: skip
        name, *arguments = command
        child = running(name, arguments, self.folder / "said", ask=signal.SIGINT)
        self._running = self._exit.enter_context(child)
        self._running.ready(self._lets_in, _START_S, "lets somebody in")

    def _lets_in(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it as IT does: whoever is connected is thrown out, what was committed stays."""
        self._exit.close()
        self._running = None

    def crash(self) -> None:
        """End it without any goodbye: the next start recovers from its log."""
        assert self._running is not None
        self._running.stop(signal.SIGQUIT)
        self.stop()

    def url(self, database: str, *, tcp: bool = False, role: str = OWNER, secret: str = SECRET) -> str:
        """Where a database is, for libpq."""
        if tcp:
            return f"postgresql://{role}:{secret}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def run(self, sql: str, database: str = "postgres") -> None:
        """One statement, outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(sql.encode())

    @contextlib.contextmanager
    def database(self, how: str = "") -> Iterator[str]:
        """An empty database for one test; gives its name. `how` goes behind `create database`."""
        self._made += 1
        name = f"t{self._made}"
        self.run(f"create database {name} template template0 {how}")
        try:
            yield name
        finally:
            self.run(f"drop database {name} with (force)")


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """A server that has been started. Raises PeerMissing, PeerFailed."""
    # Not below pytest's own folder: the server's account could not enter it.
    with tempfile.TemporaryDirectory(prefix="tahuri-pg-") as folder:
        server = Server(Path(folder))
        server.prepare()
        server.start()
        try:
            yield server
        finally:
            server.stop()
