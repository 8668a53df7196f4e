"""A record made anew: nothing acknowledged and nothing unsent is lost, whatever was damaged (promises D1, D5, S5)."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.centre import HUB, NOW, Place, a_hub, dots, give, join, noted, opened, sync
from tests.store.desks import KEY, rows
from tests.waiting import wait_until
from workstation import bringback
from workstation.bringback import Back, NotBroughtBack
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds
from workstation.store import Store, accesslog, check, outbox, reads
from workstation.store.accesslog import Line
from workstation.store.cipher import connect
from workstation.store.errors import StoreDamaged

PAGE = 4096


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def place(tmp_path: Path, clock: HandClock) -> Place:
    made = Place(tmp_path / "desk", clock)
    made.keep_key()
    return made


def recover(place: Place, seed: int = 77, **more: object) -> Back:
    back = bringback.recover(place.settings, (), (), place.clock, SeededIds(seed, place.clock), **more)  # type: ignore[arg-type]
    assert back is not None, "the record was found whole"
    return back


def journal(place: Place) -> set[int]:
    """The numbers of the ops that are in the journal."""
    return {kept.seq for found in outbox.read(place.settings.outbox, KEY) for kept in found.ops}


def folded(place: Place) -> None:
    """Have everything in the file itself, nothing in its log."""
    db = connect(place.record, KEY)
    db.execute("pragma wal_checkpoint(truncate)").fetchone()
    db.close()


def killed(place: Place, store: Store) -> None:
    """Leave the files as a killed desk does: what is written on closing is taken back."""
    kept = place.folder.with_name("killed")
    shutil.copytree(place.folder, kept)
    store.close()
    shutil.rmtree(place.folder)
    kept.rename(place.folder)


def files(place: Place, name: str) -> dict[str, bytes]:
    """A record and its log of the file, by what stands behind the name."""
    endings = {ending: place.record.with_name(name + ending) for ending in ("", "-wal")}
    return {ending: data for ending, path in endings.items() if path.exists() and (data := path.read_bytes())}


def sound(store: Store) -> None:
    assert store.read(reads.broken_chains).result(20) == {}
    assert store.read(lambda db: db.execute("pragma integrity_check").fetchone()[0]).result(20) == "ok"
    assert store.read(lambda db: db.execute("pragma cipher_integrity_check").fetchall()).result(20) == []


@pytest.mark.promise("D5", "S5")
def test_a_lost_record_comes_back_from_hub_copy_and_journal_with_nothing_missing(
    tmp_path: Path, place: Place, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SEGMENT_BYTES", 1500)
    with a_hub(tmp_path, clock) as hub:
        with place.open() as desk:
            join(hub, desk)
            incident = opened(desk)
            noted(desk, incident, 10)
            sync(desk, hub)
            copied = place.copy()
            for _ in range(10):
                noted(desk, incident, 1)
            sync(desk, hub)  # in the hub, not in the copy
            wait_until(lambda: 13 not in journal(place), what="the journal to drop what the hub has")
            noted(desk, incident, 10, "belum terkirim")  # in neither
            had, digest, old = dots(desk), desk.digest(), desk.replica
            old_device, old_epoch = desk.device.public, desk.epoch
        for ending in ("", "-wal", "-shm"):
            place.record.with_name(place.record.name + ending).unlink(missing_ok=True)
        with pytest.raises(StoreDamaged, match="is gone"):
            place.open()
        back = recover(place)
        assert back.used == (copied.path,) and back.aside is None
        assert 10 <= back.made.waiting == back.made.unsent < 18, "between the copy and the journal there is a gap"
        with place.open() as desk:
            assert desk.replica != old and desk.device.public != old_device and desk.epoch != old_epoch
            assert desk.unsent()[0] == back.made.waiting, "what it wrote before is still its own to send"
            noted(desk, incident, 1, "sesudah")
            assert desk.unsent()[0] == back.made.waiting + 1
            join(hub, desk)
            give(hub, desk)
            wait_until(lambda: had <= dots(desk), what="what waited has joined its chain")
            sync(desk, hub)
            assert had <= dots(hub) and desk.digest() == hub.digest() and desk.unsent() == (0, None)
            assert desk.authored() == [desk.replica]
            sound(desk)
            theirs = rows(desk, "select uid from entity where own_seq > 1000")
            assert theirs == []
        assert digest != b""


@pytest.mark.promise("D5")
def test_what_a_former_replica_wrote_is_never_called_sent_before_the_hub_has_it(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    from workstation.domain.rows import Sync
    from workstation.service import clocks
    from workstation.service.catalogue import Catalogue
    from workstation.service.incidentviews import incident as view
    from workstation.service.leadviews import unsent

    with a_hub(tmp_path, clock) as hub:
        with place.open() as desk:
            join(hub, desk)
            sent = opened(desk, "AMB-3-0001")
            sync(desk, hub)
            place.copy()
            late = opened(desk, "AMB-3-0002")
            noted(desk, late, 2)
        place.record.write_bytes(b"")
        recover(place)

        packed = clocks.of(Catalogue.load()).packed()

        def standing(desk: Store) -> tuple[list[Sync], list[Sync]]:
            def look(db):  # type: ignore[no-untyped-def]
                views = [view(db, uid) for uid in (sent, late)]
                return [v.row.sync for v in views], [note.sync for note in views[1].notes]

            return desk.read(look).result(20)

        with place.open() as desk:
            desk.write(lambda tx: tx.set_meta(clocks.KEPT_AS, packed)).result(20)
            assert standing(desk) == ([Sync.SERVER, Sync.LOCAL], [Sync.QUEUED, Sync.QUEUED])
            assert sum(row.count for row in desk.read(unsent).result(20)) == 3 == desk.unsent()[0]
            join(hub, desk)
            told = []
            desk.listen(told.append)
            sync(desk, hub)
            assert standing(desk) == ([Sync.SERVER, Sync.SERVER], [Sync.SERVER, Sync.SERVER])
            assert any(late in changes.incidents for changes in told), "the screen is told"


@pytest.mark.promise("D5", "S5")
def test_the_hub_may_be_gone_for_good_and_another_gets_everything(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    with a_hub(tmp_path, clock) as hub, place.open() as desk:
        join(hub, desk)
        incident = opened(desk)
        for _ in range(4):
            noted(desk, incident, 80)
        sync(desk, hub)
        place.copy()
        noted(desk, incident, 10)
        had = dots(desk)
    place.record.write_bytes(b"")
    recover(place)
    with a_hub(tmp_path, clock, replica=HUB + 1) as other, place.open() as desk:
        noted(desk, incident, 3, "sendiri")
        enrolled = [row["name"] for row in rows(desk, "select type as name from entity")]
        assert "device" in enrolled
        join(other, desk)
        sync(desk, other)
        assert had <= dots(other) and other.digest() == desk.digest()
        assert all(other.sealed()[replica] == seq for replica, seq in other.vector().items())


@pytest.mark.promise("D5")
def test_without_any_copy_the_journal_alone_keeps_what_is_unsent(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    with a_hub(tmp_path, clock) as hub:
        with place.open() as desk:
            join(hub, desk)
            incident = opened(desk)
            noted(desk, incident, 5)
            sync(desk, hub)
            noted(desk, incident, 5, "belum")
            had = dots(desk)
        place.record.unlink()
        back = recover(place)
        assert back.used == () and back.made.unsent >= 5
        with place.open() as desk:
            join(hub, desk)
            give(hub, desk)
            wait_until(lambda: had <= dots(desk), what="what waited has joined its chain")
            sync(desk, hub)
            assert had <= dots(hub) and desk.digest() == hub.digest()
            sound(desk)


# --- damage of every sort
def pages_of(path: Path, which: str) -> list[int]:
    """Pages that a statement of the record needs, found by damaging none: where its tables and indexes begin."""
    db = connect(path, KEY, mode="ro")
    try:
        return [page for (page,) in db.execute("select rootpage from sqlite_master where name = ?", [which])]
    finally:
        db.close()


def scramble(path: Path, offset: int, size: int) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(os.urandom(size))


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


@pytest.mark.promise("D5")
def test_a_whole_record_is_left_alone_and_one_in_use_too(place: Place) -> None:
    with place.open() as desk:
        opened(desk)
        with pytest.raises(NotBroughtBack, match="in use"):
            recover(place)
    before = place.record.read_bytes()
    assert bringback.recover(place.settings, (), (), place.clock, place.ids) is None
    assert place.record.read_bytes() == before


@pytest.mark.promise("D5")
def test_with_another_key_nothing_is_touched(place: Place) -> None:
    with place.open() as desk:
        opened(desk)
    place.keep_key(bytes(32))
    before = {file.name for file in place.folder.iterdir()}
    with pytest.raises(NotBroughtBack, match="check the key"):
        recover(place)
    assert {file.name for file in place.folder.iterdir()} - before <= {"desk.db-shm", "desk.db-wal"}
    place.keep_key()
    with place.open() as desk:
        assert desk.vector()


@pytest.mark.promise("D5")
def test_an_empty_record_is_begun_where_nothing_is_left_and_it_was_asked_for(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    with a_hub(tmp_path, clock) as hub:
        with place.open() as desk:
            join(hub, desk)
            opened(desk)
            sync(desk, hub)
        place.record.write_bytes(os.urandom(20_000))
        shutil.rmtree(place.settings.outbox)
        with pytest.raises(NotBroughtBack, match="--empty"):
            recover(place)
        assert recover(place, empty=True).made.ops == 0
        with place.open() as desk:
            join(hub, desk)
            sync(desk, hub)
            assert desk.digest() == hub.digest()


@pytest.mark.promise("D5")
def test_a_recovery_cut_short_goes_on_from_what_it_had_put_aside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.open() as desk:
        incident = opened(desk)
        noted(desk, incident, 20)
        had = dots(desk)
    shutil.rmtree(place.settings.outbox)
    scramble(place.record, PAGE * 3, PAGE)  # an index or a face: the ops are all readable
    put_aside = bringback._put_aside

    def cut_short(*given: object) -> None:
        put_aside(*given)  # type: ignore[arg-type]
        raise OSError(5, "cut short")

    with monkeypatch.context() as cut:
        cut.setattr(bringback, "_put_aside", cut_short)
        with pytest.raises(NotBroughtBack):
            recover(place)
    assert not place.record.exists()
    back = recover(place, seed=78)
    with place.open() as desk:
        assert len(dots(desk)) + back.lost + back.made.waiting >= len(had)


@pytest.mark.promise("D5")
def test_a_record_made_anew_is_looked_through_before_it_takes_the_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place.open() as desk:
        noted(desk, opened(desk), 50)
    scramble(place.record, PAGE * 3, PAGE)
    before, make = files(place, "desk.db"), bringback.rebuild

    def on_a_failing_disk(target: Path, *given: object, **more: object) -> object:
        made = make(target, *given, **more)  # type: ignore[arg-type]
        scramble(target, target.stat().st_size - PAGE, 64)
        return made

    monkeypatch.setattr(bringback, "rebuild", on_a_failing_disk)
    with pytest.raises(NotBroughtBack, match="not whole"):
        recover(place)
    assert files(place, "desk.db") == before and not list(place.folder.glob("*.making*"))
    monkeypatch.undo()
    assert recover(place).aside is not None


@pytest.mark.promise("D5")
def test_what_lay_beside_the_record_comes_along(place: Place) -> None:
    with place.open() as desk:
        opened(desk)
        desk.write(lambda tx: tx.set_meta("number.AMB-3", 41)).result(10)
        line = Line(NOW, b"p" * 16, "lead", "calls_page", "", 3, "")
        desk.write(lambda tx: accesslog.add(tx.db, [line])).result(10)
    (page,) = pages_of(place.record, "incident")
    scramble(place.record, (page - 1) * PAGE, PAGE)
    recover(place)
    with place.open() as desk:
        assert rows(desk, "select v from meta where k = 'number.AMB-3'") == [{"v": 41}]
        assert [row["view"] for row in rows(desk, "select view from access")] == ["calls_page"]


@pytest.mark.promise("D5")
def test_the_journal_of_a_recovered_desk_has_what_its_former_replica_left_unsent(place: Place) -> None:
    with place.open() as desk:
        incident = opened(desk)
        noted(desk, incident, 5)
        old = desk.replica
    shutil.rmtree(place.settings.outbox)
    (page,) = pages_of(place.record, "incident")
    scramble(place.record, (page - 1) * PAGE, PAGE)
    recover(place)
    with place.open():
        pass
    kept = {(op.replica, op.seq) for found in outbox.read(place.settings.outbox, KEY) for op in found.ops}
    assert kept == {(old, seq) for seq in range(1, 7)}
    place.record.unlink()
    assert recover(place, seed=79).made.ops == 6, "lost once more, from the journal alone"
