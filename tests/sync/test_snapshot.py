"""A desk with an empty record starts from the hub's snapshot, and ends where the pull would have taken it (S6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.responses import Response

from sync import protocol
from sync.snapshot import form, making, taking
from tests.sync.archives import Past, enrol_people, past, shown, told
from tests.sync.desks import Desk, until_in_step
from tests.sync.hubs import HubThread
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.signing import Key
from workstation.store import Store, reads

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, time
from pathlib import Path
from tests.sync.desks import Desk
from tests.sync.test_snapshot import far

with Desk(Path(sys.argv[1]), "AMB-2") as desk:
    desk.connect(sys.argv[2])
    for _ in range(4_000):
        print(far(desk).pieces, flush=True)
        time.sleep(0.005)
"""
BUSY = msgspec.json.encode(protocol.Refusal("later", {}, "busy"))


def busy(wait_s: int = 1) -> Response:
    return Response(BUSY, 503, {"retry-after": str(wait_s)}, media_type="application/json")


@pytest.fixture
def hub(log: Store) -> Iterator[HubThread]:
    with HubThread(log) as hub:
        enrol_people(log, "wati", "budi")
        yield hub


@pytest.fixture
def first(tmp_path: Path, hub: HubThread) -> Iterator[Desk]:
    with Desk(tmp_path, "AMB-1") as first:
        yield first


@pytest.fixture
def before(first: Desk, hub: HubThread) -> Past:
    """What the first desk wrote and the hub has."""
    written = past(first)
    first.connect(hub.url)
    until_in_step([first])
    first.disconnect()
    return written


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, "AMB-2") as second:
        yield second


def far(desk: Desk) -> taking.Far:
    """How far the desk has come with the snapshot, by its record."""
    kept = desk.store.kept(form.KEPT_AS)
    return msgspec.msgpack.decode(kept, type=taking.Far) if kept else taking.Far()


def changed(read: Callable[..., Iterator[bytes]], *, cut: bool) -> Callable[..., Iterator[bytes]]:
    """The pieces with a byte turned, or with zeros where their second half was."""

    def turned(made: making.Made, first: int, last: int) -> Iterator[bytes]:
        for piece in read(made, first, last):
            half = len(piece) // 2
            yield piece[:half] + (bytes(len(piece) - half) if cut else bytes([piece[half] ^ 1]) + piece[half + 1 :])

    return turned


def proven(desk: Desk, log: Store) -> None:
    """Wait until the desk has every op and has proven every state; then it says what the hub says."""
    wait_until(lambda: desk.store.vector() == log.vector() and not told(desk), 30, what="everything is proven")
    assert desk.store.digest() == log.digest()
    assert desk.store.read(reads.broken_chains).result() == {}


def count(desk: Desk, table: str) -> int:
    sql = f"select count(*) from {table}"
    return int(desk.store.read(lambda db: db.execute(sql).fetchone()).result()[0])


@pytest.mark.promise("S6")
def test_an_empty_desk_takes_the_snapshot_and_proves_it(
    log: Store, hub: HubThread, first: Desk, second: Desk, before: Past
) -> None:
    second.connect(hub.url)
    proven(second, log)
    assert hub.door.seen["/v1/snapshot/open"] == hub.door.seen["/v1/snapshot/all"] == 1
    for table in ("incident", "call", "assignment", "person", "link", "op"):
        assert count(second, table) >= count(first, table) > 0, table
    assert shown(second) == shown(first) == set(before.open)
    late = second.open_incident("AMB-2-0001")
    first.connect(hub.url)
    first.edit(before.open[0], village="Batu Merah")
    until_in_step([first, second])
    assert first.values(late, "village") == set() and second.values(before.open[0], "village") == {"Batu Merah"}


@pytest.mark.promise("S6")
def test_open_incidents_are_shown_before_anything_else_has_come(
    log: Store, hub: HubThread, second: Desk, before: Past
) -> None:
    hub.door.answer("/v1/snapshot/all", busy())
    hub.door.answer("/v1/pull", Response(status_code=500))
    second.connect(hub.url)
    wait_until(lambda: shown(second) == set(before.open), 10, what="the open incidents")
    assert count(second, "incident") == len(before.open) and count(second, "op") == 0
    # What is written on them now stands on what the snapshot shows, and stays when the ops come.
    second.edit(before.open[1], landmark="Jembatan")
    assert second.values(before.open[1], "landmark") == {"Jembatan"}
    hub.door.open()
    proven(second, log)
    assert second.values(before.open[1], "landmark") == {"Jembatan"}


@pytest.mark.promise("S6", "M2")
def test_calls_taken_before_the_first_contact_are_kept_in_their_order(
    log: Store, hub: HubThread, first: Desk, second: Desk, before: Past
) -> None:
    own = [second.open_incident(f"AMB-2-{n:04d}") for n in range(5)]
    for incident in own:
        second.note(incident, "sebelum ada server")
    written = second.store.page({}, 1000)
    assert len(written) == 10
    second.connect(hub.url)
    proven(second, log)
    assert shown(second) == {*before.open, *own}
    kept = [stored for stored in log.page({}, 10_000) if stored.replica == second.store.replica]
    assert [stored.raw for stored in kept] == [stored.raw for stored in written]
    first.connect(hub.url)
    until_in_step([first, second])


