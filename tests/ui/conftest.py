"""What screen tests stand on: theme, bridge, a desk with a real encrypted store, a whole night of three desks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.screens import scene
from tests.screens.seat import NOW, Seat, cheap_secrets
from tests.ui.screen import Screen
from ui import i18n
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.domain.hlc import HandClock


@pytest.fixture
def theme(qapp: object) -> Iterator[Theme]:
    """The night palette at 100 %, Indonesian."""
    made = Theme("night")
    made.apply()
    i18n.use("id")
    yield made
    i18n.use("id")


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Bridge]:
    """The way to the screen's thread; an answer nobody took care of fails the test."""
    made = Bridge()
    errors: list[BaseException] = []
    made.failed.connect(errors.append)
    yield made
    made.close()
    assert not errors, f"answers that failed: {errors}"


@pytest.fixture
def settled(qtbot: QtBot, bridge: Bridge) -> Callable[[], None]:
    """Waits until every question the screen asked has its answer."""
    return lambda: qtbot.waitUntil(lambda: bridge.waiting == 0, timeout=10_000)


@pytest.fixture
def seat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    """Meja 3 with an empty record, its clock standing at NOW."""
    cheap_secrets(monkeypatch)
    with Seat(tmp_path, 3, HandClock(NOW)) as made:
        yield made


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Seat]]:
    """Three desks after a whole night, Meja 3 cut off for the last minutes. Only to be read."""
    folder = tmp_path_factory.mktemp("night")
    clock = HandClock(NOW - 9 * 3_600_000)
    with pytest.MonkeyPatch.context() as patch:
        cheap_secrets(patch)
        seats = {n: Seat(folder, n, clock) for n in (1, 2, 3)}
        try:
            seats[3].staff()
            scene.meet(scene.Story(seats))
            seats[1].sign_in("op1")
            seats[2].sign_in("op2")
            scene.night(seats, cut=True)
            yield seats
        finally:
            for seat in seats.values():
                seat.close()


@pytest.fixture
def screen(qtbot: QtBot, seat: Seat, bridge: Bridge, theme: Theme) -> Iterator[Screen]:
    """The whole window at 1366x768 on Meja 3, nobody signed in, the line registered and quiet."""
    made = Screen(qtbot, seat, bridge, theme)
    made.settle()
    yield made
    made.close()
