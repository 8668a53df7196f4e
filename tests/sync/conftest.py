"""What tests of the exchange share: a hub's log; a hub's process, a wire that can fail, and two desks behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.hub.log.sqlite import open_log
from tests.sync.desks import Desk
from tests.sync.hubs import HubProcess
from workstation.demo.wire import Wire
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.store import Store


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Store]:
    """The hub's log, which holds something that a new desk lacks: the site's roster."""
    with open_log(tmp_path / "hub.db", bytes(32), clock=SystemClock(), ids=SystemIds(), site="AMB") as store:
        yield store


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.address) as wire:
        yield wire


@pytest.fixture
def desks(tmp_path: Path, wire: Wire) -> Iterator[tuple[Desk, Desk]]:
    with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
        first.connect(wire.url)
        second.connect(wire.url)
        yield first, second
