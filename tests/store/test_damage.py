"""Damage of every sort: what a hub, a copy or the journal has comes back whatever became of the file (promise D5)."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.backs import PAGE, files, folded, killed, pages_of, recover, scramble, sound
from tests.store.centre import Place, a_hub, dots, give, join, noted, opened, sync
from tests.store.desks import KEY
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock
from workstation.store import check


def op_pages(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    size = place.record.stat().st_size // PAGE
    for _ in range(6):
        scramble(place.record, chance.randrange(1, size) * PAGE + chance.randrange(PAGE - 64), 64)


def a_root(name: str) -> Callable[[Place, int], None]:
    def act(place: Place, _seed: int) -> None:
        (page,) = pages_of(place.record, name)
        scramble(place.record, (page - 1) * PAGE, PAGE)

    return act


def header(place: Place, _seed: int) -> None:
    with place.record.open("rb+") as file:
        file.write(bytes(100))


def truncated(place: Place, seed: int) -> None:
    size = place.record.stat().st_size
    os.truncate(place.record, size // 2 + seed)


def wal(place: Place, seed: int) -> None:
    log = place.record.with_name(place.record.name + "-wal")
    scramble(log, random.Random(seed).randrange(32, log.stat().st_size // 2), 400)


def wal_lost(place: Place, _seed: int) -> None:
    place.record.with_name(place.record.name + "-wal").unlink()


def other_wal(place: Place, _seed: int) -> None:
    """The log of another file in its place."""
    log = place.record.with_name(place.record.name + "-wal")
    log.write_bytes(os.urandom(log.stat().st_size))


def gone(place: Place, _seed: int) -> None:
    for ending in ("", "-wal", "-shm"):
        place.record.with_name(place.record.name + ending).unlink(missing_ok=True)


DAMAGE = {
    "pages": op_pages,
    "op's root": a_root("op"),
    "an index's root": a_root("op_dot"),
    "the schema's other tables": a_root("entity"),
    "header": header,
    "truncated": truncated,
    "wal": wal,
    "wal lost": wal_lost,
    "another wal": other_wal,
    "gone": gone,
}


@pytest.mark.promise("D5")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("what", DAMAGE)
def test_with_hub_and_copies_no_damage_loses_anything(
    tmp_path: Path, place: Place, clock: HandClock, what: str, seed: int
) -> None:
    with a_hub(tmp_path, clock) as hub:
        desk = place.open()
        join(hub, desk)
        incidents = [opened(desk, f"AMB-3-{n:04d}") for n in range(1, 6)]
        for incident in incidents:
            noted(desk, incident, 30)
        sync(desk, hub)
        place.copy()
        for incident in incidents:
            noted(desk, incident, 10, "sesudah salinan")
        sync(desk, hub)
        folded(place)
        for incident in incidents:
            noted(desk, incident, 4, "belum terkirim")
        had = dots(desk)
        killed(place, desk)
        whole = files(place, "desk.db")
        DAMAGE[what](place, seed)
        damaged = files(place, "desk.db")
        assert damaged != whole
        back = recover(place)
        if back.aside is not None:
            assert files(place, back.aside.name) == damaged, "what was damaged is kept as it was"
        with place.open() as desk:
            assert check.whole(place.record, KEY) == []
            noted(desk, incidents[0], 1, "hidup lagi")
            join(hub, desk)
            give(hub, desk)
            wait_until(lambda: had <= dots(desk), what="everything is back")
            sync(desk, hub)
            assert had <= dots(hub) and desk.digest() == hub.digest() and desk.unsent() == (0, None)
            sound(desk)


@pytest.mark.promise("D5")
def test_salvage_reads_around_damaged_pages(tmp_path: Path, place: Place, clock: HandClock) -> None:
    """Without copy, journal or hub: all that lies on whole pages before the first gap is in the new record."""
    with place.open() as desk:
        incident = opened(desk)
        for _ in range(6):
            noted(desk, incident, 100)
        vector = desk.vector()
    size = place.record.stat().st_size // PAGE
    for page in range(size // 2, size // 2 + 6):  # some of them are the ops', whatever else lies there
        scramble(place.record, page * PAGE, PAGE)
    shutil.rmtree(place.settings.outbox)
    back = recover(place)
    assert 0 < back.lost < 100, "what lay on these pages, and no more"
    assert back.made.ops + back.made.waiting + back.lost == sum(vector.values())
    with place.open() as desk:
        sound(desk)
