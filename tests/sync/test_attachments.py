"""Attachments between desks and hubs: after text, in pieces that go on where they stopped, to the last byte (S12)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from starlette.responses import PlainTextResponse

from sync.attachments.messages import ALTERED, ATTACHMENTS, Ask
from sync.attachments.sealed import Altered
from sync.attachments.shelf import Shelf
from sync.replica import files
from sync.replica.faults import Refused
from sync.replica.link import Link
from tests.store.test_erasure import erase
from tests.sync.attached import Attached, attach, named, read, shelf_of, some_bytes
from tests.sync.central import Central
from tests.sync.desks import QUICK, Desk, in_step
from tests.sync.hubs import HubProcess, HubThread
from tests.sync.test_neighbours import LOOPBACK, NOBODY
from tests.sync.test_neighbours import desks as neighbours
from tests.sync.test_uplink import enrolled, folder
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.domain.ids import SystemIds
from workstation.store import Store, read_vector, reads

__all__ = ["neighbours"]
MEGABYTE = 1024 * 1024


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(folder(tmp_path, "hub")) as hub:
        yield hub


@pytest.fixture
def wire(hub: HubProcess) -> Iterator[Wire]:
    with Wire(hub.address) as wire:
        yield wire


@pytest.fixture
def desks(tmp_path: Path, wire: Wire) -> Iterator[tuple[Desk, Desk]]:
    with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
        first.connect(wire.url)
        second.connect(wire.url)
        wait_until(lambda: in_step([first, second]), 20, what="both desks in step")
        yield first, second


def want(desk: Desk, made: Attached) -> None:
    wait_until(lambda: made.digest in desk.store.attachments([made.digest]), 20, what="the op at the desk")
    desk.store.shelf.want(made.digest, made.whole)


def until_here(shelf: Shelf, made: Attached, deadline_s: float = 30.0) -> None:
    wait_until(lambda: shelf.has(made.digest), deadline_s, what="the file is here")
    assert read(shelf, made.digest) == made.plain


@pytest.mark.promise("S12")
def test_a_file_goes_to_the_hub_by_itself_and_to_another_desk_when_it_is_wanted(
    desks: tuple[Desk, Desk], hub: HubProcess
) -> None:
    first, second = desks
    made = attach(first.store, some_bytes(5 * MEGABYTE // 2))
    until_here(shelf_of(hub.store), made)
    wait_until(lambda: first.store.shelf.sent(made.digest), what="the desk knows that it is there")
    assert made.plain[:64] not in shelf_of(hub.store).path(made.digest).read_bytes(), "it lies there unsealed"
    wait_until(lambda: in_step([first, second]), 20)
    assert not second.store.shelf.has(made.digest), "nobody asked for it there"
    want(second, made)
    until_here(second.store.shelf, made)
    assert second.store.shelf.waiting(first.store.epoch) == [made.digest], "another hub is to get it from here, too"
    assert hub.stop() == 0


@pytest.mark.promise("S12")
@pytest.mark.parametrize(
    ("step", "size"), [(30_000, 150_000), (65_536, 300_000), (70_001, 300_000), (131_072, 600_000), (200_003, 900_000)]
)
def test_a_wire_that_breaks_again_and_again_costs_no_more_than_the_piece_it_broke_in(
    desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess, step: int, size: int
) -> None:
    """Each time, the wire carries fewer bytes than the file has: begun anew it would never get there, or come back."""
    first, second = desks
    wire.cut()
    first.until("down")
    made = attach(first.store, some_bytes(size, seed=step))
    wire.mend()

    def breaking(arrived: Shelf) -> int:
        resets = 0
        while not arrived.has(made.digest):
            wire.reset_after(step)
            wait_until(
                lambda: wire.faults.reset_after is None or arrived.has(made.digest), 30, what="a reset"
            )  # fmt: skip
            resets += 1
        wire.mend()
        return resets

    up = breaking(shelf_of(hub.store))
    assert up >= size // step, "the wire broke too seldom to prove anything"
    want(second, made)
    assert breaking(second.store.shelf) >= size // step
    assert read(second.store.shelf, made.digest) == made.plain
    wait_until(lambda: in_step(desks), 20)


@pytest.mark.promise("S12")
def test_a_piece_whose_answer_is_lost_is_not_carried_twice(
    desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess
) -> None:
    first, arrived = desks[0], shelf_of(hub.store)
    wire.cut()
    first.until("down")
    made = attach(first.store, some_bytes(400_000))
    replica = first.store.replica

    def more(than: int) -> bool:
        return arrived.part(made.digest, replica) > than or arrived.has(made.digest)

    while not arrived.has(made.digest):
        before = arrived.part(made.digest, replica)
        wire.mend()
        wait_until(partial(more, before), 20, what="a piece")
        wire.one_way("down")
        wire.reset()
    sent, went = wire.carried["up"], made.whole
    wire.mend()
    until_here(arrived, made)
    wait_until(lambda: first.store.shelf.sent(made.digest), 20, what="the desk hears of it")
    assert sent < 3 * went and wire.carried["up"] - sent < went // 4, "it began anew"


@pytest.mark.promise("S12", "S4")
def test_an_op_written_during_a_long_upload_is_at_the_hub_before_the_file(
    desks: tuple[Desk, Desk], wire: Wire, hub: HubProcess
) -> None:
    first, second = desks
    key = bytes.fromhex((hub.folder / "hub.db.key").read_text())
    for desk in desks:  # a session that broke would begin with text anyway, and prove nothing
        desk.disconnect()
        desk.connect(wire.url, timing=replace(QUICK, answer_s=30.0, watchdog_s=60.0))
    first.until("up")
    wire.delay(0.1)
    made = attach(first.store, some_bytes(8 * MEGABYTE))
    wait_until(
        lambda: first.store.shelf.sending.get(made.digest, 0) > MEGABYTE // 2, 60, what="the upload is under way"
    )
    incident = first.open_incident("AMB-1-0007")
    second.note(incident, "dari meja lain")
    wait_until(lambda: read_vector(hub.store, key) == first.store.vector() == second.store.vector(), 30)
    assert not shelf_of(hub.store).has(made.digest), "the file overtook what was written"
    wire.mend()
    until_here(shelf_of(hub.store), made)


@pytest.mark.promise("S12", "S4")
def test_a_backlog_of_text_goes_before_the_files_of_the_same_outage(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.join(hub.url)
        incident = desk.open_incident("AMB-1-0001")
        made = attach(desk.store, some_bytes(300_000), incident)
        desk.notes(incident, 4_000)
        desk.connect(hub.url)
        until_here(log.shelf, made)
        pushes, pieces = hub.door.times["/v1/push"], hub.door.times[f"{ATTACHMENTS}/{made.digest.hex()}"]
        assert len(pushes) > 3 and len(pieces) > 1
        assert max(pushes) < min(hub.door.times[ATTACHMENTS])


@pytest.mark.promise("S12")
@pytest.mark.expected_log("altered on the way", "came altered")
def test_bytes_that_were_altered_are_a_file_nowhere(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk, Desk(tmp_path, "AMB-2") as other:
        desk.connect(hub.url)
        made = attach(desk.store, some_bytes(100_000))
        stored = desk.store.shelf.path(made.digest).read_bytes()
        until_here(log.shelf, made)
        log.shelf.path(made.digest).unlink()

        async def bring() -> str:
            async with await Link.meet(hub.url) as link:
                await link.enter(desk.store, SystemIds().secret)
                assert await link.bring(made.digest, 0, stored[:50_000]) == 50_000
                try:
                    await link.bring(made.digest, 50_000, bytes(len(stored) - 50_000))
                except Refused as refusal:
                    assert await link.have(Ask([made.digest])) == [0], "what was altered stayed"
                    return refusal.said.error
                return "taken"

        assert asyncio.run(bring()) == ALTERED
        assert not log.shelf.has(made.digest)
        # A disk of the hub's that forgets: what it gives is not taken for the file.
        log.shelf.path(made.digest).write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
        other.connect(hub.url)
        want(other, made)
        wait_until(lambda: other.store.shelf.wanted[made.digest].trouble == files.ALTERED_THERE, what="it says so")
        assert not other.store.shelf.has(made.digest) and other.store.shelf.part(made.digest, 0) == 0
        other.told(state="up")
        with pytest.raises(Altered):
            read(log.shelf, made.digest)


@pytest.mark.promise("S12", "M2")
def test_erased_it_is_gone_at_every_desk_and_the_hub_and_what_was_copied_opens_no_more(
    desks: tuple[Desk, Desk], hub: HubProcess
) -> None:
    first, second = desks
    made = attach(first.store, some_bytes(100_000))
    kept = attach(first.store, some_bytes(50_000, seed=2))
    for one in (made, kept):
        until_here(shelf_of(hub.store), one)
        want(second, one)
        until_here(second.store.shelf, one)
    erase(first.store, made.uid)
    shelves = (first.store.shelf, second.store.shelf, shelf_of(hub.store))
    wait_until(lambda: not any(shelf.has(made.digest) for shelf in shelves), 20, what="the file gone everywhere")
    assert all(not list(shelf.folder.glob(f"{made.digest.hex()}*")) for shelf in shelves)
    assert all(read(shelf, kept.digest) == kept.plain for shelf in shelves)
    for desk in desks:
        state = desk.store.read(lambda db: reads.state(db, made.uid)).result(10)
        assert state is not None and state.facts == {}, "the key is still in the record"
        assert desk.store.attachments([made.digest]) == {}


@pytest.mark.promise("S12")
def test_a_file_whose_erasure_a_crash_cut_short_goes_at_the_next_start(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        made = attach(desk.store, some_bytes(1_000))
        left = desk.store.shelf.path(bytes(32))
        left.write_bytes(b"its op was erased, and then the power went")
        os.utime(left, (0, 0))
        desk.connect(hub.url)
        until_here(log.shelf, made)
        assert not desk.store.shelf.has(bytes(32)) and desk.store.shelf.has(made.digest)


@pytest.mark.promise("S12", "S4")
def test_a_full_disk_at_the_hub_is_said_and_holds_up_no_text(tmp_path: Path, log: Store) -> None:
    room = log.shelf
    log.shelf = Shelf(room.folder, spare=1 << 60)
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        made = attach(desk.store, some_bytes(100_000))
        shelf = desk.store.shelf
        wait_until(lambda: shelf.trouble.get(made.digest) == files.FULL_THERE, 20, what="the desk says so")
        for n in range(5):
            desk.open_incident(f"AMB-1-{n:04}")
            wait_until(lambda: in_step([desk], log), what="text goes on")
        desk.told(state="up", unsent=0)
        assert hub.door.seen[f"{ATTACHMENTS}/{made.digest.hex()}"] == 1, "it is asked again and again"
        assert not log.shelf.folder.exists() or not any(log.shelf.folder.iterdir())
        desk.disconnect()
        log.shelf = room  # somebody made room
        desk.connect(hub.url)
        until_here(room, made)
        assert shelf.trouble == {}


@pytest.mark.promise("S12")
def test_one_too_large_for_the_hub_stays_and_those_behind_it_go(tmp_path: Path, log: Store) -> None:
    from sync.serve import Limits

    with HubThread(log, Limits(heartbeat_s=0.5, attachment_bytes=50_000)) as hub, Desk(tmp_path, "AMB-1") as desk:
        large, small = attach(desk.store, some_bytes(60_000)), attach(desk.store, some_bytes(40_000))
        desk.connect(hub.url)
        until_here(log.shelf, small)
        assert not log.shelf.has(large.digest) and desk.store.shelf.has(large.digest)
        wait_until(lambda: desk.store.shelf.trouble == {large.digest: files.LARGE_THERE}, what="the desk says so")


@pytest.mark.promise("S12", "S9")
def test_neither_strangers_nor_digests_nobody_named_get_room(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        made = attach(desk.store, some_bytes(1_000))
        until_here(log.shelf, made)

        async def asked(come_in: bool) -> list[int]:
            statuses = []
            async with await Link.meet(hub.url) as link:
                if come_in:
                    await link.enter(desk.store, SystemIds().secret)
                digest = bytes(32) if come_in else made.digest
                for ask in (link.bring(digest, 0, b"x"), link.fetch(digest, 0, 10), link.have(Ask([digest]))):
                    try:
                        statuses.append(await ask)
                    except Refused as refusal:
                        statuses.append(refusal.status)
            return statuses

        assert asyncio.run(asked(come_in=False)) == [401, 401, 401]
        assert asyncio.run(asked(come_in=True)) == [404, 404, [-1]]
        assert [path.name for path in log.shelf.folder.iterdir()] == [made.digest.hex()]


@pytest.mark.promise("S12", "S4")
def test_a_hub_of_the_version_before_is_asked_once_and_text_goes_on(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        hub.door.answer(ATTACHMENTS, PlainTextResponse("Not Found", 404))
        desk.connect(hub.url)
        attach(desk.store, some_bytes(1_000))
        wait_until(lambda: hub.door.seen[ATTACHMENTS] == 1, what="it was asked")
        incident = desk.open_incident("AMB-1-0001")
        for n in range(20):
            desk.note(incident, f"{n}")
            wait_until(lambda: in_step([desk], log), what="text goes on")
            attach(desk.store, some_bytes(1_000, seed=n))
        wait_until(lambda: in_step([desk], log), what="text goes on")
        desk.told(state="up", unsent=0)
        assert hub.door.seen[ATTACHMENTS] == 1 and hub.door.seen["/v1/knock"] == 2  # to join, and for its session


@pytest.mark.promise("S12", "S5")
def test_a_hub_that_was_made_anew_gets_the_files_again(tmp_path: Path) -> None:
    with Desk(tmp_path, "AMB-1") as desk:
        with HubProcess(folder(tmp_path, "hub")) as hub:
            desk.connect(hub.url)
            made = attach(desk.store, some_bytes(200_000))
            until_here(shelf_of(hub.store), made)
            wait_until(lambda: desk.store.shelf.sent(made.digest))
            desk.disconnect()
        with HubProcess(folder(tmp_path, "new")) as hub:
            desk.connect(hub.url, joining=False)
            until_here(shelf_of(hub.store), made)


@pytest.mark.promise("S12", "S7")
def test_a_sites_hub_passes_it_on_to_the_central_one_and_a_desk_there_gets_it(tmp_path: Path) -> None:
    central = Central(folder(tmp_path, "central"), site="pusat")
    site = HubProcess(folder(tmp_path, "site"))
    central.joins(site)
    with (
        central,
        HubProcess(site.folder, uplink=central.url) as hub,
        Desk(tmp_path, "desk-1") as near,
        Desk(tmp_path, "desk-2") as far,
    ):
        near.connect(hub.url)
        enrolled(far, hub.url).connect(central.url)
        made = attach(near.store, some_bytes(700_000))
        until_here(shelf_of(central.store), made)
        want(far, made)
        until_here(far.store.shelf, made)
        back = attach(far.store, some_bytes(300_000, seed=5))
        want(near, back)  # its hub has it fetched from the central one
        until_here(near.store.shelf, back, 60)


@pytest.mark.promise("S12", "S8")
def test_desks_of_one_network_bring_it_to_each_other_and_call_it_sent_only_at_a_hub(neighbours: list[Desk]) -> None:
    first, second, third = neighbours
    for desk in neighbours:
        desk.connect(NOBODY, lan=LOOPBACK, joining=False)
    made = attach(second.store, some_bytes(400_000))
    wait_until(lambda: in_step(neighbours), 30, what="the desks in step by themselves")
    for desk in (first, third):
        want(desk, made)
    for desk in (first, third):
        until_here(desk.store.shelf, made, 60)
    assert not any(desk.store.shelf.sent(made.digest) for desk in neighbours)


@pytest.mark.promise("S12")
def test_an_op_alone_brings_no_file_and_says_so(tmp_path: Path, log: Store) -> None:
    with HubThread(log) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        digest = bytes(range(32))
        named(desk.store, digest, 1_000)
        wait_until(lambda: in_step([desk], log), what="the op at the hub")
        desk.store.shelf.want(digest, 1_016)
        wait_until(lambda: desk.store.shelf.wanted[digest].trouble == files.NOT_THERE, what="it says so")
        desk.told(state="up")
