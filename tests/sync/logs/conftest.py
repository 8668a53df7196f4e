"""Each test of the contract runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.fixtures import database, database_server
from tests.peers.postgres import Server
from tests.sync.logs.places import HubLog, Place

__all__ = ["database", "database_server"]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, database_server: Server) -> Place:
    """An empty database of either kind.

    The server is asked for by both: a process that is started within a test counts as left behind by it.
    """
    if request.param == "sqlite":
        return Place("sqlite", tmp_path / "hub.db")
    return Place("postgres", tmp_path, request.getfixturevalue("database"))


@pytest.fixture
def log(place: Place) -> Iterator[HubLog]:
    """An empty log on it."""
    with place.open() as log:
        yield log
