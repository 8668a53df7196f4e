"""The map: where marks stand, what is painted once, what it says about what it does not know."""

from __future__ import annotations

from math import cos, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat
from tests.ui.rows import row
from ui.bridge import Bridge
from ui.map.panel import CITY_VIEW, MapPanel
from ui.map.projection import Frame, View, distance_m
from ui.theme import Theme

AMBON = st.tuples(st.floats(-3.85, -3.45), st.floats(127.9, 128.45))


@pytest.fixture
def panel(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> MapPanel:
    made = MapPanel(seat.desk, bridge, theme)
    qtbot.addWidget(made)
    made.resize(404, 480)
    made.show()
    qtbot.waitExposed(made)
    return made


@given(AMBON)
def test_a_place_comes_back_from_its_pixel(place: tuple[float, float]) -> None:
    frame = Frame(CITY_VIEW, 404, 480)
    lat, lon = frame.place(frame.point(*place))
    assert abs(lat - place[0]) < 1e-9 and abs(lon - place[1]) < 1e-9


@given(AMBON, st.floats(400, 70_000))
def test_the_scale_bar_is_as_long_as_it_says(place: tuple[float, float], span: float) -> None:
    frame = Frame(View(*place, span), 404, 480)
    metres, long = frame.scale_bar(52)
    east = metres / (111_320 * cos(radians(place[0])))
    there = frame.point(place[0], place[1] + east)
    assert abs((there.x() - frame.point(*place).x()) - long) < 0.01 * long + 0.5


def test_distances_agree_with_the_sphere() -> None:
    # Haversine on the mean sphere (6371.0088 km) gives 15.71 km for these two.
    assert abs(distance_m(-3.7, 128.1, -3.6, 128.2) - 15_710) < 0.005 * 15_710


def test_an_incident_without_a_point_stands_at_its_village(panel: MapPanel, seat: Seat) -> None:
    code = seat.village("Halong")
    village = seat.desk.gazetteer.get(code)
    assert village is not None and village.lat is not None and village.lon is not None
    exact = row("b", lat=-3.70, lon=128.18)
    panel.show_board((row("a", village=code), exact, row("c")))
    marks = {r.number: p for r, p in panel.marks()}
    assert marks["a"] == panel.frame.point(village.lat, village.lon)
    assert marks["b"] == panel.frame.point(-3.70, 128.18)
    assert "c" not in marks, "an incident without a place has no mark"


def test_marks_of_one_place_do_not_hide_each_other(panel: MapPanel, seat: Seat) -> None:
    code = seat.village("Halong")
    panel.show_board(tuple(row(n, village=code) for n in "abcdef"))
    points = [p for _, p in panel.marks()]
    for n, one in enumerate(points):
        for other in points[n + 1 :]:
            apart = one - other
            assert (apart.x() ** 2 + apart.y() ** 2) ** 0.5 >= 14


@pytest.mark.promise("U4")
def test_what_does_not_move_is_painted_once(panel: MapPanel, seat: Seat, qtbot: QtBot) -> None:
    panel.show()
    panel.grab()
    assert panel.painted == 0, "the frame that first wants the villages must not wait for them"
    qtbot.waitUntil(lambda: panel.painted == 1)
    panel.show_board((row("a", village=seat.village("Halong")),))
    panel.grab()
    panel.grab()
    qtbot.wait(0)
    assert panel.painted == 1, "a mark must not paint the villages anew"
    panel.theme.use(palette="day")
    panel.grab()
    qtbot.waitUntil(lambda: panel.painted == 2)
    panel.theme.use(palette="night")
    panel.grab()
    qtbot.wait(0)
    assert panel.painted == 2, "what was painted before is still there"


def test_the_caller_is_shown_with_the_uncertainty_told(panel: MapPanel, seat: Seat) -> None:
    code = seat.village("Batu Merah")
    panel.show_place(code, -3.6853, 128.2101, 250)
    assert panel._caller is not None and panel._caller.radius_m == 250
    near = panel.frame.point(-3.6853, 128.2101)
    assert abs(near.x() - 202) < 1 and abs(near.y() - 240) < 1, "the caller is in the middle"
    panel.show_place(code)
    assert panel._caller.radius_m > 500, "a village alone is no point"
    panel.clear_place()
    assert panel._caller is None and panel._view == CITY_VIEW


def test_an_unknown_village_shows_no_invented_place(panel: MapPanel) -> None:
    panel.show_place("81.71.99.9999")
    assert panel._caller is None


@pytest.mark.promise("U2")
def test_keys_zoom_move_and_come_home(panel: MapPanel, qtbot: QtBot) -> None:
    qtbot.keyClick(panel, Qt.Key.Key_Plus)
    assert panel._view.span_m < CITY_VIEW.span_m
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel._view.lon > CITY_VIEW.lon
    qtbot.keyClick(panel, Qt.Key.Key_0)
    assert panel._view == CITY_VIEW


def test_a_mark_is_opened_by_a_click(panel: MapPanel, seat: Seat, qtbot: QtBot) -> None:
    incident = row("a", village=seat.village("Halong"))
    panel.show_board((incident,))
    opened: list[bytes] = []
    panel.opened.connect(opened.append)
    point: QPointF = panel.marks()[0][1]
    qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=QPoint(round(point.x()), round(point.y())))
    assert opened == [incident.uid]


@pytest.mark.promise("U6")
def test_the_map_is_read_out_and_says_what_it_lacks(panel: MapPanel, seat: Seat) -> None:
    panel.show_board((row("a", village=seat.village("Halong")),))
    face = QAccessible.queryAccessibleInterface(panel)
    said = face.text(QAccessible.Text.Description)
    assert face.text(QAccessible.Text.Name) == "Peta"
    assert "Pohon tumbang, Halong" in said and "tanpa paket peta" in said
