"""The search index follows the record: every op's words are in it once, whatever came between (D2 rests on the way)."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.store.desks import Piece, admitted, behind, caught_up, desk, edits, indexed, opens, with_room
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock
from workstation.domain.ids import Uid
from workstation.store import Store, StoreFailed, Tx
from workstation.store import writer as writer_module
from workstation.store.follow import BEHIND_MOST, STEP_OPS

ROOT = Path(__file__).parents[2]
SQLITE_INSERT, SQLITE_TRANSACTION = 18, 22
"""What SQLite's authorizer calls an insert into a table, and `begin`, `commit` or `rollback`."""


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer finds no idle moment: what is not indexed with a commit, or pressing after it, stays behind."""
    monkeypatch.setattr(writer_module, "IDLE_S", 3600)


def newest(store: Store) -> int:
    return int(store.read(lambda db: db.execute("select max(n) from op").fetchone()[0]).result(10))


def wrote(store: Store, *landmarks: str) -> Counter[Piece]:
    """One act a landmark; gives the pieces the index is to have of them."""
    expected: Counter[Piece] = Counter()
    for word in landmarks:
        incident = store.write(opens("")).result(10).value
        store.write(edits(incident, landmark=word)).result(10)
        expected[(newest(store), word)] = 1
    return expected


def after_each_commit(store: Store) -> Callable[[], list[int]]:
    """How far behind the index is as each commit leaves it, before anything else is done; asked for, all so far."""
    seen: list[int] = []
    # Listeners are told on the writer's thread, which can do nothing until they return.
    store.listen(lambda _: seen.append(store.read(behind).result(10)))

    def so_far() -> list[int]:
        store.write(lambda tx: None).result(10)  # who waits for a commit hears of it before the listeners do
        return list(seen)

    return so_far


def many(incident: Uid, word: str, count: int) -> Callable[[Tx], None]:
    """An act of many ops, each with a word of its own."""

    def act(tx: Tx) -> None:
        for turn in range(count):
            edits(incident, landmark=f"{word}{turn}")(tx)

    return act


def refused(code: int, what: str, act: Callable[[Tx], None]) -> Callable[[Tx], None]:
    """The act, from which on SQLite refuses its connection one kind of step, until `unrefused`."""

    def judged(tx: Tx) -> None:
        tx.db.set_authorizer(lambda asked, of, *_: int((asked, of) == (code, what)))  # type: ignore[attr-defined]
        act(tx)

    return judged


def unrefused(tx: Tx) -> None:
    tx.db.set_authorizer(None)  # type: ignore[attr-defined]


@pytest.mark.promise("D2")
def test_an_act_is_on_disk_before_its_words_are_indexed_and_they_follow_by_themselves(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        seen = after_each_commit(store)
        expected = wrote(store, "silo", "masjid", "pasar")
        found = seen()
        assert len(found) == 6 and min(found) >= 1, "no commit waits for the index"
        assert caught_up(store) == expected


@pytest.mark.promise("D2")
def test_while_acts_never_pause_the_index_is_never_far_behind(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        seen = after_each_commit(store)
        for turn in range(BEHIND_MOST + 3 * STEP_OPS):
            store.write(edits(incident, landmark=f"tanjakan{turn}")).result(10)
        assert max(seen()) == BEHIND_MOST // 2 + 1, "and none of them had to index anything"
        assert len(indexed(store)) >= BEHIND_MOST + 3 * STEP_OPS - BEHIND_MOST // 2


@pytest.mark.promise("D2")
def test_an_act_of_many_ops_is_indexed_with_it_and_what_was_behind_too(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        seen = after_each_commit(store)
        incident = store.write(opens("")).result(10).value
        for word in ("satu", "dua"):
            store.write(edits(incident, landmark=f"sebelum-{word}")).result(10)
            store.write(many(incident, word, 1000)).result(10)
        assert seen() == [1, 2, 0, 1, 0]
        expected = Counter({f"{word}{turn}": 1 for word in ("satu", "dua") for turn in range(1000)})
        found = Counter(term for _, term in indexed(store).elements())
        assert found == expected + Counter(sebelum=2, satu=1, dua=1)


@pytest.mark.promise("D2")
def test_many_acts_that_share_a_commit_are_indexed_with_it(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        inside, go = threading.Event(), threading.Event()
        held = store.write(lambda tx: (inside.set(), go.wait(10)))
        inside.wait(10)
        seen = after_each_commit(store)
        acts = [store.write(many(incident, f"laut{number}n", 20)) for number in range(40)]
        go.set()
        held.result(10)
        for act in acts:
            act.result(10)
        assert seen() == [0], "one commit for all, and nothing behind it"
        assert len(indexed(store)) == 800


@pytest.mark.promise("D2")
@pytest.mark.expected_log("the search index is left behind")
def test_a_disk_too_full_for_the_words_alone_stops_no_act_and_they_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page more of room each time, so that the disk fills at every place of the way."""
    monkeypatch.setattr(writer_module, "IDLE_S", 3600)
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        store.write(edits(incident, landmark="sebelum")).result(10)
        refused = 0
        while refused < 1000:
            with with_room(store, refused):
                taken = store.write(many(incident, "ramai", 400)).exception(10) is None
                left, words = store.read(behind).result(10), indexed(store)
            if taken:
                break
            assert (left, words, store.vector()) == (2, Counter(), {1: 2}), f"room for {refused} pages"
            refused += 1
        assert refused > 5
        assert left > BEHIND_MOST, "the act found room, its words did not"
        for _ in range(3):  # with room again a step after each commit, as nothing is idle
            store.write(edits(incident, landmark="sesudah")).result(10)
        store.write(many(incident, "lagi", 400)).result(10)
        assert store.read(behind).result(10) == 0, "as before once it is within its bound"
        monkeypatch.undo()
    expected = {f"{word}{turn}" for word in ("ramai", "lagi") for turn in range(400)}
    with desk(tmp_path) as store:
        assert Counter(term for _, term in caught_up(store).elements()) == Counter([*expected, "sebelum"]) + Counter(
            sesudah=3
        )


