"""Two desks and a hub, each real, with a wire between that fails."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from sync.replica import faults
from tests.sync.desks import QUICK, Desk, in_step, until_in_step
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.store import read_digest, read_vector


@pytest.mark.promise("S1", "S3")
def test_what_one_desk_writes_the_other_has(desks: tuple[Desk, Desk], hub: HubProcess) -> None:
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    first.edit(incident, village="Batu Merah", injured=2)
    wait_until(lambda: second.values(incident, "village") == {"Batu Merah"}, 10)
    second.note(incident, "Pemadam berangkat")
    until_in_step(desks)
    status = first.told(state="up", unsent=0)
    assert status.last_contact_at is not None and status.oldest_unsent_at is None
    assert status.clock_offset_ms is not None and abs(status.clock_offset_ms) < 1000
    assert hub.stop() == 0
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    assert read_vector(hub.store, key) == first.store.vector()
    assert read_digest(hub.store, key) == first.store.digest()


@pytest.mark.promise("S3", "S4", "M4")
@pytest.mark.parametrize("fault", ["cut", "black_hole", "half_open"])
def test_after_an_outage_both_have_everything_and_the_rivals(desks: tuple[Desk, Desk], wire: Wire, fault: str) -> None:
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    first.edit(incident, type="kebakaran")
    until_in_step(desks)
    getattr(wire, fault)()
    if fault == "half_open":
        wire.black_hole()  # the old connections are dead, and for now no new one comes up either
    first.edit(incident, type="kebakaran pasar", village="Batu Merah")
    second.edit(incident, type="ledakan")
    second.notes(incident, 2_500)
    down = first.until("down")
    assert down.sentence == faults.DOWN
    assert wait_until(lambda: first.status and first.status.unsent == 1)
    assert not in_step(desks)
    wire.mend()
    until_in_step(desks)
    for desk in desks:
        assert desk.values(incident, "type") == {"kebakaran pasar", "ledakan"}
        assert desk.values(incident, "village") == {"Batu Merah"}
        desk.until("up")


@pytest.mark.promise("S2", "S4")
def test_a_backlog_passes_a_wire_that_breaks_at_every_point(desks: tuple[Desk, Desk], wire: Wire) -> None:
    first = desks[0]
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    wire.cut()
    first.until("down")
    first.notes(incident, 4_000)
    wire.mend()
    carried, step = sum(wire.carried.values()), 100
    while not in_step(desks):
        wire.reset_after(step)
        wait_until(lambda: wire.faults.reset_after is None or in_step(desks), 20, what="a reset after some bytes")
        step = step * 3 // 2
    until_in_step(desks)
    assert sum(wire.carried.values()) > carried
    assert step > 3_000, "the wire broke too seldom to prove anything"


@pytest.mark.promise("S2", "S3")
def test_an_acknowledgement_that_is_lost_makes_no_second_copy(
    desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess
) -> None:
    first, _ = desks
    incident = first.open_incident("AMB-1-0001")
    until_in_step(desks)
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    # A session that was asking something in the moment the wire fell silent ends before it pushes: the next one tries.
    for floor in range(10):
        wire.one_way("down")
        first.note(incident, f"Api di lantai {floor}")
        with suppress(AssertionError):
            wait_until(lambda: read_vector(hub.store, key) == first.store.vector(), 3)
            break
        wire.mend()
        until_in_step(desks)
    else:
        raise AssertionError("no push ever reached the hub")
    assert first.store.unsent()[0] == 1, "what the hub did not say it has is unsent"
    wire.mend()
    until_in_step(desks)


@pytest.mark.promise("S2")
def test_what_the_hub_acknowledged_survives_its_sudden_death(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub") as hub, Wire(hub.address) as wire, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(wire.url)
        incident = desk.open_incident("AMB-1-0001")
        for round_ in range(5):
            desk.note(incident, f"catatan {round_}")
            acknowledged = desk.store.vector()[desk.store.replica]
            wait_until(lambda: desk.store.unsent() == (0, None), 20)
            hub.kill()
            key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
            assert read_vector(hub.store, key)[desk.store.replica] == acknowledged
            hub.start()
            wire.retarget(hub.address)


@pytest.mark.promise("S2", "S4")
def test_a_hub_killed_in_the_middle_of_a_drain_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub") as hub, Wire(hub.address) as wire, Desk(tmp_path, "AMB-1") as desk:
        incident = desk.open_incident("AMB-1-0001")
        desk.notes(incident, 6_000)
        desk.connect(wire.url)
        key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
        kills = 0
        while desk.store.unsent()[0]:
            before = desk.store.unsent()[0]
            wait_until(lambda: desk.store.unsent()[0] < before, 20, what="progress")  # noqa: B023
            hub.kill()
            kills += 1
            acked = desk.store.acked_vector()
            held = read_vector(hub.store, key)
            assert all(held.get(replica, 0) >= seq for replica, seq in acked.items())
            hub.start()
            wire.retarget(hub.address)
        assert kills >= 3
        wait_until(lambda: read_digest(hub.store, key) == desk.store.digest(), 10)


@pytest.mark.promise("S4")
def test_a_hub_that_begins_anew_is_given_everything(desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess) -> None:
    first, second = desks
    incident = first.open_incident("AMB-1-0001")
    second.open_incident("AMB-2-0001")
    until_in_step(desks)
    assert hub.stop() == 0
    for path in hub.folder.glob("hub.db*"):
        if path.suffix != ".key":
            path.unlink()
    first.note(incident, "selama hub tidak ada")
    hub.found()  # as IT does with the site's key: another device, for the same site
    hub.start()
    wire.retarget(hub.address)
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    wait_until(lambda: read_vector(hub.store, key) == first.store.vector(), 20, what="the new hub has all")
    until_in_step(desks)


@pytest.mark.promise("S1")
def test_an_op_is_with_the_other_desk_in_an_instant(tmp_path: Path) -> None:
    """No poll and no heartbeat comes in time for it: it is the stream of events that carries each op."""
    (tmp_path / "hub").mkdir()
    slow = replace(QUICK, poll_s=120, watchdog_s=120)
    with (
        HubProcess(tmp_path / "hub", heartbeat_s=60) as hub,
        Desk(tmp_path, "AMB-1") as first,
        Desk(tmp_path, "AMB-2") as second,
    ):
        for desk in (first, second):
            desk.connect(hub.url, timing=slow)
        incident = first.open_incident("AMB-1-0001")
        until_in_step([first, second])
        for n in range(20):
            first.edit(incident, injured=n)
            want = first.store.vector()
            wait_until(lambda: second.store.vector() == want, 10)  # noqa: B023


@pytest.mark.promise("S4")
def test_the_thread_ends_whatever_the_wire_does(desks: tuple[Desk, Desk], wire: Wire) -> None:
    first, second = desks
    first.until("up")
    wire.black_hole()
    first.open_incident("AMB-1-0001")
    first.disconnect()
    wire.cut()
    second.until("down")
    second.disconnect()


@pytest.mark.promise("S4")
@pytest.mark.parametrize("again", range(4))
def test_the_thread_ends_when_told_to_in_the_moment_it_is_woken(desks: tuple[Desk, Desk], again: int) -> None:
    first, _ = desks
    first.until("up")
    replica = first.replica
    assert replica is not None

    def both() -> None:
        replica._wake.set()
        replica._stopping.set()

    # The waker must be waiting for the wake-up, so that both come to it in one turn of the loop.
    wait_until(lambda: not replica._wake.is_set(), 5)
    replica._on_loop(both)
    assert replica.stop(5), "the sync thread did not end"


def test_without_a_hub_the_desk_says_so_and_counts(tmp_path: Path) -> None:
    with Desk(tmp_path, "AMB-1") as desk:
        desk.connect("")
        assert desk.until("off").unsent == 0
        desk.open_incident("AMB-1-0001")
        assert desk.told("Belum ada hub", state="off", unsent=1).oldest_unsent_at is not None
