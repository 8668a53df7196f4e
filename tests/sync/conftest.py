"""What tests of the exchange share: a hub's log of the site AMB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.hub.log.sqlite import open_log
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.store import Store


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Store]:
    """The hub's log, which holds something that a new desk lacks: the site's roster."""
    with open_log(tmp_path / "hub.db", bytes(32), clock=SystemClock(), ids=SystemIds(), site="AMB") as store:
        yield store
