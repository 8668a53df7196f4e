"""The nightly look: when it is due, that it waits for people, and what it says of what it finds (promise D5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.store.centre import NOW, Place, a_hub, join, noted, opened, sync
from tests.store.desks import KEY
from tests.store.sites import found
from tests.store.test_erasure import erase
from tests.sync.attached import attach, read, some_bytes
from tests.waiting import wait_until
from workstation import bringback, nightly
from workstation.domain.hlc import HandClock
from workstation.domain.sentence import NOTHING
from workstation.nightly import Nightly, due_since
from workstation.service import care
from workstation.settings import Settings
from workstation.store import Store, check, copies
from workstation.store.cipher import connect
from workstation.store.errors import StoreDamaged
from workstation.words import english

HOUR = 3_600_000
AMBON = ZoneInfo("Asia/Jayapura")
PAGE = 4096


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened_one:
        yield opened_one


def a_look(place: Place, store: Store) -> Nightly:
    return Nightly(store, KEY, place.settings, place.clock)


def made(place: Place) -> list[Path]:
    return [copy.path for copy in copies.there(place.settings.copies, "AMB-3")]


def word(store: Store, clock: HandClock) -> str:
    return english(nightly.word(store, clock))


def test_it_is_due_from_the_set_time_on_by_the_clock_on_the_wall() -> None:
    at = NOW - 12 * 60_000 - 47_000  # 03:00 at the centre
    half = at + HOUR // 2
    assert due_since(half - 24 * HOUR + 1, half - 1, "03:30", AMBON) is None
    assert due_since(half - 1, half, "03:30", AMBON) == half
    assert due_since(half, half + HOUR, "03:30", AMBON) is None
    assert due_since(half - 1, half + 20 * HOUR, "03:30", AMBON) == half, "a desk that was off does it later"
    assert due_since(half + 400 * HOUR, half, "03:30", AMBON) == half, "a look from the future says nothing"


@pytest.mark.promise("D5")
def test_once_a_night_the_record_is_looked_through_and_copied_and_old_copies_go(
    place: Place, store: Store, clock: HandClock
) -> None:
    opened(store)
    look = a_look(place, store)
    assert not look.turn(), "not due yet"
    for night in range(1, 10):
        clock.advance(24 * HOUR)
        assert look.turn() and not look.turn()
        assert len(made(place)) == min(night, 7)
    assert check.whole(made(place)[-1], KEY) == []
    night = store.read(care.night).result(10)
    assert (night.at, night.copied_at, night.faults, night.failed) == (clock.now_ms(), clock.now_ms(), (), NOTHING)
    assert word(store, clock) == ""
    clock.advance(4 * 24 * HOUR)
    assert "without a copy for 4 days" in word(store, clock)


@pytest.mark.promise("D5")
def test_it_waits_for_whoever_works_but_not_for_ever(place: Place, store: Store, clock: HandClock) -> None:
    look = a_look(place, store)
    incident = opened(store)
    clock.advance(HOUR)
    noted(store, incident)
    assert not look.turn(), "somebody has just written"
    clock.advance(121_000)
    assert look.turn()
    clock.advance(24 * HOUR - 200_000)
    noted(store, incident)
    assert not look.turn()
    clock.advance(7 * HOUR)
    noted(store, incident)
    assert look.turn(), "a desk that is never quiet"


@pytest.mark.promise("D5")
def test_who_begins_to_work_ends_a_look_and_nothing_half_is_left(
    place: Place, store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = a_look(place, store)
    incident = opened(store)
    clock.advance(HOUR)
    whole, calls = check.whole, []

    def disturbed(*given: object, **more: object) -> list[str]:
        calls.append(given)
        if len(calls) == 2:  # the copy lies there, and is being looked through
            noted(store, incident)
        return whole(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "whole", disturbed)
    monkeypatch.setattr(check, "_STEPS", 1)
    assert not look.turn() and len(calls) == 2
    assert made(place) == [] and list(place.settings.copies.iterdir()) == []


@pytest.mark.promise("D5")
@pytest.mark.expected_log("the record is not whole", "made anew")
def test_damage_is_found_said_and_the_next_start_makes_the_record_anew(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    with a_hub(tmp_path, clock) as hub, place.open() as desk:
        join(hub, desk)
        incident = opened(desk)
        for _ in range(6):
            noted(desk, incident, 60)
        sync(desk, hub)
        place.copy()
    db = connect(place.record, KEY, mode="ro")
    (root,) = db.execute("select rootpage from sqlite_master where name = 'call_caller'").fetchone()
    db.close()
    with place.record.open("rb+") as file:
        file.seek((root - 1) * PAGE + 100)
        file.write(bytes(200))
    kept = made(place)
    with place.open() as desk:  # an index nobody needed to open it
        clock.advance(24 * HOUR)
        assert a_look(place, desk).turn()
        assert "found damage" in word(desk, clock) and made(place) == kept
    with pytest.raises(StoreDamaged) as damage:
        place.open()
    bringback.open_recovered(damage.value, place.settings, KEY, clock, place.ids).close()
    with place.open() as desk:
        assert check.whole(place.record, KEY) == []
        assert "has been made anew" in word(desk, clock) and "code" in word(desk, clock)
        with a_hub(tmp_path, clock) as hub:
            join(hub, desk)
            sync(desk, hub)
            assert word(desk, clock) == "", "enrolled again: nothing is left to be done"


@pytest.mark.promise("D5")
@pytest.mark.expected_log("no nightly copy")
def test_a_copy_that_fails_is_said_until_one_succeeds(place: Place, store: Store, clock: HandClock) -> None:
    place.settings.copies.write_text("a file where the folder should be")
    look = a_look(place, store)
    clock.advance(HOUR)
    assert look.turn()
    assert "failed" in word(store, clock) and str(place.settings.copies) in word(store, clock)
    place.settings.copies.unlink()
    clock.advance(24 * HOUR)
    assert look.turn() and word(store, clock) == ""


@pytest.mark.promise("D5")
def test_the_desk_does_it_by_itself(place: Place, store: Store, clock: HandClock) -> None:
    heard: list[str] = []
    clock.advance(HOUR)
    look = Nightly(store, KEY, place.settings, clock, lambda: heard.append("told"), turn_s=0.01)
    look.start()
    try:
        wait_until(lambda: heard == ["told"], what="the look to be made")
        assert len(made(place)) == 1
    finally:
        look.close()


@pytest.mark.promise("D5", "S12")
def test_attachments_are_copied_with_the_record_and_come_back_with_a_copy_of_it(
    place: Place, store: Store, clock: HandClock, tmp_path: Path
) -> None:
    kept, erased = (attach(store, some_bytes(5_000, seed=n)) for n in (1, 2))
    look = a_look(place, store)
    for _night in range(2):
        clock.advance(24 * HOUR)
        assert look.turn()
    beside = copies.attachments_of(made(place)[-1])
    assert beside.folder.parent == place.settings.copies and all(beside.has(one.digest) for one in (kept, erased))
    found(store)
    erase(store, erased.uid)
    for file in beside.folder.iterdir():
        os.utime(file, (0, clock.now_ms() / 1000))
    clock.advance(9 * 24 * HOUR)
    assert look.turn()
    assert beside.has(kept.digest) and not beside.has(erased.digest), "erased, and still beside the copies"
    fresh = Place(tmp_path / "new", clock, seed=8)
    bringback.restore(place_like(fresh), made(place)[-1], (), clock, fresh.ids)
    with fresh.open() as restored:
        assert read(restored.shelf, kept.digest) == kept.plain
        assert restored.shelf.waiting(b"hub") == [kept.digest], "what no hub has yet would be lost"


def place_like(place: Place) -> Settings:
    """A new machine that has the old one's key, as IT brings it."""
    place.keep_key()
    return place.settings
