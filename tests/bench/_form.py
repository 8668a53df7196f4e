"""The desk's screen as `tests.bench.phone --form` watches it: `python -m tests.bench._form SETTINGS.toml`.

A whole desk (store, line, window) in a process of its own. It says one JSON object for each ring: when the ring bar
with this caller was painted, and when the form that knows the call from the record was, by the monotonic clock.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer

from tests.store.sites import BY_SITE, found
from ui.main_window import MainWindow
from ui.theme import application
from workstation.app import Shown, open_window
from workstation.service import people
from workstation.settings import load


class Watcher(QObject):
    """Notes the first painting that shows a ring, and the first that shows its form with what the record knows."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._seen: dict[str, dict[str, float]] = {}
        self._known = b""
        self._told: set[str] = set()
        window.session.call_known.connect(self._knows)
        # On these two alone: a filter on the application would pass every event of every part through Python.
        for part in (window.ring, window.desk_page.form):
            part.installEventFilter(self)

    def _knows(self) -> None:
        self._known = self._window.session.offer
        self._window.desk_page.form.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            ring = self._window.ring
            form = self._window.desk_page.form
            if watched is ring and ring.ring is not None:
                self._painted(ring.ring.offer.hex(), "ring")
            elif watched is form and self._known and self._known == self._window.session.offer:
                self._painted(self._known.hex(), "form")
        return False

    def _painted(self, offer: str, what: str) -> None:
        if what not in self._seen.setdefault(offer, {}):
            # After this turn of the loop everything that was to be painted with it stands in the window's picture.
            self._seen[offer][what] = 0.0
            QTimer.singleShot(0, lambda: self._note(offer, what))

    def _note(self, offer: str, what: str) -> None:
        self._seen[offer][what] = time.perf_counter()
        if len(self._seen[offer]) == 2 and all(self._seen[offer].values()) and offer not in self._told:
            self._told.add(offer)
            print(json.dumps({"offer": offer, **self._seen[offer]}), flush=True)


def _sign_in(shown: Shown) -> None:
    """Somebody sits there: without, the sign-in page stays in the form's place."""
    desk = shown.desktop.desk
    found(desk.store)
    people.enrol(desk, "kepala1", "Kepala 1", "lead", "112112", BY_SITE).result(30)
    person = people.sign_in(desk, "kepala1", "112112").result(30)
    shown.window.sign_in_page.signed_in.emit(person)


def main() -> None:
    app = application()
    shown = open_window(load(Path(sys.argv[1])))
    _sign_in(shown)
    watcher = Watcher(shown.window)
    print(json.dumps({"window": True}), flush=True)
    # Whoever measures closes our standard input when it has seen enough.
    from threading import Thread

    Thread(target=lambda: (sys.stdin.read(), app.quit()), daemon=True).start()
    app.exec()
    del watcher
    shown.close()


if __name__ == "__main__":
    main()
