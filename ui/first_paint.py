"""What begins only when the window stands on the screen: phone and sync load behind the first frame, not before."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

UNSEEN_MS = 1000
"""A window that is never painted, minimised from the start, does not hold up the phone for longer."""


class FirstPaint(QObject):
    """Runs `act` once, after the first frame of `window`."""

    def __init__(self, window: QWidget, act: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._act = window, act
        self._timer = QTimer(self, singleShot=True, interval=UNSEEN_MS)
        self._timer.timeout.connect(self._run)
        self._timer.start()
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._window.removeEventFilter(self)
            # The children are painted after this event: the timer's turn comes when the frame is out.
            self._timer.start(0)
        return False

    def _run(self) -> None:
        self._window.removeEventFilter(self)
        self._act()
