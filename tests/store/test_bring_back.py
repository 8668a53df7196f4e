"""A record made anew: nothing acknowledged and nothing unsent is lost, whatever was damaged (promises D1, D5, S5)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sync.protocol import PARTED_AS
from tests.store.backs import PAGE, files, journal, pages_of, recover, scramble, sound
from tests.store.centre import HUB, NOW, Place, a_hub, dots, give, join, noted, opened, sync
from tests.store.desks import KEY, rows
from tests.waiting import wait_until
from workstation import bringback
from workstation.bringback import NotBroughtBack
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds
from workstation.store import Store, accesslog, outbox
from workstation.store.accesslog import Line
from workstation.store.cipher import connect
from workstation.store.errors import StoreDamaged


@pytest.mark.promise("S5")
def test_a_whole_record_with_another_history_than_the_hub_is_made_anew_with_the_hubs_and_keeps_the_other_file(
    tmp_path: Path, place: Place, clock: HandClock
) -> None:
    other = Place(tmp_path / "other", clock, seed=5, number=1)
    with a_hub(tmp_path, clock) as hub:
        with place.open() as desk:
            join(hub, desk)
            with other.open() as one:
                join(hub, one)
                incident, replica = opened(one, "AMB-1-0001"), one.replica
                sync(one, hub)
                shared = one.vector()[replica]
            sync(desk, hub)
            shutil.copytree(other.folder, tmp_path / "copy")
            with Place(tmp_path / "copy", clock, seed=6, number=1).open() as copy:
                noted(copy, incident, 4, "di PC yang disalin")
                give(copy, desk)
                held = dots(copy)
            with other.open() as one:
                noted(one, incident, 2, "di PC yang asli")
                sync(one, hub)
            noted(desk, opened(desk), 3, "belum terkirim")
            digest, unsent = desk.digest(), desk.unsent()[0]
        nothing = bringback.recover(place.settings, (), (), clock, SeededIds(70, clock))
        assert nothing is None, "whole, and nobody has said that the hub has another history"
        with place.open() as desk:
            desk.keep(PARTED_AS, json.dumps({replica: shared}).encode()).result(20)
        back = recover(place)
        assert back.aside is not None
        aside = connect(back.aside, KEY)
        assert held <= set(aside.execute("select replica, seq from op").fetchall()), "the other history is kept"
        aside.close()
        with place.open() as desk:
            assert desk.vector()[replica] == shared and desk.unsent()[0] == unsent
            join(hub, desk)
            sync(desk, hub)
            assert desk.digest() == hub.digest() != digest and desk.vector() == hub.vector()
            assert desk.unsent() == (0, None) and desk.kept(PARTED_AS) is None
            sound(desk)
        assert bringback.recover(place.settings, (), (), clock, SeededIds(71, clock)) is None


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
