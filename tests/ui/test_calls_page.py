"""The calls page on a real record: abandoned by number, every call with what it was, one number's history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done
from ui import i18n
from ui.bridge import Bridge
from ui.calls.page import FILTERS, CallsPage, fits
from ui.calls.tables import tries_of
from ui.theme import Theme
from ui.widgets.pencil import Try
from workstation.domain.rows import CallRow
from workstation.service import calls, views
from workstation.service.calls import Ring

Settled = Callable[[], None]


@pytest.fixture
def page(night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled) -> CallsPage:
    made = CallsPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.resize(1282, 664)
    made.show()
    settled()
    return made


def cell(page: CallsPage, row: int, key: str) -> str:
    model = page.calls.rows
    column = next(n for n, c in enumerate(model.columns) if c.key == key)
    return str(model.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole))


def listed(page: CallsPage) -> list[CallRow]:
    model = page.calls.rows
    return [item for n in range(model.rowCount()) if isinstance(item := model.item(n), CallRow)]


def test_every_call_is_there_newest_first(page: CallsPage, night: dict[int, Seat]) -> None:
    rows = done(night[3].desk.ask(views.calls_page))
    assert [r.uid for r in listed(page)] == [r.uid for r in rows]
    assert [r.rang_at for r in rows] == sorted((r.rang_at for r in rows), reverse=True)


def test_a_noise_call_says_what_it_was_and_an_emergency_what_it_led_to(page: CallsPage) -> None:
    rows = listed(page)
    prank = next(n for n, r in enumerate(rows) if r.type == "prank" and r.number.endswith("2260"))
    assert cell(page, prank, "type") == "Iseng"
    assert cell(page, prank, "ring") == "0:04"
    assert cell(page, prank, "length") == "0:06"
    fire = next(n for n, r in enumerate(rows) if r.incident_type == "structure_fire")
    assert cell(page, fire, "about").endswith("Kebakaran bangunan")


@pytest.mark.promise("M11")
def test_abandoned_calls_stand_on_one_row_a_number(page: CallsPage) -> None:
    model = page.abandoned.rows
    times = {str(model.key_at(n)): int(model.index(n, 1).data().rstrip("×")) for n in range(model.rowCount())}
    called = Counter(r.e164 or r.number for r in page._calls if r.status == "abandoned")
    assert times == called
    assert max(times.values()) >= 6 and times[""] == 2
    no_number = model.row_of("")
    assert model.index(no_number, 0).data() == "Tanpa nomor"
    assert model.index(no_number, 6).data() == "tak bisa dibalik"


def test_who_has_no_number_is_not_in_the_call_back_list(page: CallsPage) -> None:
    model = page.waiting.rows
    assert model.rowCount() == page.abandoned.rows.rowCount() - 1
    assert model.row_of("") == -1


def test_the_longest_overdue_is_called_back_first(page: CallsPage) -> None:
    model = page.waiting.rows
    due = [model.item(n).call_back_due_at for n in range(model.rowCount())]  # type: ignore[union-attr]
    assert due == sorted(due)


@pytest.mark.promise("M11")
def test_a_figure_not_known_is_said_to_be_unknown(page: CallsPage) -> None:
    assert "tidak diketahui" in page._unknown.text()
    assert page._unknown.isVisible()


@pytest.mark.parametrize("show", FILTERS)
def test_a_filter_shows_its_calls_and_its_number(page: CallsPage, qtbot: QtBot, show: str) -> None:
    every = list(page._calls)
    qtbot.mouseClick(page.chips[show], Qt.MouseButton.LeftButton)
    wanted = [r.uid for r in every if fits(r, show)]
    assert [r.uid for r in listed(page)] == wanted
    assert page.chips[show].accessibleName().endswith(f" {len(wanted)}")


def test_an_abandoned_call_is_not_called_untyped(page: CallsPage) -> None:
    assert all(r.status != "abandoned" for r in page._calls if fits(r, "untyped"))
    assert any(fits(r, "untyped") for r in page._calls)


def test_choosing_a_number_shows_its_history(page: CallsPage, settled: Settled) -> None:
    number = "+6281200007731"
    page.abandoned.choose(number)
    settled()
    assert page.lines.rows.rowCount() == sum(r.e164 == number for r in page._calls) >= 6
    assert page.history.title is not None and page.history.title.text() == "0812 0000 7731"
    assert "putus di dering, 18 s" in page.lines.rows.index(0, 0).data()


def test_a_new_call_appears_while_the_page_is_open(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    seat.sit()
    page = CallsPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.show()
    settled()
    stop = seat.store.listen(bridge.tell_changed)
    done(calls.rang(seat.desk, Ring(seat.ids.uid(), "081200004417", NOW)))
    qtbot.waitUntil(lambda: [r.status for r in listed(page)] == ["ringing"])
    stop()


def test_a_page_nobody_looks_at_asks_nothing(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> None:
    page = CallsPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.refresh()
    assert bridge.waiting == 0


def test_no_try_is_marked_as_made_that_nobody_made(page: CallsPage) -> None:
    model = page.abandoned.rows
    for n in range(model.rowCount()):
        row = model.item(n)
        assert set(tries_of(row)) <= {Try.NEXT, Try.OPEN}  # type: ignore[arg-type]


@pytest.mark.promise("U6")
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_table_is_read_out_in_words(page: CallsPage, language: str) -> None:
    i18n.use(language)
    for table in (page.abandoned, page.calls, page.waiting):
        assert table.accessibleName()
        for n in range(table.rows.rowCount()):
            said = [
                table.rows.index(n, c).data(Qt.ItemDataRole.AccessibleTextRole) for c in range(table.rows.columnCount())
            ]
            assert any(said)
            assert not [s for s in said if s and s.startswith(("calls.", "sync."))], said
