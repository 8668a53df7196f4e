"""An error on the screen's side: said in a bar with what to do, the form saved, the call left up (promise U5).

The phone engine is a process of its own, so nothing here can end a conversation; the store's writer is a thread that
takes no part in painting, so what was typed is written even while a slot keeps failing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QTimer

log = logging.getLogger("tahuri.ui")


class Alarm:
    """Takes over `sys.excepthook`, to which PySide hands what a slot or an event handler raises, and hands it on."""

    def __init__(self, save: Callable[[], object], tell: Callable[[str], object]) -> None:
        self._save, self._tell = save, tell
        self._before = sys.excepthook
        self._busy = False
        self._handed = ""
        self.caught: list[BaseException] = []

    def arm(self) -> None:
        sys.excepthook = self._caught

    def disarm(self) -> None:
        if sys.excepthook == self._caught:
            sys.excepthook = self._before

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            self._before(kind, error, trace)
            return
        log.error("the screen made an error", exc_info=(kind, error, trace))
        self.caught = [*self.caught[-9:], error]
        self._hand_on(kind, error, trace)
        if self._busy:
            return  # saving or telling is what fails: saying it again would never end
        self._busy = True
        try:
            self._save()
        except Exception:
            log.exception("the form could not be saved after an error")
        finally:
            # Told from the event loop: the handler that failed may be half way through a paint.
            QTimer.singleShot(0, lambda: self._tell(f"{kind.__name__}: {error}"))
            self._busy = False

    def _hand_on(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Whoever listened before writes the crash down too; a slot that fails at each tick is written once."""
        said = f"{kind.__name__}: {error}"
        if said == self._handed:
            return
        self._handed = said
        try:
            self._before(kind, error, trace)
        except Exception:  # whoever listened before may fail in any way; the error was told already
            log.exception("the error could not be handed on")