@pytest.mark.promise("D2")
def test_a_commit_that_fails_takes_back_what_it_had_indexed(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        store.write(edits(incident, landmark="sebelum")).result(10)

        with pytest.raises(Exception, match="not authorized"):
            store.write(refused(SQLITE_TRANSACTION, "COMMIT", many(incident, "hilang", 400))).result(10)
        store.write(unrefused).result(10)
        assert store.read(behind).result(10) == 2 and not indexed(store)
        store.write(many(incident, "tinggal", 400)).result(10)
        assert store.read(behind).result(10) == 0
        found = Counter(term for _, term in indexed(store).elements())
        assert found == Counter(["sebelum", *(f"tinggal{turn}" for turn in range(400))])


@pytest.mark.promise("D2")
@pytest.mark.expected_log("the search index is left behind", "tidying put off")
def test_words_that_cannot_be_written_out_are_not_said_to_be_in_the_index(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        store.write(refused(SQLITE_INSERT, "search_data", many(incident, "laut", 300))).result(10)
        assert store.read(behind).result(10) == 301
        store.write(unrefused).result(10)
        for _ in range(3):
            store.write(edits(incident, landmark="sesudah")).result(10)
        store.write(many(incident, "lagi", 300)).result(10)
        expected = Counter(f"{word}{turn}" for word in ("laut", "lagi") for turn in range(300)) + Counter(sesudah=3)
        assert Counter(term for _, term in indexed(store).elements()) == expected


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
@pytest.mark.parametrize(("first_acts", "first_left"), [(0, 0), (1, 202), (BEHIND_MOST // 2, 0)])
def test_pages_from_sync_are_indexed_with_their_commit_and_never_far_behind_acts(
    tmp_path: Path, never_idle: None, first_acts: int, first_left: int
) -> None:
    clock = HandClock()
    with desk(tmp_path, 1, clock=clock) as store, desk(tmp_path, 2) as other:
        theirs = other.write(opens("")).result(10).value
        other.write(many(theirs, "kata", 1500)).result(10)
        own = store.write(opens("")).result(10).value if first_acts else b""
        store.write(many(own, "sendiri", first_acts)).result(10)
        clock.advance(60_000)  # nobody types any more: pages are whole
        seen = after_each_commit(store)
        store.merge(admitted(store, other.page({}, 10_000))).result(10)
        found = seen()
        assert found == [first_left] + [0] * 7
        expected = Counter(f"kata{turn}" for turn in range(1500)) + Counter(
            f"sendiri{turn}" for turn in range(first_acts)
        )
        assert Counter(term for _, term in indexed(store).elements()) == expected


@pytest.mark.promise("D2")
def test_what_was_not_indexed_when_the_desk_ended_is_indexed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as still:
        still.setattr(writer_module, "IDLE_S", 3600)
        with desk(tmp_path) as store:
            expected = wrote(store, "silo", "masjid")
            assert store.read(behind).result(10) == 4
            assert not indexed(store)
    with desk(tmp_path) as store:
        assert caught_up(store) == expected


@pytest.mark.promise("D2")
def test_folding_anew_indexes_what_was_behind_too_and_once(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        expected = wrote(store, "silo", "masjid")
        assert store.read(behind).result(10) == 4
        store.write(lambda tx: tx.set_meta("fold", 0)).result(10)
    with desk(tmp_path) as store:
        assert store.read(behind).result(10) == 0, "nothing is left to be indexed again"
        assert indexed(store) == expected


@pytest.mark.expected_log("tidying put off")
def test_an_index_that_cannot_be_written_stops_no_act_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with desk(tmp_path) as store:
        store.write(lambda tx: tx.db.execute("alter table search rename to elsewhere")).result(10)
        expected = wrote(store, "silo")
        wait_until(lambda: "tidying put off" in caplog.text, 10, what="the index was tried")
        store.write(lambda tx: tx.db.execute("alter table elsewhere rename to search")).result(10)
        expected += wrote(store, "masjid")
        assert caught_up(store) == expected


@pytest.mark.promise("D2")
@pytest.mark.expected_log("the search index is left behind", "tidying put off")
def test_an_index_that_cannot_be_written_is_not_tried_with_each_commit_of_many_ops(
    tmp_path: Path, never_idle: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of them would read all that is behind, which grows without end."""
    with desk(tmp_path) as store:
        incident = store.write(opens("")).result(10).value
        store.write(lambda tx: tx.db.execute("alter table search rename to elsewhere")).result(10)
        for number in range(4):
            store.write(many(incident, f"laut{number}n", 300)).result(10)
        assert store.vector() == {1: 1201}
        assert caplog.text.count("the search index is left behind") == 1
        store.write(lambda tx: tx.db.execute("alter table elsewhere rename to search")).result(10)
        seen = after_each_commit(store)
        while not (found := seen()) or found[-1] > BEHIND_MOST:
            store.write(edits(incident, landmark="kecil")).result(10)
            assert len(found) < 60
        assert all(before - after < 3 * STEP_OPS for before, after in pairwise(found)), "by steps, never all at once"


def test_a_full_disk_takes_the_page_back_with_its_words(tmp_path: Path) -> None:
    with desk(tmp_path, 1) as store, desk(tmp_path, 2) as other:
        wrote(other, *(f"kata{turn}" for turn in range(200)))
        page = admitted(store, other.page({}, 1000))
        with with_room(store, 3):
            with pytest.raises(StoreFailed):
                store.merge(page).result(10)
            kept = store.vector()[2]
            assert kept < 400
            assert len(indexed(store)) == kept // 2, "every second op has a word"
        store.merge(page).result(10)
        assert Counter(term for _, term in caught_up(store)) == Counter(f"kata{turn}" for turn in range(200))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.store.desks import desk, edits, opens
from workstation.store import follow

name, when, folder = sys.argv[1:]
real = getattr(follow, name)

def killed(*told):
    if when == "after":
        real(*told)
    os.kill(os.getpid(), signal.SIGKILL)

store = desk(Path(folder))
incident = store.write(opens("")).result(10).value
setattr(follow, name, killed)
for turn in range(300):
    store.write(edits(incident, landmark=f"tanjakan{turn}")).result(10)
"""


@pytest.mark.promise("D2")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["add", "reached"])
def test_killed_while_it_indexes_every_word_is_there_once_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    words = [sys.executable, "-c", KILLED, name, when, str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, timeout=60, check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with monkeypatch.context() as still:
        still.setattr(writer_module, "IDLE_S", 3600)
        with desk(tmp_path) as store:
            written = store.vector()[1]
            assert written > 1
            assert (store.read(behind).result(10), indexed(store)) == (written, Counter()), "neither without the other"
    with desk(tmp_path) as store:
        assert caught_up(store) == Counter((n + 2, f"tanjakan{n}") for n in range(written - 1))
