"""A file beside the record that says who writes it: two programs on one record would give two ops the same number."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workstation.store.errors import StoreRefused


class Claim:
    """Held from opening to closing; the system lets go of it when the process ends, however that happens."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _lock(file)
        except OSError as error:
            os.close(file)
            raise StoreRefused(f"{path.name} is in use by another running program: close that first") from error
        self._file: int | None = file

    def release(self) -> None:
        """Let go; harmless when repeated, even when the number has long been another file's."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
