"""A hub's own way up: a site's hub keeps the central one in step, by the exchange its desks have with it (promise S1).

In a thread of its own, so that a day's backlog that drains upward does not hold up the desks of the site (S4).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sync.log import DeskLog
from sync.replica import Replica
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.domain.rows import LinkStatus
from workstation.words import english

log = logging.getLogger("sync")
_JITTER_BYTES: Final = 4


@contextmanager
def uplink(source: DeskLog, url: str, clock: Clock, ids: Ids) -> Iterator[None]:
    """While the block runs, what this hub holds and the central one lacks goes up, and the other way round.

    `url` "" = there is none.
    """
    if not url:
        yield
        return

    def jitter() -> float:
        return int.from_bytes(ids.secret(_JITTER_BYTES), "big") / 256**_JITTER_BYTES

    replica = Replica(source, url, ids.secret, clock, jitter, _Teller(url).take, desk="hub", site=source.site)
    replica.start()
    try:
        yield
    finally:
        if not replica.stop():
            log.error("the uplink did not end in time")


class _Teller:
    """Says each change of the way up, once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = ""

    def take(self, status: LinkStatus) -> None:
        if status.state != self._before:
            self._before = status.state
            log.info("uplink %s: %s. %s", self._url, status.state, english(status.sentence))
