"""Opening the screen: where Qt finds none it ends the program with a page of text; here it ends with one sentence."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import PySide6
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

log = logging.getLogger("tahuri.ui")
CANNOT = 1


@contextmanager
def or_a_sentence() -> Iterator[None]:
    """While the application is made: Qt's abort becomes the end of this process, with a sentence on standard error."""
    said: list[str] = []

    def heard(kind: QtMsgType, _where: QMessageLogContext, text: str) -> None:
        said.append(text.split("\n")[0].strip())
        if kind == QtMsgType.QtFatalMsg:
            _end(no_screen(said[0]))

    before = qInstallMessageHandler(heard)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
    for text in said:
        log.warning("%s", text)


def no_screen(said: str) -> str:
    """Why there is no screen, and what to do about it; `said` is Qt's own word of it."""
    display = os.environ.get("DISPLAY", "")
    if not display and not os.environ.get("WAYLAND_DISPLAY"):
        return "there is no display here: start the desk in a session that has a screen"
    plugin = Path(PySide6.__file__).with_name("Qt") / "plugins" / "platforms" / "libqxcb.so"
    if plugin.exists():
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            return f"the screen can't be opened, a system library is missing ({error}): run ./run, which installs it"
    return f"the screen can't be opened ({said}): start the desk in a session that has a screen"


def _end(sentence: str) -> None:
    """Qt aborts when this returns, so it does not."""
    if sys.stderr is not None:
        print(f"tahuri: {sentence}", file=sys.stderr, flush=True)
    os._exit(CANNOT)


def try_it() -> str:
    """Open a screen and close it again; gives what it is. For the doctor, in a process of its own."""
    from PySide6.QtGui import QGuiApplication

    with or_a_sentence():
        app = QGuiApplication(["tahuri"])
    size = app.primaryScreen().size()
    return f"{app.platformName()}, {size.width()} x {size.height()}"
