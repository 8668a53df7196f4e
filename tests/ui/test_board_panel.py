"""The board on a real record: what it shows and repaints, what stays under the hand, what a reader hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QAccessible, QPaintEvent
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done, exchange
from tests.ui.rows import row
from ui import i18n
from ui.board.order import Show
from ui.board.panel import BoardPanel
from ui.bridge import Bridge
from ui.theme import Theme
from ui.widgets.table import Group
from workstation.domain.hlc import HandClock
from workstation.domain.rows import Sync
from workstation.service import calls, dispatch, intake, views
from workstation.service.calls import Ring
from workstation.service.desk import Edit
from workstation.service.dispatch import Plan

Settled = Callable[[], None]
TARGET = {False: 5, True: 3}  # the clock's column on the one-line and the two-line board


def open_fire(seat: Seat, village: str = "Batu Merah") -> bytes:
    offer, incident = seat.ids.uid(), seat.ids.uid()
    done(calls.rang(seat.desk, Ring(offer, "081200004417", seat.clock.now_ms())))
    done(intake.open_incident(seat.desk, incident, offer))
    edits = {"village": Edit(seat.village(village)), "type": Edit("structure_fire"), "priority": Edit(1)}
    done(intake.edit(seat.desk, incident, edits))
    return incident


def shown(panel: BoardPanel) -> list[str]:
    model = panel.table.rows
    return [item.number for n in range(model.rowCount()) if not isinstance(item := model.item(n), Group) and item]


@pytest.fixture
def listening(seat: Seat, bridge: Bridge) -> Any:
    """The store's commits reach the screen as they do in the program."""
    stop = seat.store.listen(bridge.tell_changed)
    yield
    stop()


class Paints(QObject):
    """Notes the rectangle of every paint of a widget."""

    def __init__(self) -> None:
        super().__init__()
        self.rects: list[QRect] = []

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(event, QPaintEvent):
            self.rects.append(event.rect())
        return False


