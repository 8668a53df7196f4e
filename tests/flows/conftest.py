"""One call centre for all flows: Kamailio that rings both desks for 112, a hub, cables, the desks signed in by keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.registrar import Pbx, kamailio
from workstation.demo.desks import Centre, Exchange, open_centre
from workstation.demo.sound import pulse
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds

ACCOUNTS = {"meja1": "uji-meja1", "meja2": "uji-meja2"}


@dataclass(frozen=True)
class Scene:
    """The centre and the exchange in front of it; `folder` is for callers."""

    centre: Centre
    pbx: Pbx
    folder: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two desks, signed in and registered at Kamailio (digest, UDP), for all tests of a module."""
    with _open(tmp_path_factory.mktemp("centre")) as scene:
        yield scene


@pytest.fixture
def own_scene(tmp_path: Path) -> Iterator[Scene]:
    """The same for one test that ends processes."""
    with _open(tmp_path) as scene:
        yield scene


@contextmanager
def _open(folder: Path) -> Iterator[Scene]:
    clock = SystemClock()
    with pulse(("headset1", "headset2")) as sound, kamailio(folder, ACCOUNTS) as pbx:
        accounts = [Exchange(pbx.host, pbx.port, pbx.domain, *account) for account in ACCOUNTS.items()]
        with open_centre(folder, accounts, sound, clock, SystemIds(clock)) as centre:
            centre.sign_in()
            yield Scene(centre, pbx, folder)
