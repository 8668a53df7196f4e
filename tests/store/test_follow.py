"""The search index follows the record: every op's words are in it once, whatever came between (D2 rests on the way)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.store.desks import desk, edits, opens
from tests.waiting import wait_until
from workstation.store import Connection, Store, StoreFailed, Tx
from workstation.store.follow import BEHIND_MOST, STEP_OPS

Piece = tuple[int, str]


def indexed(store: Store) -> Counter[Piece]:
    """How often each word stands under each (newest 32 bits of the) row of the index."""

    def look(tx: Tx) -> Counter[Piece]:
        tx.db.execute("create virtual table if not exists temp.words using fts5vocab(main, search, instance)")
        found = tx.db.execute("select doc & 4294967295, term from temp.words").fetchall()
        return Counter((n, term) for n, term in found)

    return store.write(look).result(10).value


def behind(db: Connection) -> int:
    """Ops whose words the file says are not in the index."""
    sql = "select (select coalesce(max(n), 0) from op) - (select v from meta where k = 'searched')"
    return int(db.execute(sql).fetchone()[0])


def caught_up(store: Store) -> Counter[Piece]:
    wait_until(lambda: store.read(behind).result(10) == 0, 10, what="the index has every op")
    return indexed(store)


def wrote(store: Store, *landmarks: str) -> Counter[Piece]:
    """One act a landmark; gives the pieces the index is to have of them."""
    expected: Counter[Piece] = Counter()
    for word in landmarks:
        incident = store.write(opens("")).result(10).value
        store.write(edits(incident, landmark=word)).result(10)
        expected[(store.read(lambda db: db.execute("select max(n) from op").fetchone()[0]).result(10), word)] = 1
    return expected


@pytest.mark.promise("D2")
def test_an_act_is_on_disk_before_its_words_are_indexed_and_they_follow_by_themselves(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        seen: list[int] = []
        store.write(lambda tx: store.listen(lambda _: seen.append(0))).result(10)
        expected = wrote(store, "silo", "masjid", "pasar")
        assert caught_up(store) == expected


@pytest.mark.promise("D2")
def test_while_acts_never_pause_the_index_is_never_far_behind(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        most = 0
        for turn in range(BEHIND_MOST + 3 * STEP_OPS):
            store.write(edits(incident, landmark=f"tanjakan{turn}")).result(10)
            most = max(most, store.write(lambda tx: behind(tx.db)).result(10).value)
        assert most <= BEHIND_MOST + 2
        assert len(caught_up(store)) == BEHIND_MOST + 3 * STEP_OPS


@pytest.mark.promise("D2")
def test_words_of_what_was_taken_back_are_not_indexed(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        expected = wrote(store, "silo")

        def fails(tx: Tx) -> None:
            edits(tx.uid(), landmark="hilang")(tx)
            raise ValueError("taken back")

        def half(tx: Tx) -> None:
            with pytest.raises(ValueError):
                tx.nested(fails)
            edits(tx.uid(), landmark="tinggal")(tx)

        with pytest.raises(ValueError):
            store.write(fails).result(10)
        store.write(half).result(10)
        expected[(max(n for n, _ in expected) + 1, "tinggal")] = 1
        assert caught_up(store) == expected


@pytest.mark.promise("D2")
@pytest.mark.parametrize("first_acts", [0, 1, BEHIND_MOST + 5])
def test_a_page_from_sync_is_indexed_with_it_or_behind_what_has_to_follow(tmp_path: Path, first_acts: int) -> None:
    with desk(tmp_path, 1) as store, desk(tmp_path, 2) as other:
        theirs = [f"kata{turn}" for turn in range(30)]
        wrote(other, *theirs)
        for turn in range(first_acts):
            edits_own = edits(b"\x01" * 16, landmark=f"sendiri{turn}")
            store.write(edits_own)
        store.merge(other.page({}, 1000)).result(10)
        if not first_acts:
            assert store.read(behind).result(10) == 0, "nothing had to follow"
        words = Counter(term for _, term in caught_up(store).elements())
        assert words == Counter([*theirs, *(f"sendiri{turn}" for turn in range(first_acts))])


@pytest.mark.promise("D2")
def test_what_was_not_indexed_when_the_desk_ended_is_indexed_at_the_next_start(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        expected = wrote(store, "silo", "masjid")
    with desk(tmp_path) as store:
        assert caught_up(store) == expected


@pytest.mark.expected_log("tidying put off")
def test_an_index_that_cannot_be_written_stops_no_act_and_is_tried_again(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        store.write(lambda tx: tx.db.execute("alter table search rename to elsewhere")).result(10)
        expected = wrote(store, "silo")
        store.write(lambda tx: tx.db.execute("alter table elsewhere rename to search")).result(10)
        expected += wrote(store, "masjid")
        assert caught_up(store) == expected


def test_a_full_disk_takes_the_page_back_with_its_words(tmp_path: Path) -> None:
    with desk(tmp_path, 1) as store, desk(tmp_path, 2) as other:
        wrote(other, *(f"kata{turn}" for turn in range(200)))
        page = other.page({}, 1000)
        pages = store.read(lambda db: db.execute("pragma page_count").fetchone()[0]).result(10)
        store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {int(pages) + 3}").fetchone()).result(10)
        with pytest.raises(StoreFailed):
            store.merge(page).result(10)
        kept = store.vector()[2]
        assert kept < 400
        assert len(indexed(store)) == kept // 2, "every second op has a word"
        store.write(lambda tx: tx.db.execute("pragma max_page_count = 4294967294").fetchone()).result(10)
        store.merge(page).result(10)
        assert Counter(term for _, term in caught_up(store)) == Counter(f"kata{turn}" for turn in range(200))