@pytest.mark.promise("S6", "S4")
def test_a_snapshot_goes_on_wherever_it_was_cut(
    log: Store, hub: HubThread, second: Desk, before: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "PIECE_BYTES", 4 * 1024)

    def done() -> bool:
        return second.store.vector() == log.vector() and not told(second)

    with Wire(hub.address) as wire:
        second.join(hub.url)
        second.connect(wire.url, joining=False)
        cuts, many = 0, 6_000.0
        while not done():
            wire.reset_after(int(many))
            wait_until(lambda: wire.faults.reset_after is None or done(), 30, what="the next cut")
            cuts, many = cuts + 1, many * 1.08
        second.disconnect()
        wire.mend()
    proven(second, log)
    asked = [seen for path, seen in hub.door.seen.items() if path.startswith("/v1/snapshot/all/")]
    pieces = far(second).pieces
    assert len(asked) == 1 and pieces > 40 and cuts > 10
    assert pieces < asked[0] <= pieces + 2 * cuts, "what was under way is asked for again, and no other"


@pytest.mark.promise("S6", "D2")
def test_a_desk_killed_in_the_middle_goes_on_and_leaves_no_file(
    tmp_path: Path, log: Store, hub: HubThread, before: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "PIECE_BYTES", 4 * 1024)
    with Desk(tmp_path, "AMB-2") as second:
        second.join(hub.url)
    folder = {path.name for path in tmp_path.iterdir()}
    kills = 0
    while kills < 4:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), hub.url], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                if int(line) > 10 * (kills + 1):
                    break
            os.kill(child.pid, signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        kills += 1
    new = {path.name for path in tmp_path.iterdir()} - folder
    assert all(name.startswith("AMB-2.db") for name in new), new
    with Desk(tmp_path, "AMB-2") as second:
        assert far(second).pieces > 0
        second.connect(hub.url)
        proven(second, log)
        asked = sum(seen for path, seen in hub.door.seen.items() if path.startswith("/v1/snapshot/all/"))
        assert asked <= far(second).pieces + 2 * kills


@pytest.mark.promise("S6", "S5")
def test_a_hub_that_began_anew_meanwhile_gives_another_snapshot(
    log: Store, hub: HubThread, second: Desk, before: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "PIECE_BYTES", 4 * 1024)
    with Wire(hub.address) as wire:
        second.join(hub.url)
        second.connect(wire.url, joining=False)
        wait_until(lambda: far(second).pieces > 10 and not shown(second) - set(before.open), 20, what="some of it")
        wire.cut()
        one = far(second).name
        hub.__exit__()
        enrol_people(log, "tono")
        with HubThread(log) as again:
            wire.mend()
            wire.retarget(again.address)
            proven(second, log)
            assert far(second).name != one
            second.disconnect()


@pytest.mark.promise("S6", "S11")
@pytest.mark.parametrize("fault", ["signature", "piece", "cut"])
@pytest.mark.expected_log("a snapshot is not taken")
def test_a_snapshot_that_was_changed_is_refused_and_everything_pulled(
    log: Store, hub: HubThread, second: Desk, before: Past, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "signature":
        real = making.sign
        monkeypatch.setattr(making, "sign", lambda contents, device: real(contents, Key(bytes(32))))
    else:
        monkeypatch.setattr(making.Made, "read", changed(making.Made.read, cut=fault == "cut"))
    second.connect(hub.url)
    wait_until(lambda: second.store.vector() == log.vector(), 20, what="the pull brings everything")
    assert second.store.digest() == log.digest() and told(second) == 0
    assert second.store.kept(form.KEPT_AS) is None


@pytest.mark.promise("S6", "S1")
def test_a_hub_that_knows_no_snapshots_is_pulled_from(log: Store, hub: HubThread, second: Desk, before: Past) -> None:
    hub.door.answer("/v1/snapshot/open", Response("Not Found", 404))  # as one of an older version answers
    second.connect(hub.url)
    wait_until(lambda: second.store.vector() == log.vector(), 20, what="the pull brings everything")
    assert second.store.digest() == log.digest() and hub.door.seen["/v1/snapshot/open"] == 1
    percents = {status.arriving for status in second.statuses}
    assert percents - {None} and None in percents


@pytest.mark.promise("S6")
def test_a_desk_that_has_most_of_it_takes_no_snapshot(
    log: Store, hub: HubThread, first: Desk, second: Desk, before: Past
) -> None:
    second.connect(hub.url)
    proven(second, log)
    second.disconnect()
    second.store.keep(form.KEPT_AS, msgspec.msgpack.encode(taking.Far())).result()  # as if it had pulled it all
    past(first)
    first.connect(hub.url)
    until_in_step([first])
    second.connect(hub.url)
    proven(second, log)
    assert hub.door.seen["/v1/snapshot/open"] == 1


@pytest.mark.promise("S6", "S4")
def test_a_snapshot_that_is_here_is_not_taken_again_while_its_ops_are_on_the_way(
    log: Store, hub: HubThread, second: Desk, before: Past
) -> None:
    hub.door.answer("/v1/pull", Response(status_code=500))
    second.connect(hub.url)
    wait_until(lambda: hub.door.seen["/v1/pull"] > 3, 20, what="some sessions")
    assert count(second, "incident") == len(before.incidents) and count(second, "op") == 0
    assert hub.door.seen["/v1/snapshot/open"] == hub.door.seen["/v1/snapshot/all"] == 1
    assert 50 in {status.arriving for status in second.statuses}, "the snapshot is half of it"
    hub.door.open()
    proven(second, log)


@pytest.mark.promise("S6")
def test_the_status_says_how_much_has_come(
    log: Store, hub: HubThread, second: Desk, before: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "PIECE_BYTES", 4 * 1024)
    second.connect(hub.url)
    proven(second, log)
    second.told(state="up", arriving=None)
    percents = [status.arriving for status in second.statuses if status.arriving is not None]
    assert percents and percents == sorted(percents) and all(0 <= percent < 100 for percent in percents)
    assert any(0 < percent < 50 for percent in percents), "the snapshot is half of it, and comes in pieces"
