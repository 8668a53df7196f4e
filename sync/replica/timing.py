"""How the exchange paces itself."""

from __future__ import annotations

from msgspec import Struct


class Timing(Struct, frozen=True):
    """How the loop paces itself, seconds."""

    retry_least_s: float = 0.25
    retry_most_s: float = 15.0
    steady_s: float = 5.0  # a session that lasted so long starts the back-off afresh
    poll_s: float = 30.0  # without the peer's stream, greet again this often
    greet_s: float = 300.0  # with it, even when nothing seems to have happened
    answer_s: float = 15.0
    watchdog_s: float = 60.0
    report_s: float = 0.1  # least time between two reports
