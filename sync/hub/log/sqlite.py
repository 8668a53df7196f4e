"""The hub's log on SQLite: the same store the desks have, with room for larger merges since nobody types here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sync.hub.log import LogRefused
from sync.protocol import FRAME_OPS
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.store import Store, StoreFailed, StoreRefused

_MERGE_PAGE: Final = FRAME_OPS


def open_log(path: Path, key: bytes, *, clock: Clock, ids: Ids, site: str) -> Store:
    """Open the hub's store, or make it. Raises `LogRefused`."""
    try:
        return Store.open(path, key, clock=clock, ids=ids, site=site, merge_page=_MERGE_PAGE, merge_beside=_MERGE_PAGE)
    except (StoreRefused, StoreFailed) as error:
        raise LogRefused(str(error)) from error
