"""The shelf: pieces join to a file only where its digest says so; what no op names goes (promise S12)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import pytest

from sync.attachments.shelf import LEFT_MS, NoRoom, OtherOffset, Shelf, WrongDigest
from tests.sync.attached import some_bytes
from workstation.domain.hlc import SystemClock

BYTES = some_bytes(5_000)
DIGEST = hashlib.sha256(BYTES).digest()


def a_week_on() -> int:
    return SystemClock().now_ms() + LEFT_MS + 60_000


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "hub.attachments")


@pytest.mark.promise("S12")
def test_pieces_join_in_order_alone_and_are_a_file_only_at_the_end(shelf: Shelf) -> None:
    assert shelf.add(DIGEST, 7, 0, BYTES[:2_000], len(BYTES)) == 2_000
    for offset in (0, 1_999, 2_001, 4_000):
        with pytest.raises(OtherOffset) as other:
            shelf.add(DIGEST, 7, offset, BYTES[2_000:], len(BYTES))
        assert other.value.offset == 2_000
    with pytest.raises(OtherOffset):
        shelf.add(DIGEST, 7, 2_000, BYTES, len(BYTES))  # more than there is to be
    assert not shelf.has(DIGEST)
    again = Shelf(shelf.folder)  # another run
    assert again.part(DIGEST, 7) == 2_000 and again.part(DIGEST, 8) == 0
    assert again.add(DIGEST, 8, 0, BYTES[:1_000], len(BYTES)) == 1_000
    assert again.add(DIGEST, 7, 2_000, BYTES[2_000:], len(BYTES)) == 5_000
    assert again.path(DIGEST).read_bytes() == BYTES
    assert [path.name for path in again.folder.iterdir()] == [DIGEST.hex()]
    assert again.add(DIGEST, 8, 1_000, b"x", len(BYTES)) == 5_000  # who comes late hears that it is here


@pytest.mark.promise("S12")
@pytest.mark.expected_log("is damaged on this disk")
def test_bytes_of_another_digest_are_never_a_file(shelf: Shelf) -> None:
    shelf.add(DIGEST, 7, 0, BYTES[:2_000], len(BYTES))
    with pytest.raises(WrongDigest):
        shelf.add(DIGEST, 7, 2_000, bytes(3_000), len(BYTES))
    assert not shelf.has(DIGEST) and shelf.part(DIGEST, 7) == 0 and not list(shelf.folder.iterdir())
    assert shelf.add(DIGEST, 7, 0, BYTES, len(BYTES)) == len(BYTES)
    shelf.path(DIGEST).write_bytes(BYTES[::-1])
    assert not shelf.whole(DIGEST)
    assert not shelf.has(DIGEST), "a damaged file was given on"


@pytest.mark.promise("S12")
def test_the_room_the_record_needs_is_left_alone(tmp_path: Path) -> None:
    full = Shelf(tmp_path / "hub.attachments", spare=1 << 60)
    with pytest.raises(NoRoom):
        full.add(DIGEST, 7, 0, BYTES, len(BYTES))
    with pytest.raises(NoRoom), full.taken([BYTES]):
        pass
    assert not any(full.folder.iterdir())


@pytest.mark.promise("S12")
def test_what_fails_behind_a_file_takes_it_away_and_a_sweep_leaves_what_is_coming(shelf: Shelf) -> None:
    with pytest.raises(ZeroDivisionError), shelf.taken([BYTES]):
        raise ZeroDivisionError
    assert not list(shelf.folder.iterdir())
    with shelf.taken([BYTES]) as digest:
        assert shelf.sweep(lambda _: {}, a_week_on()) == 0 and shelf.has(digest)
        assert shelf.waiting(b"epoch") == []
    assert shelf.waiting(b"epoch") == [DIGEST]


@pytest.mark.promise("S12")
def test_a_sweep_removes_what_no_op_names_and_a_mark_holds_for_one_life_of_a_hub(shelf: Shelf) -> None:
    other = some_bytes(100, seed=2)
    shelf.add(DIGEST, 7, 0, BYTES, len(BYTES))
    with shelf.taken([other]) as name:
        pass
    shelf.add(hashlib.sha256(b"half").digest(), 7, 0, b"ha", 4)
    (shelf.folder / "9.draft").write_bytes(b"left by a crash")
    shelf.mark(DIGEST, b"first")
    assert Shelf(shelf.folder).waiting(b"first") == [name]
    assert set(Shelf(shelf.folder).waiting(b"restored")) == {DIGEST, name}

    def named(digests: Collection[bytes]) -> dict[bytes, int]:
        return {one: 1 for one in digests if one == DIGEST}

    assert shelf.sweep(named, SystemClock().now_ms()) == 0, "a record that was brought back may yet hear of them"
    assert shelf.has(name)
    assert shelf.sweep(named, a_week_on()) == 2
    assert {path.name for path in shelf.folder.iterdir()} == {DIGEST.hex(), f"{DIGEST.hex()}.sent"}


@pytest.mark.promise("S12", "D5")
@pytest.mark.expected_log("is damaged on this disk")
def test_a_copy_has_each_file_once_and_none_that_is_damaged(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(DIGEST, 7, 0, BYTES, len(BYTES))
    bad = hashlib.sha256(b"good").digest()
    shelf.path(bad).write_bytes(b"bad!")
    shelf.add(hashlib.sha256(b"half").digest(), 7, 0, b"ha", 4)
    beside = Shelf(tmp_path / "copies" / "AMB-3.attachments")
    assert shelf.copy_to(beside, lambda: False) == 0
    assert shelf.copy_to(beside) == 1 and shelf.copy_to(beside) == 0
    assert [path.name for path in beside.folder.iterdir()] == [DIGEST.hex()]
    assert beside.path(DIGEST).read_bytes() == BYTES and not shelf.has(bad)
    with pytest.raises(NoRoom):
        shelf.copy_to(Shelf(tmp_path / "other", spare=1 << 60))


@pytest.mark.promise("S12")
def test_all_bytes_without_a_look_at_the_digest_are_no_file(shelf: Shelf) -> None:
    """The power went between the last piece and the look."""
    shelf.folder.mkdir()
    (shelf.folder / f"{DIGEST.hex()}.7.part").write_bytes(BYTES)
    (shelf.folder / f"{DIGEST.hex()}.8.part").write_bytes(bytes(len(BYTES)))
    assert shelf.reached(DIGEST, 8, len(BYTES)) == 0 and not shelf.has(DIGEST)
    assert shelf.reached(DIGEST, 9, len(BYTES)) == 0
    assert shelf.reached(DIGEST, 7, len(BYTES)) == len(BYTES) and shelf.has(DIGEST)
