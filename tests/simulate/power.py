"""The machine's disk: counts what the writer does to it, and takes the power away at any statement of a transaction.

What is on the disk at that moment is set aside; the program that goes on for an instant can do nothing more, and is
closed. `Disk.durable` is what a third party knows to be committed, whatever the store says about itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

from workstation.store import database
from workstation.store.cipher import connect

_PARTS: Final = ("", "-wal")
_ALL: Final = ("", "-wal", "-shm", ".lock")


class PowerCut(BaseException):
    """The machine went off. Not an Exception: nobody handles it."""


class Disk:
    """The files of one record. `path` is the database's; `fell` is called, on whatever thread, when the power goes."""

    def __init__(self, path: Path, rng: Random, fell: Callable[[], None] = lambda: None) -> None:
        self.path, self._rng, self.fell = path, rng, fell
        self.off = False
        self.durable: dict[int, int] = {}
        """replica to the newest seq in a transaction that was committed."""
        self._pending: list[tuple[int, int]] = []
        self._points: list[int] = []
        self._countdown = 0
        self._at_commit = False

    # --- by the world
    def cut_after(self, statements: int, *, at_commit: bool = False) -> None:
        """Let the power go at that statement from now on, 0 = not at all; or at the next commit."""
        self._countdown, self._at_commit = statements, at_commit

    def save(self, folder: Path) -> None:
        """A copy of the record as it lies there, of no statement under way."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in _PARTS:
            source = self._part(part)
            (folder / f"record{part}").unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, folder / f"record{part}")

    def load(self, folder: Path) -> None:
        """Put a copy in the record's place."""
        self.wipe()
        for part in _PARTS:
            if (folder / f"record{part}").exists():
                shutil.copyfile(folder / f"record{part}", self._part(part))

    def wipe(self) -> None:
        for part in _ALL:
            self._part(part).unlink(missing_ok=True)

    def on(self) -> None:
        """Power comes back: what was on the disk when it went lies there."""
        if self.off:
            self.load(self._aside)
        self.off = False
        self._pending, self._points = [], []
        self.cut_after(0)

    # --- by the connection
    def run(self, sql: str, act: Callable[[], Any], inside: bool) -> Any:
        """One statement of the writer."""
        if self.off:
            raise PowerCut
        verb = sql[:12].lower()
        counted = inside or verb.startswith("begin")
        if counted and self._countdown:
            self._countdown -= 1
            if not self._countdown:
                return self._cut(verb, act)
        if self._at_commit and verb.startswith("commit"):
            return self._cut(verb, act)
        result = act()
        self._book(verb)
        return result

    def wrote(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Rows were given to a table."""
        if sql.startswith("insert into op "):
            self._pending += [(row[1], row[2]) for row in rows]

    def _book(self, verb: str) -> None:
        if verb.startswith("savepoint"):
            self._points.append(len(self._pending))
        elif verb.startswith("rollback to"):
            del self._pending[self._points[-1] :]
        elif verb.startswith("release"):
            self._points.pop()
        elif verb.startswith(("rollback", "begin")):
            self._pending, self._points = [], []
        elif verb.startswith("commit"):
            for replica, seq in self._pending:
                self.durable[replica] = max(seq, self.durable.get(replica, 0))
            self._pending = []

    def _cut(self, verb: str, act: Callable[[], Any]) -> Any:
        """The power goes at this statement: before it, or, of a commit, in the middle of it or right behind."""
        self._keep()
        if verb.startswith("commit") and (how := self._rng.random()) < 0.7:
            before = self._wal(self._aside / "record-wal")
            act()
            after = self._wal(self._part("-wal"))
            whole = how < 0.35
            at = len(after) if whole else self._rng.randrange(len(after) + 1)
            (self._aside / "record-wal").write_bytes(after[:at] + before[at:])
            if whole:
                self._book(verb)
        self.off = True
        self.fell()
        raise PowerCut

    def go_off(self) -> None:
        """The power goes while nothing is written."""
        if not self.off:
            self._keep()
            self.off = True
            self.fell()

    @property
    def _aside(self) -> Path:
        return self.path.with_name(self.path.name + ".aside")

    def _keep(self) -> None:
        self.save(self._aside)

    def _part(self, part: str) -> Path:
        return self.path.with_name(self.path.name + part)

    @staticmethod
    def _wal(path: Path) -> bytes:
        return path.read_bytes() if path.exists() else b""


class _Watched:
    """The writer's connection, on a disk that can lose its power."""

    def __init__(self, real: Any, disk: Disk) -> None:
        self._real, self._disk = real, disk

    @property
    def in_transaction(self) -> bool:
        return bool(self._real.in_transaction)

    @property
    def total_changes(self) -> int:
        return int(self._real.total_changes)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        result = self._disk.run(sql, lambda: self._real.execute(sql, values), self._real.in_transaction)
        return result

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = list(rows)
        result = self._disk.run(sql, lambda: self._real.executemany(sql, rows), self._real.in_transaction)
        self._disk.wrote(sql, rows)
        return result

    def close(self) -> None:
        self._real.close()


@contextmanager
def powered(disks: dict[Path, Disk]) -> Iterator[None]:
    """While the block runs, a record that is opened for writing and has a disk here is on that one."""

    def connected(path: Path, key: bytes | None, *, mode: str = "rw") -> Any:
        real = connect(path, key, mode=mode)
        disk = disks.get(path) if mode == "rw" else None
        return _Watched(real, disk) if disk is not None else real

    with mock.patch.object(database, "connect", connected):
        yield
