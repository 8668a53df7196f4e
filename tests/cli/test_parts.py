"""The parts of a desk that start behind its first frame: one that fails keeps no other from starting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.sites import found
from tests.waiting import wait_until
from workstation import app, calling
from workstation.domain.rows import LinkStatus, PhoneState
from workstation.domain.sentence import say
from workstation.settings import HubSettings, PhoneSettings, Settings, StoreSettings

FAILED = say("desk.part_not_started", error="ImportError")


class Started:
    """Stands for the line or for sync, and knows whether it was started and stopped."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self) -> None:
        self.said.append("start")

    def stop(self) -> None:
        self.said.append("stop")


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[app.Desktop]:
    made = app.build(
        Settings(
            store=StoreSettings(folder=str(tmp_path), key="file"),
            phone=PhoneSettings(user="meja3", registrars=("127.0.0.1:9",)),
            hub=HubSettings(url="http://127.0.0.1:9"),
        )
    )
    yield made
    made.close()


def breaks(*_: object, **__: object) -> Any:
    raise ImportError("a library that is not there")


@pytest.mark.promise("S4")
@pytest.mark.expected_log("a part of the desk did not start")
def test_a_phone_that_does_not_start_keeps_sync_from_nothing_and_is_told(
    desktop: app.Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone: list[PhoneState] = []
    link: list[LinkStatus] = []
    desktop.announce.phone, desktop.announce.link = phone.append, link.append
    monkeypatch.setattr(calling, "make_line", breaks)
    found(desktop.store)
    desktop.start()
    wait_until(lambda: link and link[-1].state == "down", 10, what="sync asks for its hub")
    assert [(state.line, state.sentence, state.may_ring) for state in phone] == [("failed", FAILED, False)]


@pytest.mark.promise("P2")
@pytest.mark.expected_log("a part of the desk did not start")
def test_sync_that_does_not_start_keeps_the_phone_from_nothing_and_is_told(
    desktop: app.Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    link: list[LinkStatus] = []
    line = Started()
    desktop.announce.link = link.append
    monkeypatch.setattr(calling, "make_line", lambda *_: line)
    monkeypatch.setattr("sync.replica.Replica", breaks)
    opened = {"number": "AMB-1-0001", "call": b"", "desk": "Meja 1", "at": 1}
    desktop.store.write(lambda tx: tx.append("incident.opened", tx.uid(), opened)).result(10)
    desktop.start()
    wait_until(lambda: link, 10, what="it is told")
    assert (link[0].state, link[0].sentence, link[0].unsent) == ("refused", FAILED, 1)
    assert line.said == ["start"]


@pytest.mark.promise("P2", "S4")
@pytest.mark.expected_log("a part of the desk did not start")
def test_what_is_only_loaded_ahead_stops_neither(desktop: app.Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    line, sync = Started(), Started()
    monkeypatch.setattr(calling, "make_line", lambda *_: line)
    monkeypatch.setattr("sync.replica.Replica", lambda *_, **__: sync)
    monkeypatch.setattr(app, "read_number", breaks)
    desktop.start()
    desktop.close()
    assert line.said == sync.said == ["start", "stop"]
