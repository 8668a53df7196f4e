"""A snapshot of a hub's log, on either database: the same parts, and a desk that starts from them (S6)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sync.snapshot.form import Contents, open_piece
from sync.snapshot.making import Made, make
from tests.sync.archives import enrol_people, past, shown, told
from tests.sync.desks import Desk, until_in_step
from tests.sync.hubs import HubThread
from tests.sync.logs.places import HubLog, Place
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds, Uid


def uids(log: HubLog, made: Made) -> list[Uid]:
    """The entities in a part."""
    contents = msgspec.msgpack.decode(made.listed.packed, type=Contents)
    assert contents.vector == log.vector()
    found, start = [], 0
    for piece in contents.pieces:
        found += [entity.uid for entity in open_piece(b"".join(made.read(start, start + piece.size - 1)), piece)]
        start += piece.size
    return found


@pytest.mark.promise("S6", "S7")
def test_a_desk_starts_from_a_snapshot_of_either_database(tmp_path: Path, place: Place) -> None:
    with place.open(clock=SystemClock(), ids=SystemIds()) as log, HubThread(log) as hub:  # type: ignore[arg-type]
        enrol_people(log, "wati")  # type: ignore[arg-type]
        with Desk(tmp_path, "AMB-1") as first, Desk(tmp_path, "AMB-2") as second:
            before = past(first)
            first.connect(hub.url)
            until_in_step([first])
            parts = {part: make(log, part, SystemIds().secret) for part in ("open", "all")}
            found = {part: uids(log, made) for part, made in parts.items()}
            for made in parts.values():
                made.close()
            assert set(before.open) < set(found["open"]) < set(found["all"])
            assert not set(before.incidents) - set(before.open) & set(found["open"])
            assert len(set(found["all"])) == len(found["all"]) >= 3 * len(before.incidents)
            second.connect(hub.url)
            wait_until(lambda: second.store.vector() == log.vector() and not told(second), 40, what="all is proven")
            assert second.store.digest() == log.digest() and shown(second) == set(before.open)
            assert hub.door.seen["/v1/snapshot/open"] == hub.door.seen["/v1/snapshot/all"] == 1
