"""One desk, and two, for the tests of the services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.desks import NOW, a_desk
from workstation import sealing
from workstation.domain.hlc import HandClock
from workstation.service.desk import Desk


@pytest.fixture
def quick_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id that costs nothing: what is tested is not the cost, which a test of its own reads off what is sealed."""
    monkeypatch.setattr(sealing, "COST", sealing.Cost(1, 64, 1))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with a_desk(tmp_path) as desk:
        yield desk


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Desk, Desk]]:
    """Two desks on one clock."""
    clock = HandClock(NOW)
    with a_desk(tmp_path, 1, clock) as one, a_desk(tmp_path, 2, clock) as two:
        yield one, two
