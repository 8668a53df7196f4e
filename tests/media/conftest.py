from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.fixtures import sound
from workstation.demo.sound import PulseServer

__all__ = ["sound"]


@pytest.fixture
def cards(sound: PulseServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    """The sound server, and PortAudio in this process looking at it and at nothing else."""
    for name, value in sound.environment.items():
        monkeypatch.setenv(name, value)
    look_again()
    yield sound


def look_again() -> None:
    """PortAudio lists the devices once, when it starts: let it start anew."""
    import sounddevice

    sounddevice._terminate()
    sounddevice._initialize()
