"""A desk whose keys the demonstration presses: the real program, a hand on its keyboard, an eye on its screen.

`python -m workstation.demo.puppet --settings FILE` starts the desk as `python -m workstation` does, then obeys one JSON
object a line on stdin and answers one a line on stdout. It can only do what a person at the desk can: press keys, read
what is visible, take a picture.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTableView, QWidget

from ui.theme import application
from workstation.app import open_window
from workstation.domain.hlc import SystemClock
from workstation.settings import load

Answer = dict[str, Any]


def shown_words(window: QWidget) -> list[list[str]]:
    """What a person can read in `window` now, as a screen reader is told it: [name, value, description] of controls."""
    words: list[list[str]] = []
    for widget in [window, *window.findChildren(QWidget)]:
        if not widget.isVisibleTo(window):
            continue
        face = QAccessible.queryAccessibleInterface(widget)
        if face is None or not face.isValid():
            continue
        texts = (QAccessible.Text.Name, QAccessible.Text.Value, QAccessible.Text.Description)
        said = [face.text(text) for text in texts]
        if any(said):
            words.append(said)
    return words


def shown_rows(window: QWidget) -> dict[str, list[list[str]]]:
    """The rows of every visible table by its accessible name, cell by cell, as a screen reader is told them."""
    tables: dict[str, list[list[str]]] = {}
    for table in window.findChildren(QTableView):
        model = table.model()
        if not table.isVisibleTo(window) or model is None:
            continue
        role = Qt.ItemDataRole.AccessibleTextRole
        tables[table.accessibleName()] = [
            [
                str(model.index(row, column).data(role) or model.index(row, column).data() or "")
                for column in range(model.columnCount())
            ]
            for row in range(model.rowCount())
        ]
    return tables


class Puppet(QObject):
    """Obeys lines read by a thread of its own; every action runs on the screen's thread.

    Signals:
        told(str): a line has come in.
    """

    told = Signal(str)

    def __init__(self, window: QWidget, stop: Callable[[], None]) -> None:
        super().__init__()
        self._window = window
        self._stop = stop
        self._clock = SystemClock()
        self.told.connect(self._obey, Qt.ConnectionType.QueuedConnection)
        self._reader = threading.Thread(target=self._read, name="puppet-strings", daemon=True)

    def start(self) -> None:
        self._reader.start()
        self._say({"ready": True, "pid": os.getpid()})

    def _read(self) -> None:
        for line in sys.stdin:
            self.told.emit(line)
        self.told.emit('{"do": "quit"}')

    @Slot(str)
    def _obey(self, line: str) -> None:
        order = json.loads(line)
        action = getattr(self, f"_do_{order.pop('do')}")
        try:
            answer: Answer = {"ok": True, **(action(**order) or {})}
        except Exception as error:  # the demonstration must hear of it, whatever it is
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        self._say(answer)

    def _say(self, answer: Answer) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def _target(self) -> QWidget:
        popup = QApplication.activePopupWidget()
        return QApplication.focusWidget() or popup or self._window

    def _do_key(self, keys: str) -> Answer:
        at = self._clock.now_ms()
        press = QKeySequence(keys)[0]  # type: ignore[index]
        QTest.keyClick(self._target(), press.key(), press.keyboardModifiers())
        return {"at": at}

    def _do_type(self, text: str) -> Answer:
        at = 0
        for letter in text:
            at = self._clock.now_ms()
            QTest.keyClicks(self._target(), letter)
        return {"at": at}

    def _do_see(self) -> Answer:
        focus = QApplication.focusWidget()
        return {
            "words": shown_words(self._window),
            "tables": shown_rows(self._window),
            "focus": focus.accessibleName() if focus else "",
        }

    def _do_grab(self, path: str) -> Answer:
        if not self._window.grab().save(path, "PNG"):
            raise OSError(f"the picture could not be written to {Path(path).name}")
        return {}

    def _do_quit(self) -> None:
        self._stop()


@click.command()
@click.option("--settings", "path", type=click.Path(path_type=Path), required=True)
def main(path: Path) -> None:
    """Starts the desk and hands its keyboard to the demonstration."""
    app = application()
    shown = open_window(load(path))
    puppet = Puppet(shown.window, app.quit)
    puppet.start()
    code = app.exec()
    shown.close(quit_engine=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
