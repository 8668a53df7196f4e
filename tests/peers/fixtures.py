"""The peers as pytest fixtures. A tests folder takes what it needs in its `conftest.py`:

from tests.peers.fixtures import pbx, sound  # noqa: F401
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.postgres import Server, postgres
from tests.peers.registrar import Pbx, kamailio
from workstation.demo.sound import PulseServer, pulse

#: Who may sign on at the fixture's PBX.
USERS = {"desk1": "uji-desk1", "desk2": "uji-desk2", "agency": "uji-agency"}


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[Pbx]:
    """A registrar that knows `USERS`; a call to 112 rings every desk signed on."""
    with kamailio(tmp_path, USERS) as running:
        yield running


@pytest.fixture
def sound() -> Iterator[PulseServer]:
    """A sound server with `headset`, `loudspeaker`, `mic` and the source `microphone`. Give `sound.environment` to
    the program under test.
    """
    with pulse() as server:
        yield server


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """A PostgreSQL server for the whole run."""
    with postgres() as server:
        yield server


@pytest.fixture
def database(database_server: Server) -> Iterator[str]:
    """The URL of an empty database for one test."""
    with database_server.database() as name:
        yield database_server.url(name)
