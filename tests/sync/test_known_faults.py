"""Faults that programs of this kind are known for, each by its name; each test would fail with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulate.kills import Writer
from tests.store.desks import rows, with_room
from tests.sync.desks import Desk, until_in_step
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.domain.hlc import SystemClock
from workstation.store import read_vector

YEAR_MS = 365 * 24 * 3_600_000


@pytest.mark.promise("S2")
@pytest.mark.expected_log("a session failed")
def test_premature_checkpoint(desks: tuple[Desk, Desk]) -> None:
    """What is said to be had is what was applied: a page that could not be written is asked for again."""
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    with with_room(second.store, 1):
        first.notes(incident, 3_000)
        second.until("down", 20)
        had = second.store.vector()[first.store.replica]
        applied = rows(second.store, "select max(seq) as seq from op where replica = ?", first.store.replica)
        assert applied == [{"seq": had}] and had < first.store.vector()[first.store.replica]
    until_in_step(desks)


@pytest.mark.promise("S4", "S5")
def test_restored_server(desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess) -> None:
    """A hub back from an old copy holds less than it has acknowledged: it gets back what it lost."""
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    assert hub.stop() == 0
    copy = hub.store.read_bytes()
    hub.start()
    wire.retarget(hub.address)
    first.note(incident, "setelah salinan")
    second.note(incident, "juga setelah salinan")
    until_in_step(desks)
    assert hub.stop() == 0
    hub.store.write_bytes(copy)
    hub.start()
    wire.retarget(hub.address)
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    wait_until(lambda: read_vector(hub.store, key) == first.store.vector(), 20, what="the hub has all again")
    until_in_step(desks)


@pytest.mark.promise("S4")
def test_crash_leaves_sync_blocked(tmp_path: Path, hub: HubProcess) -> None:
    """A desk killed in the middle of its exchange leaves nothing behind that keeps the next one from it."""
    with Desk(tmp_path, "AMB-1") as desk:
        desk.join(hub.url)
        replica = desk.store.replica
    writer = Writer(tmp_path)
    for _ in range(2):
        try:
            writer.start(hub.url)
            writer.go_on(25)
        finally:
            writer.kill()
    with Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        wait_until(lambda: desk.store.unsent() == (0, None), 20, what="all sent")
        key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
        assert read_vector(hub.store, key)[replica] == desk.store.vector()[replica] >= writer.saved


class Wrong(SystemClock):
    """A clock a year ahead, or behind."""

    def __init__(self, by_ms: int) -> None:
        super().__init__()
        self._by_ms = by_ms

    def now_ms(self) -> int:
        return super().now_ms() + self._by_ms


@pytest.mark.promise("M9", "S4")
@pytest.mark.parametrize("by_ms", [YEAR_MS, -YEAR_MS])
def test_clock_skew_stops_sync(tmp_path: Path, wire: Wire, by_ms: int) -> None:
    """A desk whose clock is a year wrong gives and gets everything, and moves nobody's clock."""
    with Desk(tmp_path, "AMB-1", clock=Wrong(by_ms)) as wrong, Desk(tmp_path, "AMB-2") as right:
        wrong.connect(wire.url)
        right.connect(wire.url)
        incident = wrong.open_incident("AMB-1-0001")
        until_in_step([wrong, right])
        right.edit(incident, village="Batu Merah")
        wrong.edit(incident, landmark="depan SD")
        until_in_step([wrong, right])
        for desk in (wrong, right):
            assert desk.values(incident, "village") == {"Batu Merah"}
            assert desk.values(incident, "landmark") == {"depan SD"}
        (newest,) = rows(right.store, "select max(at) as at from op where replica = ?", right.store.replica)
        assert newest["at"] <= right.clock.now_ms() + 60_000


@pytest.mark.promise("M3", "M4")
def test_equal_value_write_hides_a_row(desks: tuple[Desk, Desk], wire: Wire) -> None:
    """Two who write the same at once have both written: neither's row nor the other fields of either are lost."""
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    wire.cut()
    first.until("down")
    second.until("down")
    first.edit(incident, village="Batu Merah", injured=2)
    second.edit(incident, village="Batu Merah", landmark="depan SD")
    wire.mend()
    until_in_step(desks)
    for desk in desks:
        values = [desk.values(incident, name) for name in ("village", "injured", "landmark")]
        assert values == [{"Batu Merah"}, {2}, {"depan SD"}]
        assert rows(desk.store, "select village, landmark from incident") == [
            {"village": "Batu Merah", "landmark": "depan SD"}
        ]
    second.edit(incident, village="Hative Kecil")
    until_in_step(desks)
    for desk in desks:
        assert desk.values(incident, "village") == {"Hative Kecil"}, "a later write replaces both"


@pytest.mark.promise("S4")
def test_queue_never_resumes(desks: tuple[Desk, Desk], wire: Wire) -> None:
    """After an outage in which every attempt failed the queue goes on by itself, in order, with nobody touching it."""
    first = desks[0]
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    wire.cut()
    first.until("down")
    attempts = wire.connections
    first.notes(incident, 1_200)
    first.note(incident, "yang terakhir")
    wait_until(lambda: wire.connections > attempts + 20, 30, what="twenty attempts in vain")
    assert first.store.unsent()[0] == 1_201
    wire.mend()
    until_in_step(desks)
