"""Wires that are bad without being cut, between real processes: late, stalling, narrow, breaking again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha512
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.sync.desks import QUICK, Desk, in_step, until_in_step
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until
from workstation.demo.wire import Wire

PATIENT = replace(QUICK, answer_s=4.0)
FAULTS: dict[str, Callable[[Wire], None]] = {
    "late": lambda wire: wire.delay(0.15),
    "losing": lambda wire: wire.stall(5, 0.6),
    "narrow": lambda wire: wire.narrow(20_000),
}


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub") as hub, Wire(hub.address) as wire:
        yield wire


@pytest.mark.promise("S2", "S4")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_wire_carries_everything_both_ways_and_the_desk_stays_up(tmp_path: Path, wire: Wire, fault: str) -> None:
    with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
        for desk in (first, second):
            desk.connect(wire.url, timing=PATIENT)
        incident = first.open_incident("AMB-1-0001")
        until_in_step([first, second])
        said = len(first.statuses)
        FAULTS[fault](wire)
        for n in range(5):
            first.edit(incident, injured=n)
            second.notes(incident, 20)
        until_in_step([first, second], 60)
        assert {status.state for status in first.statuses[said:]} == {"up"}, "a slow wire is no broken one"


@pytest.mark.promise("S2", "S4")
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_backlog_too_long_for_the_wire_goes_in_shorter_frames(tmp_path: Path, wire: Wire, way: str) -> None:
    """A frame that can't get through in the time it has never would: the next one is half as long, until one does."""
    with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
        for desk in (first, second):
            desk.join(wire.url)
        incident = first.open_incident("AMB-1-0001")
        if way == "down":
            first.connect(wire.url, timing=PATIENT)
        for n in range(150):
            first.note(incident, sha512(bytes([n % 256, n // 256])).hexdigest())  # words that no packing makes shorter
        if way == "down":
            wait_until(lambda: first.store.unsent() == (0, None), 30, what="all at the hub")
            first.disconnect()
        receiver = second if way == "down" else first
        wire.narrow(4_000)
        receiver.connect(wire.url, timing=replace(PATIENT, answer_s=1.0, watchdog_s=6.0))
        receiver.until("down", 30)
        if way == "up":
            wait_until(lambda: first.store.unsent() == (0, None), 120, what="all at the hub")
        else:
            wait_until(lambda: in_step([first, second]), 120, what="all at the desk")


@pytest.mark.promise("S2", "S4")
@pytest.mark.parametrize("fault", ["half_open", "black_hole", "reset"])
def test_a_wire_that_fails_again_and_again_loses_nothing(tmp_path: Path, wire: Wire, fault: str) -> None:
    with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
        for desk in (first, second):
            desk.connect(wire.url)
        incident = first.open_incident("AMB-1-0001")
        until_in_step([first, second])
        for n in range(4):
            before = wire.connections
            first.notes(incident, 300)
            getattr(wire, fault)()
            second.edit(incident, injured=n)
            wait_until(lambda: wire.connections >= before + 2, 20, what="both come back")  # noqa: B023
            wire.mend()
        until_in_step([first, second], 30)
        assert second.values(incident, "injured") == {3}
