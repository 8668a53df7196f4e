"""The line and the record put together: what the engine tells is written down, and forgotten there once on disk.

A room of its own so that the window can be painted before any of it is loaded.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable

from workstation.domain.hlc import Clock
from workstation.domain.rows import PhoneState
from workstation.phone import wire
from workstation.phone.line import Line
from workstation.phone.settings import PhoneSettings
from workstation.service import calls
from workstation.service.desk import Desk

log = logging.getLogger("tahuri.calling")


def make_line(
    settings: PhoneSettings, key: bytes | None, desk: Desk, clock: Clock, say: Callable[[PhoneState], None]
) -> Line:
    """The desk's line; its engine seals what is not in the store yet with a key made from the store's own."""
    journal_key = hmac.digest(key or b"plain", b"engine journal", hashlib.sha256)
    line = Line(settings, journal_key, clock=clock, on_event=lambda event: hear(desk, line, event), on_state=say)
    return line


def hear(desk: Desk, line: Line, event: wire.Event) -> None:
    """Write down what the engine tells, and let it forget only what is on disk (promises P2, D5)."""
    match event:
        case wire.Ringing():
            ring = calls.Ring(
                bytes.fromhex(event.offer),
                event.number,
                event.at,
                event.display,
                event.dialled,
                event.key,
                event.sip_call_id,
                event.identity,
            )
            written = calls.rang(desk, ring)
        case wire.Answered():
            written = calls.answered(desk, bytes.fromhex(event.offer), event.at)
        case wire.Held():
            written = calls.held(desk, bytes.fromhex(event.offer), event.at)
        case wire.Resumed():
            written = calls.resumed(desk, bytes.fromhex(event.offer), event.at)
        case wire.Ended():
            written = calls.ended(desk, bytes.fromhex(event.offer), event.reason, event.at)
        case _:
            return
    written.add_done_callback(lambda done: _acknowledge(line, event.n, done.exception()))


def _acknowledge(line: Line, n: int, error: BaseException | None) -> None:
    if error is not None:
        log.error("event %d of the phone is not in the store, the engine tells it again: %s", n, error)
        line.unwritten(n)
    elif n:
        line.ack(n)
