"""The desk's screen as `tests.bench.phone` watches it: `python -m tests.bench._form SETTINGS.toml [PROFILE RINGS]`.

A whole desk (store, line, window) in a process of its own. It says one JSON object for each ring: when the ring bar
with this caller was painted, and when the form that knows the call from the record was, by the monotonic clock.
With PROFILE it writes where its own thread's CPU time goes from a ring to its form, after the given number of rings.
"""

from __future__ import annotations

import cProfile
import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from tests.bench import _profile
from tests.store.sites import BY_SITE, found
from ui.main_window import MainWindow
from ui.theme import application
from workstation.app import Shown, open_window
from workstation.domain.rows import PhoneState
from workstation.service import people
from workstation.settings import load


class Watcher(QObject):
    """Notes the first painting that shows a ring, and the first that shows its form with what the record knows."""

    finished = Signal()

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
            self.finished.emit()
            print(json.dumps({"offer": offer, **self._seen[offer]}), flush=True)


class Profile(QObject):
    """CPU time of the screen's thread between rings and their forms; the last one writes it down.

    A call's end is not in it: it begins anew when the screen has done with the last call.
    """

    _QUIET_MS = 200

    def __init__(self, watcher: Watcher, window: MainWindow, file: Path, rings: int) -> None:
        super().__init__(watcher)
        self._file, self._rings, self._left = file, rings, rings
        self._profiler = cProfile.Profile(time.thread_time)
        self._spent_s = self._from_s = 0.0
        self._quiet = False  # painted, and the call not yet gone
        watcher.finished.connect(self._painted)
        window.bridge.phone.connect(self._heard)
        self._begin()

    def _begin(self) -> None:
        self._from_s = time.thread_time()
        self._profiler.enable()

    def _heard(self, state: PhoneState) -> None:
        if not state.ringing and self._left and self._quiet:
            self._quiet = False
            QTimer.singleShot(self._QUIET_MS, self._begin)

    def _painted(self) -> None:
        self._profiler.disable()
        self._spent_s += time.thread_time() - self._from_s
        self._left -= 1
        self._quiet = True
        if not self._left:
            head = (
                f"CPU time of the screen's thread from a ring to its painted form, {self._rings} rings: "
                "python -m tests.bench phone --profile FILE",
                f"{self._spent_s / self._rings * 1000:.1f} ms a ring; what the table lacks of it Qt spends without a "
                "line of ours: events, layout, style, composing the window",
                "",
            )
            _profile.keep(self._file, [*head, *_profile.table(self._profiler, self._rings)])


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
    if len(sys.argv) > 2:
        Profile(watcher, shown.window, Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({"window": True}), flush=True)
    # Whoever measures closes our standard input when it has seen enough.
    from threading import Thread

    Thread(target=lambda: (sys.stdin.read(), app.quit()), daemon=True).start()
    app.exec()
    del watcher
    shown.close()


if __name__ == "__main__":
    main()