@pytest.mark.promise("U1")
def test_the_board_shows_the_open_incidents_of_every_desk(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    desk = night[3].desk
    panel = BoardPanel(desk, bridge, theme)
    qtbot.addWidget(panel)
    settled()
    rows = done(desk.ask(lambda db: views.board(db, NOW)))
    assert sorted(shown(panel)) == sorted(r.number for r in rows)
    assert {r.desk for r in rows} == {"Meja 1", "Meja 2", "Meja 3"}


@pytest.mark.promise("U1")
def test_a_row_says_what_is_on_this_desk_only_and_what_differs(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme)
    qtbot.addWidget(panel)
    settled()
    data = {r.sync for r in panel.open_rows}
    assert Sync.CONFLICT in data and Sync.SERVER in data
    fire = next(r for r in panel.open_rows if r.type == "structure_fire")
    index = panel.table.rows.index(panel.table.rows.row_of(fire.uid), 8)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "Beda nilai"


def test_an_incident_of_this_desk_appears_and_is_queued_until_the_hub_answers(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, listening: None
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    open_fire(seat)
    qtbot.waitUntil(lambda: shown(panel) == ["AMB-3-0001"] and panel.open_rows[0].type == "structure_fire")
    assert panel.open_rows[0].sync is Sync.LOCAL
    done(seat.store.acked(seat.store.vector()))
    qtbot.waitUntil(lambda: panel.open_rows[0].sync is Sync.SERVER)


def test_what_another_desk_wrote_appears_without_a_key(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, tmp_path: Path, listening: None
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    with Seat(tmp_path, 1, HandClock(NOW)) as other:
        open_fire(other)
        exchange(other, seat)
    qtbot.waitUntil(lambda: shown(panel) == ["AMB-1-0001"])
    assert panel.open_rows[0].desk == "Meja 1"


def test_only_the_row_that_changed_is_announced_and_the_choice_stays(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, listening: None, settled: Settled
) -> None:
    first, second = open_fire(seat), open_fire(seat, "Soya")
    panel = BoardPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: len(shown(panel)) == 2)
    settled()
    panel.choose(second)
    announced: list[int] = []
    model = panel.table.rows
    model.dataChanged.connect(lambda top, bottom: announced.extend(range(top.row(), bottom.row() + 1)))
    model.modelReset.connect(lambda: announced.append(-1))
    done(dispatch.plan(seat.desk, first, [Plan("damkar", "radio")]))
    qtbot.waitUntil(lambda: bool(announced))
    settled()
    assert set(announced) == {model.row_of(first)}
    assert panel.table.current_key() == second


def test_the_choice_survives_a_row_that_comes_in_above(
    theme: Theme, seat: Seat, bridge: Bridge, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    settled()
    old = row("b", priority=2)
    panel.show_rows((old,))
    panel.choose(old.uid)
    panel.show_rows((row("a", priority=1), old))
    assert panel.table.current_key() == old.uid
    assert panel.table.currentIndex().row() == 2, "after the heading and the new row"


@pytest.mark.promise("U4")
@pytest.mark.parametrize("idle", [False, True])
def test_a_tick_repaints_the_clock_column_and_nothing_else(
    idle: bool, night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme, idle=idle)
    qtbot.addWidget(panel)
    panel.resize(1282, 400)
    panel.show()
    qtbot.waitExposed(panel)
    settled()
    table, column = panel.table, TARGET[idle]
    QApplication.processEvents()
    paints = Paints()
    table.viewport().installEventFilter(paints)
    panel.tick(NOW + 1000)
    qtbot.waitUntil(lambda: bool(paints.rects))
    left, width = table.columnViewportPosition(column), table.columnWidth(column)
    for rect in paints.rects:
        assert rect.left() >= left and rect.right() < left + width, f"{rect} leaves the clock column"


@pytest.mark.promise("U4")
def test_a_tick_asks_the_record_nothing_and_leaves_the_model_alone(
    night: dict[int, Seat],
    bridge: Bridge,
    theme: Theme,
    qtbot: QtBot,
    settled: Settled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme)
    qtbot.addWidget(panel)
    settled()
    touched: list[str] = []
    monkeypatch.setattr(night[3].desk, "ask", lambda _fn: touched.append("asked"))
    model = panel.table.rows
    for name in ("dataChanged", "layoutChanged", "modelReset", "rowsInserted", "rowsMoved"):
        getattr(model, name).connect(lambda *_a, name=name: touched.append(name))
    for tenth in range(20):
        panel.tick(NOW + tenth * 100)
    assert touched == []


def test_a_target_that_passes_moves_its_row_once(
    theme: Theme, seat: Seat, bridge: Bridge, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    settled()
    late: list[tuple[int, int]] = []
    panel.show_rows((row("a", deadline="arrive", deadline_from_at=NOW, deadline_at=NOW + 1000),))
    panel.counted.connect(lambda n, of_them: late.append((n, of_them)))
    panel.tick(NOW + 740)
    assert late == []
    panel.tick(NOW + 760)
    assert late == [(1, 0)], "amber, not late"
    panel.tick(NOW + 1001)
    assert late == [(1, 0), (1, 1)]
    panel.tick(NOW + 1101)
    assert len(late) == 2


def test_filters(night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    settled()
    panel.narrow(Show.MINE)
    assert shown(panel) and all(n.startswith("AMB-3") for n in shown(panel))
    qtbot.mouseClick(panel.chips[Show.LATE], Qt.MouseButton.LeftButton)
    late = {
        r.number
        for r in panel.open_rows
        if (r.deadline_at and r.deadline_at <= NOW) or any(a.late for a in r.assignments)
    }
    assert set(shown(panel)) == late != set()
    assert panel.chips[Show.LATE].accessibleName() == f"Terlambat {len(late)}"


@pytest.mark.promise("U2")
def test_a_row_is_opened_by_keys_alone(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    panel.resize(870, 664)
    panel.show()
    settled()
    opened: list[bytes] = []
    panel.opened.connect(opened.append)
    panel.activateWindow()
    panel.table.setFocus()
    qtbot.waitUntil(panel.table.hasFocus)
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert opened == [panel.table.current_key()]
    assert opened[0] in {r.uid for r in panel.open_rows}


@pytest.mark.promise("U6")
@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_cell_has_words_for_a_screen_reader(
    idle: bool, language: str, night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    i18n.use(language)
    panel = BoardPanel(night[3].desk, bridge, theme, idle=idle)
    qtbot.addWidget(panel)
    settled()
    model = panel.table.rows
    may_be_empty = {"target", "agencies"}  # no clock runs, nobody is planned
    for n in range(model.rowCount()):
        if isinstance(model.item(n), Group):
            continue
        for c, column in enumerate(model.columns):
            words = model.index(n, c).data(Qt.ItemDataRole.AccessibleTextRole)
            assert words or column.key in may_be_empty, f"row {n}, {column.key}: nothing to read"
            assert "." not in words or " " in words or words[0].isdigit(), f"an untranslated key: {words}"
    face = QAccessible.queryAccessibleInterface(panel.table)
    assert face.text(QAccessible.Text.Name)


@pytest.mark.promise("U3")
def test_the_language_switches_at_once(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(night[3].desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    settled()
    assert panel.chips[Show.ALL].accessibleName() == "Semua"
    i18n.use("en")
    assert panel.chips[Show.ALL].accessibleName() == "All"
    assert panel.table.rows.headerData(1, Qt.Orientation.Horizontal) == "Number"


def test_the_model_keeps_qts_rules(
    theme: Theme, seat: Seat, bridge: Bridge, qtbot: QtBot, qtmodeltester: ModelTester, settled: Settled
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    settled()
    qtmodeltester.check(panel.table.rows)
    panel.show_rows(tuple(row(n) for n in "abcd"))
    panel.show_rows(tuple(row(n, priority=p) for n, p in (("d", 1), ("e", 1), ("b", 2), ("a", 3))))
    panel.show_rows((row("e", priority=4),))
    panel.show_rows(())
    assert panel.table.rows.rowCount() == 0


@pytest.mark.promise("U8")
def test_an_agency_is_shown_as_told_only_on_proof(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, listening: None
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    fire = open_fire(seat)
    done(dispatch.plan(seat.desk, fire, [Plan("damkar", "radio")]))
    qtbot.waitUntil(lambda: bool(panel.open_rows) and bool(panel.open_rows[0].assignments))

    def said() -> tuple[str, str]:
        model = panel.table.rows
        columns = {column.key: n for n, column in enumerate(model.columns)}
        return model.index(0, columns["agencies"]).data(), model.index(0, columns["target"]).data()

    assert said()[0] == "Damkar Siap"
    assert said()[1].startswith("Beri tahu Damkar")
    done(dispatch.notified(seat.desk, panel.open_rows[0].assignments[0].uid, "read_out"))
    qtbot.waitUntil(lambda: said()[0] == "Damkar Diberitahu")
    assert said()[1].startswith("Damkar jawab")


def test_rows_that_come_after_the_focus_are_within_reach_of_the_keys(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    panel = BoardPanel(seat.desk, bridge, theme, idle=True)
    qtbot.addWidget(panel)
    panel.show()
    panel.activateWindow()
    settled()
    panel.table.setFocus()
    qtbot.waitUntil(panel.table.hasFocus)
    panel.show_rows((row("a"),))
    assert panel.table.current_key() == row("a").uid
