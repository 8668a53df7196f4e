"""A desk's place on a disk and the hand that moves its clock, for who breaks it and brings it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.centre import NOW, Place
from workstation.domain.hlc import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def place(tmp_path: Path, clock: HandClock) -> Place:
    made = Place(tmp_path / "desk", clock)
    made.keep_key()
    return made
