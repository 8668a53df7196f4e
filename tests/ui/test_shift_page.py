"""The lead's page on a real record: figures, queue, values settled and brought back, and for whom it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens import scene
from tests.screens.seat import NOW, Seat, done, exchange
from ui.bridge import Bridge
from ui.shift.charts import Ecdf, HourBars, TypeMix
from ui.shift.figures import six
from ui.shift.page import ShiftPage
from ui.theme import Theme
from workstation.domain.hlc import HandClock
from workstation.domain.rows import BoardRow, QueueFigures
from workstation.service import views
from workstation.service.desk import Edit
from workstation.service.intake import edit, open_incident

Settled = Callable[[], None]
NOTHING = QueueFigures(0, NOW, 0, 0, 0, 0, 0, 0, None, 0, 0, None, 0, (), (), ())


@pytest.fixture
def rivals(seat: Seat, tmp_path: Path) -> Iterator[tuple[Seat, Seat, bytes]]:
    """Two desks that each put a landmark into the same incident while apart; the lead sits at the first."""
    with Seat(tmp_path, 1, HandClock(NOW)) as other:
        seat.staff(operators=1)
        incident = seat.ids.uid()
        done(open_incident(seat.desk, incident))
        done(edit(seat.desk, incident, {"type": Edit("structure_fire"), "landmark": Edit("Kebun Cengkeh")}))
        exchange(seat, other)
        for desk, value in ((seat, "depan SD"), (other, "dekat pos kamling")):
            desk.clock.advance(1000)
            scene.change(desk, incident, "landmark", value)
        exchange(seat, other)
        yield seat, other, incident


@pytest.fixture
def page(
    rivals: tuple[Seat, Seat, bytes], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> Iterator[ShiftPage]:
    seat = rivals[0]
    stop = seat.store.listen(bridge.tell_changed)
    made = ShiftPage(seat.desk, bridge, theme)
    qtbot.addWidget(made)
    made.resize(1282, 664)
    made.show()
    settled()
    yield made
    settled()
    stop()


def live(seat: Seat, incident: bytes, field: str = "landmark") -> set[object]:
    view = done(seat.desk.ask(lambda db: views.incident(db, incident)))
    assert view is not None
    return {value.value for value in view.fields[field].values}


# ------------------------------------------------------ for whom
def test_only_a_lead_sees_the_page(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    desk = night[3].desk
    made = ShiftPage(desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    lead = desk.person
    assert lead is not None and lead.role == "lead"
    settled()
    assert made.queue.rows.rowCount() > 0
    for person in (None, replace(lead, role="operator"), replace(lead, role="it")):
        desk.person = person
        try:
            made.person_changed()
            assert not made.is_open
            assert not made.queue.isVisible() and not made.settle.isVisible() and not made.figures.isVisible()
            made.refresh()
            assert bridge.waiting == 0, "nothing is asked for who may not see it"
        finally:
            desk.person = lead


@pytest.mark.promise("M4")
def test_rival_values_are_shown_whole_with_who_wrote_them(page: ShiftPage, rivals: tuple[Seat, Seat, bytes]) -> None:
    row = page.settle.current
    assert row is not None and row.field.name == "landmark"
    said = page.settle._cards.accessibleDescription()
    assert "depan SD" in said and "dekat pos kamling" in said
    assert "Meja 3, Kepala 1" in said and "meja lain" in said, "who isn't named is not guessed"


# ------------------------------------------------------ settling
@pytest.mark.promise("M4")
@pytest.mark.parametrize(("key", "nth"), [(Qt.Key.Key_1, 0), (Qt.Key.Key_2, 1)])
def test_one_key_settles_on_every_desk(
    page: ShiftPage, rivals: tuple[Seat, Seat, bytes], qtbot: QtBot, settled: Settled, key: Qt.Key, nth: int
) -> None:
    seat, other, incident = rivals
    row = page.settle.current
    assert row is not None
    wanted = row.field.values[nth].value
    page.settle.setFocus()
    qtbot.keyClick(page.settle, key)
    qtbot.waitUntil(lambda: page.settle.current is None)
    exchange(seat, other)
    assert live(seat, incident) == live(other, incident) == {wanted}


def test_ctrl_z_puts_both_values_side_by_side_again_on_every_desk(
    page: ShiftPage, rivals: tuple[Seat, Seat, bytes], qtbot: QtBot
) -> None:
    seat, other, incident = rivals
    page.settle.use(0)
    qtbot.waitUntil(lambda: page.settle.current is None and page.can_undo)
    exchange(seat, other)
    assert page.undo()
    qtbot.waitUntil(lambda: page.settle.current is not None)
    exchange(seat, other)
    both: set[object] = {"depan SD", "dekat pos kamling"}
    assert live(seat, incident) == live(other, incident) == both
    assert not page.undo(), "a decision is taken back once"


def test_a_value_of_the_leads_own_settles_too(page: ShiftPage, rivals: tuple[Seat, Seat, bytes], qtbot: QtBot) -> None:
    seat, _, incident = rivals
    page.settle.setFocus()
    qtbot.keyClick(page.settle, Qt.Key.Key_3)
    assert page.settle.own.isVisible() and page.settle.own.hasFocus()
    page.settle.own.clear()
    qtbot.keyClicks(page.settle.own, "depan SD 1, Kebun Cengkeh")
    qtbot.keyClick(page.settle.own, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.settle.current is None)
    assert live(seat, incident) == {"depan SD 1, Kebun Cengkeh"}


def test_digits_elsewhere_decide_nothing(
    page: ShiftPage, rivals: tuple[Seat, Seat, bytes], qtbot: QtBot, settled: Settled
) -> None:
    seat, _, incident = rivals
    page.queue.setFocus()
    for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_0):
        qtbot.keyClick(page.queue, key)
    settled()
    assert len(live(seat, incident)) == 2


def test_a_rival_written_meanwhile_stays(page: ShiftPage, rivals: tuple[Seat, Seat, bytes], qtbot: QtBot) -> None:
    seat, other, incident = rivals
    other.clock.advance(5000)
    scene.change(other, incident, "landmark", "belakang pasar")
    page.settle.use(0)
    qtbot.waitUntil(lambda: page.settle.current is None)
    exchange(seat, other)
    assert "belakang pasar" in live(seat, incident) and len(live(seat, incident)) == 2


def test_what_is_put_off_waits_behind_the_others(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    made = ShiftPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    first = made.settle.current
    made.settle.setFocus()
    qtbot.keyClick(made.settle, Qt.Key.Key_0)
    second = made.settle.current
    assert first is not None and second is not None and first != second
    made.refresh()
    settled()
    assert made.settle.current == second, "a refresh does not bring it forward"


def test_a_refusal_is_said_and_nothing_changes(
    page: ShiftPage, rivals: tuple[Seat, Seat, bytes], settled: Settled
) -> None:
    seat, _, incident = rivals
    assert seat.desk.person is not None
    seat.desk.person = replace(seat.desk.person, role="operator")
    said: list[str] = []
    page.said.connect(said.append)
    page.settle.use(0)
    settled()
    assert said and said[0].startswith("Belum diputuskan")
    assert len(live(seat, incident)) == 2


# ------------------------------------------------------ figures and queue
def test_nothing_counted_is_a_dash_and_never_a_hundred_percent(theme: Theme) -> None:
    shown = six(NOTHING, NOW)
    assert [f.value for f in shown] == ["–", "–", "–", "–", "0", "0"]
    assert not any(f.bad for f in shown)


def test_figures_under_their_target_stand_out(theme: Theme) -> None:
    told = replace(
        NOTHING, answered=100, answered_in_15_s=89, call_to_agency_p90_s=61.0, call_to_agency_n=5, unsent=1, conflicts=1
    )
    assert [f.bad for f in six(told, NOW)] == [True, False, True, False, True, True]
    good = replace(told, answered_in_15_s=90, call_to_agency_p90_s=60.0, unsent=0, conflicts=0)
    assert not any(f.bad for f in six(good, NOW))


def test_the_strip_says_the_records_figures(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    desk = night[3].desk
    made = ShiftPage(desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    told = done(desk.ask(lambda db: views.queue(db, NOW)))
    said = made.figures.accessibleDescription()
    assert f"{told.answered_in_15_s} dari {told.answered}" in said
    assert f"Belum di server {told.unsent}" in said and told.unsent > 0
    assert made._offline.isVisible() and made._offline.text() == "5 mnt putus tidak terhitung"
    assert f"n {told.answered}" in made._notes[0].text()


def test_the_queue_is_by_priority_and_names_what_is_late(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    made = ShiftPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    model = made.queue.rows
    rows = [item for n in range(model.rowCount()) if isinstance(item := model.item(n), BoardRow)]
    assert [r.priority or 9 for r in rows] == sorted(r.priority or 9 for r in rows)
    words = {r.type: model.index(n, 4).data() for n, r in enumerate(rows)}
    assert words["traffic_accident"] == "Terlambat"
    assert words["electricity"] == "Ditolak 1"
    qtbot.mouseClick(made.chips["drafts"], Qt.MouseButton.LeftButton)
    assert [model.item(n).status for n in range(model.rowCount())] == ["draft"]  # type: ignore[union-attr]


def test_charts_say_their_figures_in_words(theme: Theme, night: dict[int, Seat], qtbot: QtBot) -> None:
    bars, ecdf, mix = HourBars(theme), Ecdf(theme), TypeMix(night[3].desk, theme)
    for chart in (bars, ecdf, mix):
        qtbot.addWidget(chart)
    hour = 3_600_000
    bars.show_hours([(0, 10, 9), (2 * hour, 4, 4)])
    assert bars.accessibleDescription() == "09:00 90 % (9/10), 11:00 100 % (4/4)"
    ecdf.show_seconds([30.0, 90.0, 60.0, 10.0])
    assert ecdf.share_within(60) == 0.75
    assert "75 %" in ecdf.accessibleDescription()
    mix.show_types(
        [
            ("prank", 9),
            ("emergency", 2),
            ("silent", 3),
            ("test", 1),
            ("information", 4),
            ("report", 2),
            ("wrong_number", 1),
        ]
    )
    assert mix.accessibleDescription().startswith("Darurat 2, Iseng 9")
    assert mix.accessibleDescription().endswith("Lain 2")
    assert sum(int(part.rsplit(" ", 1)[1]) for part in mix.accessibleDescription().split(", ")) == 22
    for chart in (bars, ecdf):
        chart.show_hours([]) if isinstance(chart, HourBars) else chart.show_seconds([])
        assert chart.accessibleDescription() == "Belum ada angka dalam rentang ini."


def test_desks_are_told_by_name_and_state(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    made = ShiftPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    said = made.desks.accessibleDescription()
    assert "Meja 1 Operator 1" in said and "Meja 3 Kepala 1" in said
