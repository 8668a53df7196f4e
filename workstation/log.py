"""Logs: named loggers, a ring of the newest lines in memory, a small file; a caller's number at `debug` only."""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
from collections import deque
from pathlib import Path
from typing import Final

NAMES: Final = ("call", "incident", "store", "sync", "phone", "ui", "people", "tahuri")
RING_LINES: Final = 500
FILE_BYTES: Final = 1_000_000
FILES: Final = 3
_NUMBER: Final = re.compile(r"\+?\d(?:[\s.()-]?\d){6,}")
FORM: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Veil(logging.Filter):
    """Hides what looks like a telephone number from every line above `debug`, whoever wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.DEBUG:
            line = record.getMessage()
            veiled = _NUMBER.sub("[number]", line)
            if veiled != line:
                record.msg, record.args = veiled, None
        return True


class Ring(logging.Handler):
    """Keeps the newest lines in memory, for the crash file and for IT's page."""

    def __init__(self, lines: int = RING_LINES) -> None:
        super().__init__()
        self._kept: deque[str] = deque(maxlen=lines)
        self.setFormatter(logging.Formatter(FORM))
        self.addFilter(Veil())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._kept.append(self.format(record))
        except Exception:
            self.handleError(record)

    def lines(self) -> list[str]:
        """Give the kept lines, the oldest first."""
        return list(self._kept)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read."""

    def _open(self) -> object:  # type: ignore[override]
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return super()._open()


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
        handler.setFormatter(logging.Formatter(FORM))
        handler.addFilter(Veil())
        root.addHandler(handler)
    return ring


def stop() -> None:
    """Take down what `start` set up, closing the file."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if any(isinstance(kept, Veil) for kept in handler.filters):
            root.removeHandler(handler)
            handler.close()
