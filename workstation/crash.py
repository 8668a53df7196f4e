"""The last crash, on disk: what happened, where, and the log lines before it, for the next start and for IT."""

from __future__ import annotations

import faulthandler
import logging
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from workstation.domain.hlc import Clock
from workstation.log import Ring, veil

log = logging.getLogger("tahuri")
VERSION = "0.1.0"


class Crash:
    """Writes unexpected exceptions of any thread to one file, and hands them to whoever shows them.

    `shown(sentence)` is called on the thread that failed; the call in the engine is not touched by any of this.
    """

    def __init__(
        self, file: Path, ring: Ring, clock: Clock, shown: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._file, self._ring, self._clock, self._shown = file, ring, clock, shown
        self._hooks = (sys.excepthook, threading.excepthook)
        self._fault: int | None = None

    def install(self) -> None:
        """Take over the hooks for exceptions nobody caught, and for faults below Python."""
        sys.excepthook = self._main
        threading.excepthook = self._thread
        try:
            file = os.open(self._file.with_suffix(".fault"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        except OSError as error:
            log.warning("no crash file: %s", error.strerror)
            return
        self._fault = file
        faulthandler.enable(file)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._hooks
        if self._fault is not None:
            faulthandler.disable()
            os.close(self._fault)
            self._fault = None

    def note(self, error: BaseException, where: str = "") -> str:
        """Write a crash down, numbers veiled; gives the sentence for the person at the desk."""
        sentence = veil(f"{type(error).__name__}: {error}".splitlines()[0])[:200]
        log.error("unexpected, in %s", where or "the program", exc_info=error)
        at = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(timespec="seconds")
        lines = [
            f"{at} Tahuri {VERSION}, Python {platform.python_version()}, {platform.platform()}",
            f"in {where or 'the program'}: {sentence}",
            veil("".join(traceback.format_exception(error))),
            "before that:",
            *self._ring.lines(),
        ]
        try:
            file = os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
        except OSError as fault:
            log.error("the crash file cannot be written: %s", fault.strerror)
        self._shown(sentence)
        return sentence

    def _main(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._hooks[0](kind, error, trace)
            return
        self.note(error.with_traceback(trace), "the main thread")

    def _thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self.note(args.exc_value, f"the thread {args.thread.name if args.thread else '?'}")


def last(file: Path) -> str | None:
    """Give the first two lines of the last crash, None where there was none."""
    try:
        with file.open(encoding="utf-8") as lines:
            return "".join(next(lines, "") for _ in range(2)).strip() or None
    except OSError:
        return None
