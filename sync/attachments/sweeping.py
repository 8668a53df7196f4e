"""Before a log serves or asks: what lies on its shelf and is named by no op goes."""

from __future__ import annotations

import logging

from sync.log import Log, LogAway

log = logging.getLogger("sync")


def sweep(source: Log, now_ms: int) -> None:
    """Remove it; a fault is told in the log and is no reason not to go on. Waits for the disk."""
    try:
        if gone := source.shelf.sweep(source.attachments, now_ms):
            log.info("%d attachments that no op names were removed", gone)
    except (OSError, LogAway) as error:
        log.warning("attachments could not be looked through: %s", error)
