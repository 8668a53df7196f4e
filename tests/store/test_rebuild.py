"""Nothing gets into a record made anew but what its replicas wrote (promises D5, S11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.centre import NOW, Place, noted, opened
from tests.store.desks import KEY
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds
from workstation.store import check
from workstation.store.rebuild import rebuild
from workstation.store.salvage import Salvage


@pytest.mark.promise("D5")
def test_an_op_that_is_not_what_was_written_is_left_out_and_what_follows_waits(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    place = Place(tmp_path / "desk", clock)
    place.keep_key()
    with place.open() as desk:
        incident = opened(desk)
        noted(desk, incident, 6)
    copy = Salvage(place.record, KEY)
    rows, beside = list(copy.rows()), copy.beside()
    copy.close()
    bent = [row._replace(raw=row.raw.replace(b"catatan 3 ", b"catatan 9 ")) for row in rows]
    assert sum(one != other for one, other in zip(rows, bent, strict=True)) == 1
    made = rebuild(tmp_path / "bent.db", KEY, bent, [beside], clock=clock, ids=SeededIds(5, clock))
    assert (made.ops, made.refused, made.waiting) == (4, 1, 2)
    both = rebuild(tmp_path / "both.db", KEY, [*bent, *rows], [beside], clock=clock, ids=SeededIds(6, clock))
    assert (both.ops, both.waiting) == (7, 0), "another copy has it as it was written"
    assert check.whole(tmp_path / "both.db", KEY) == []
