"""Logs: named loggers, a ring of the newest lines in memory, a small file; a caller's number at `debug` only."""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

NAMES: Final = ("call", "incident", "store", "sync", "phone", "ui", "people", "tahuri")
RING_LINES: Final = 500
FILE_BYTES: Final = 1_000_000
FILES: Final = 3
_NUMBER: Final = re.compile(r"\+?\d(?:[\s.()-]?\d){6,}")
FORM: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


def veil(text: str) -> str:
    """Hide what looks like a telephone number."""
    return _NUMBER.sub("[number]", text)


class Veil(logging.Formatter):
    """Hides telephone numbers in the whole text of every line above `debug`, its traceback too, whoever wrote it."""

    def __init__(self) -> None:
        super().__init__(FORM)

    def format(self, record: logging.LogRecord) -> str:
        # Only after the time, which is digits as well.
        text = super().format(record)
        if record.levelno <= logging.DEBUG:
            return text
        return record.asctime + veil(text.removeprefix(record.asctime))


def veiled(stream: TextIO) -> logging.Handler:
    """Give a handler that writes veiled lines to a stream, for processes that keep no ring and no file."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Veil())
    return handler


class Ring(logging.Handler):
    """Keeps the newest lines in memory, for the crash file and for IT's page."""

    def __init__(self, lines: int = RING_LINES) -> None:
        super().__init__()
        self._kept: deque[str] = deque(maxlen=lines)
        self.setFormatter(Veil())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._kept.append(self.format(record))
        except Exception:
            self.handleError(record)

    def lines(self) -> list[str]:
        """Give the kept lines, the oldest first."""
        return list(self._kept)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read; a disk without room costs it lines and nothing else."""

    def _open(self) -> object:  # type: ignore[override]
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        # A disk without room is said by whoever needs it: a traceback for each line would bury that.
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):  # what found no room is tried once more here
            super().close()


def start(level: str, file: Path | None = None) -> Ring:
    """Set logging up for this process; gives the ring. A file that cannot be written is left out, and said."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    ring = Ring()
    root.addHandler(ring)
    screen = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [screen]
    try:
        if file is not None:
            handlers.append(_PrivateFile(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8"))
    except OSError as error:
        logging.getLogger("tahuri").warning("no log file: %s", error.strerror)
    for handler in handlers:
        handler.setFormatter(Veil())
        root.addHandler(handler)
    return ring


def stop() -> None:
    """Take down what `start` set up, closing the file."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler.formatter, Veil):
            root.removeHandler(handler)
            handler.close()
