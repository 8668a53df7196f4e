"""One timer for every clock on the screen, ten times a second; who listens repaints only its own clock rectangles.

The time is read once a tick from the injected clock and handed to all, so that two clocks never disagree.
"""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

TICK_MS = 100


class Clock(Protocol):
    """The injected clock (`workstation.domain.hlc.Clock`)."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...


class Ticker(QObject):
    """The screen's heartbeat.

    Signals:
        tick(int): ten times a second, wall time in ms UTC.
        second(int): once a second, for what changes no faster.
    """

    tick = Signal(object)
    second = Signal(object)

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.clock = clock
        self._second = -1
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.timeout.connect(self.beat)

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def beat(self) -> None:
        """One tick, now; the timer's, and a test's."""
        now = self.clock.now_ms()
        self.tick.emit(now)
        if now // 1000 != self._second:
            self._second = now // 1000
            self.second.emit(now)
