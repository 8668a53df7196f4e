"""Which rows the board shows, in which order, under which heading."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ui.rows import assignment, row
from ui.board.order import Show, grouped, heading, is_late, narrowed, next_turn
from ui.widgets.deadline import Pace, left
from ui.widgets.table import Group
from workstation.domain.rows import BoardRow, Step

NOW = 10_000_000


def test_priority_comes_before_age_and_no_priority_last() -> None:
    rows = [
        row("d", priority=0),
        row("c", priority=2, opened_at=5),
        row("b", priority=1, opened_at=1),
        row("a", priority=1, opened_at=9),
    ]
    assert [r.number for r in narrowed(rows, Show.ALL, "Meja 3", NOW)] == ["a", "b", "c", "d"]


def test_mine_are_this_desks_and_late_those_past_their_target() -> None:
    mine, other = row("a", desk="Meja 3"), row("b", desk="Meja 1", deadline_at=NOW - 1)
    assert narrowed([mine, other], Show.MINE, "Meja 3", NOW) == [mine]
    assert narrowed([mine, other], Show.LATE, "Meja 3", NOW) == [other]


def test_an_agency_that_has_not_answered_makes_a_row_late() -> None:
    assert is_late(row("a", assignments=(assignment("pln", Step.NOTIFIED, late=True),)), NOW)
    assert not is_late(row("a", assignments=(assignment("pln", Step.NOTIFIED),)), NOW)


def test_headings() -> None:
    told = (assignment("bpbd", Step.DEPARTED),)
    assert heading(row("a", assignments=told), NOW) == "handled"
    assert heading(row("a", assignments=()), NOW) == "action", "nobody has been told"
    assert heading(row("a", assignments=told, rivals=1), NOW) == "action"
    assert heading(row("a", assignments=told, deadline_from_at=0, deadline_at=NOW + 10), NOW) == "action"
    assert heading(row("a", assignments=(assignment("bpbd", Step.DONE),)), NOW) == "waiting"
    assert heading(row("a", priority=4, assignments=told), NOW) == "waiting"


def test_empty_headings_are_left_out_and_counts_are_right() -> None:
    items = grouped([row("a"), row("b")], NOW)
    assert [i for i in items if isinstance(i, Group)] == [Group("action", "board.action", 2)]


def test_the_board_looks_again_when_a_target_turns_amber_and_when_it_is_past() -> None:
    running = row("a", assignments=(assignment("b", Step.DEPARTED),), deadline_from_at=NOW, deadline_at=NOW + 1000)
    assert next_turn([running], NOW) == NOW + 750
    assert next_turn([running], NOW + 750) == NOW + 1000
    assert next_turn([running], NOW + 1000) is None


def test_a_clock_is_plain_then_amber_then_counts_up() -> None:
    assert left(0, 0, 60_000) == left(1, 0, 60_000)
    assert left(0, 0, 60_000).text == "1:00"  # type: ignore[union-attr]
    assert left(44_999, 0, 60_000).pace is Pace.PLAIN  # type: ignore[union-attr]
    assert left(45_000, 0, 60_000).pace is Pace.AMBER  # type: ignore[union-attr]
    past = left(102_000, 0, 60_000)
    assert past is not None and (past.pace, past.text) == (Pace.BREACH, "+0:42")
    assert left(5, None, None) is None
    assert left(59_999, 0, 60_000).text == "0:01", "never 0:00 before it is over"  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.booleans()), max_size=12))
def test_every_row_stands_under_exactly_one_heading(made: list[tuple[int, int, bool]]) -> None:
    rows: list[BoardRow] = [
        replace(row(str(n)), priority=priority, opened_at=age, rivals=int(rival))
        for n, (priority, age, rival) in enumerate(made)
    ]
    items = grouped(rows, NOW)
    assert sorted(i.number for i in items if isinstance(i, BoardRow)) == sorted(r.number for r in rows)
    assert sum(i.count for i in items if isinstance(i, Group)) == len(rows)
