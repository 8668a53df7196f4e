"""Waiting for a condition with a deadline: the only way the demonstration and the tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from workstation.domain.hlc import SystemClock

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline_s: float = 5.0, *, every_s: float = 0.005, what: str = "") -> T:
    """The condition's first true value, asked for again and again until `deadline_s` has passed.

    Raises AssertionError naming `what` (or the condition) and the last value seen. It blocks the thread: a Qt test
    whose condition needs the event loop uses `qtbot.waitUntil`.
    """
    clock = SystemClock()
    end = clock.monotonic_s() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if clock.monotonic_s() >= end:
            name = what or getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not within {deadline_s} s: {name}; last value {value!r}")
        time.sleep(every_s)
