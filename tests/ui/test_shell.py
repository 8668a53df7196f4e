"""The window as a whole: zones, nothing clipped, the honest bar."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QLabel, QWidget

from tests.ui.screen import Screen
from ui.grid import zones
from ui.theme import SCALES, Theme
from ui.widgets.basic import Button, Chip, Label
from workstation.domain.rows import LinkStatus

SIZES = ("1366x768", "1920x1080")


# ---------------------------------------------------------------- U1: the grid
@pytest.mark.promise("U1")
@pytest.mark.parametrize("size", SIZES)
def test_zones_lie_exactly_on_the_grid(size: str) -> None:
    theme = Theme("night")
    width, height = (int(part) for part in size.split("x"))
    grid = zones(width, height)
    names = {"A": "a", "B": "b", "C": "c"}
    for name, box in theme.tokens["zones"][size].items():
        assert list(getattr(grid, names.get(name, name)).getRect()) == box, name
    assert grid.ring == grid.strip.united(grid.clocks)


@pytest.mark.promise("U1")
def test_a_taskbar_costs_the_board_one_row() -> None:
    assert zones(1366, 768).board_rows - zones(1366, 728).board_rows == 1
    assert zones(1366, 728).a.height() >= 436


@pytest.mark.promise("U1")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(1366, 768), (1366, 728), (1920, 1080), (1024, 640)])
def test_zones_never_overlap_at_any_text_size(size: tuple[int, int], scale: float) -> None:
    grid = zones(*size, scale)
    boxes = [grid.rail, grid.strip, grid.clocks, grid.status, grid.a]
    boxes += [grid.b] if grid.columns > 1 else []
    boxes += [grid.c, grid.board] if grid.columns == 3 else []
    window = QRect(0, 0, *size)
    for n, one in enumerate(boxes):
        assert window.contains(one), one
        assert [other for other in boxes[n + 1 :] if one.intersects(other)] == []


@pytest.mark.promise("U1")
def test_the_parts_of_a_call_stand_in_their_zones(screen: Screen) -> None:
    screen.talking()
    window = screen.window
    page, grid = window.desk_page, zones(1366, 768)
    placed = {
        "a": page.form, "b": page.column_b, "board": page.board, "strip": window.strip, "status": window.status,
        "rail": window.rail,
    }  # fmt: skip
    for zone, part in placed.items():
        assert part.isVisible()
        box = QRect(part.mapTo(window, part.rect().topLeft()), part.size())
        assert box == getattr(grid, zone), zone
    right = page.map.geometry().united(page.similar.geometry()).translated(page.pos())
    assert right == grid.c
    covered = QRegion()
    for part in (*placed.values(), window.gate, page.map, page.similar):
        covered += QRect(part.mapTo(window, part.rect().topLeft()), part.size())
    assert covered.boundingRect() == QRect(0, 0, 1366, 768)


def clipped(window: QWidget) -> list[str]:
    """Texts that want more room than they have; those told to shorten themselves are not meant."""
    found = []
    for label in window.findChildren(QLabel):
        if not label.isVisible() or not label.text() or label.wordWrap() or getattr(label, "_elide", False):
            continue
        if label.sizePolicy().horizontalPolicy() == label.sizePolicy().Policy.Ignored:
            continue
        if label.sizeHint().width() > label.width() + 1 or label.sizeHint().height() > label.height() + 1:
            found.append(f"{label.text()!r} wants {label.sizeHint()}, has {label.size()}")
    for button in (*window.findChildren(Button), *window.findChildren(Chip)):
        if button.isVisible() and (
            button.sizeHint().width() > button.width() or button.sizeHint().height() > button.height()
        ):
            found.append(f"{button.word()!r} wants {button.sizeHint()}, has {button.size()}")
    return found


def beyond(window: QWidget) -> list[str]:
    """Controls that reach out of the parent that shows them (scrolled ones are reached by scrolling)."""
    found = []
    for part in (*window.findChildren(Button), *window.findChildren(Label), *window.findChildren(Chip)):
        inside = part.parentWidget()
        if (
            part.isVisible()
            and inside is not None
            and not inside.rect().adjusted(-1, -1, 1, 1).contains(part.geometry())
        ):
            found.append(f"{part.accessibleName() or part} at {part.geometry()} in {inside.rect()}")
    return found


@pytest.mark.promise("U1", "U3")
@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 2.0])
def test_no_text_of_the_desk_is_clipped(screen: Screen, scale: float, language: str) -> None:
    from ui import i18n

    i18n.use(language)
    screen.theme.use(scale=scale)
    screen.settle()
    page = screen.window.desk_page
    shells = (screen.window.strip, screen.window.ring, screen.window.gate, screen.window.status, screen.window.undo)

    def look() -> list[str]:
        parts = (*shells, page.form, page.column_b)
        return [line for part in parts if part.isVisible() for line in (*clipped(part), *beyond(part))]

    assert look() == [], "ready"
    offer = screen.ringing("112")
    assert look() == [], "ringing"
    screen.answered(offer)
    assert look() == [], "at the gate"
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    assert look() == [], "typing"
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    assert look() == [], "with agencies"


# ---------------------------------------------------------------- the honest bar
def down(now: int, unsent: int = 3) -> LinkStatus:
    return LinkStatus("down", now - 1_860_000, now - 1_860_000, "", unsent, now - 240_000, 12)


@pytest.mark.promise("U1")
def test_the_bar_says_what_is_not_on_the_server_and_never_lies_green(screen: Screen) -> None:
    now = screen.seat.clock.now_ms()
    word = screen.window.status.w_link
    screen.bridge.tell_link(down(now))
    screen.until(lambda: "putus" in word.text)
    assert word.text == "Server putus 31 mnt · 3 belum terkirim, tertua 4 mnt"
    assert word.token == "amber"
    screen.bridge.tell_link(LinkStatus("up", now, now, "hub", 2, now - 4000, 12))
    screen.until(lambda: "terhubung" in word.text)
    assert word.text == "Server terhubung · 2 belum terkirim, tertua 4 s"
    assert word.token == "text2", "connected is no promise: never green"
    screen.bridge.tell_link(LinkStatus("up", now, now, "hub", 0, None, 12, arriving=40))
    screen.until(lambda: "arsip" in word.text)
    assert word.text == "Server terhubung · Menerima arsip 40 %, catatan menyusul · 0 belum terkirim"
    screen.bridge.tell_link(LinkStatus("up", now, now, "hub", 0, None, 12, parted=("Meja 1",)))
    screen.until(lambda: "riwayat" in word.text)
    assert word.text == "Server terhubung · dua riwayat Meja 1 · 0 belum terkirim"
    assert word.token == "amber", "a desk whose calls do not come here is no small thing"
    screen.bridge.tell_link(LinkStatus("up", now, now, "hub", 0, None, 61_000))
    screen.until(lambda: screen.window.status.w_clock.isVisible())
    assert "61 s" in screen.window.status.w_clock.text


@pytest.mark.promise("U1")
def test_saved_is_said_only_after_the_commit(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    word = screen.window.status.w_saved
    assert word.text == "Belum ada yang diketik"
    screen.talking()
    held: list[Future[Any]] = []
    real = screen.seat.desk.together

    def slow(fn: Any) -> Future[Any]:
        future: Future[Any] = Future()
        held.append(future)
        return future

    monkeypatch.setattr(screen.seat.desk, "together", slow)
    screen.type("batu merah")
    screen.until(lambda: bool(held))
    screen.window._second(screen.seat.clock.now_ms())
    assert word.text == "Menyimpan"
    monkeypatch.setattr(screen.seat.desk, "together", real)
    for future in held:
        future.set_result(None)
    screen.settle()
    assert word.text.startswith("Tersimpan")
