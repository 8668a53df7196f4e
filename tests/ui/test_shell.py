"""The window as a whole: zones, nothing clipped, the honest bar, no waiting on the screen's thread, errors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat
from tests.ui.screen import Screen
from ui.bridge import Bridge
from ui.grid import zones
from ui.theme import SCALES, Theme
from ui.widgets.basic import Button, Chip, Label
from workstation.crash import Crash
from workstation.domain.rows import LinkStatus
from workstation.log import Ring

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


# ---------------------------------------------------------------- U4
@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the screen's thread did that may block: files, sockets, databases, waiting for a future, searching."""
    told: list[str] = []
    state = {"on": True}

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if not state["on"] or threading.current_thread() is not threading.main_thread():
            return
        if event in (
            "open",
            "sqlite3.connect",
            "socket.connect",
            "socket.getaddrinfo",
            "subprocess.Popen",
            "os.listdir",
        ):
            path = str(arguments[0]) if arguments else ""
            if not path.endswith((".py", ".pyc", ".so")) and "__pycache__" not in path:
                told.append(f"{event} {path}")

    real = Future.result

    def result(self: Future[Any], timeout: float | None = None) -> Any:
        if state["on"] and threading.current_thread() is threading.main_thread() and not self.done():
            told.append("waited for a future")
        return real(self, timeout)

    sys.addaudithook(audit)
    monkeypatch.setattr(Future, "result", result)
    yield told
    state["on"] = False  # an audit hook can't be taken out again


@pytest.mark.promise("U4")
def test_nothing_on_the_screens_thread_can_block(
    screen: Screen, guarded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typing, searching places, types, notes and a page change: no file, no socket, no database, no waiting."""
    searched: list[threading.Thread] = []
    gazetteer = screen.seat.desk.gazetteer
    real = gazetteer.match

    def match(*arguments: Any) -> Any:
        searched.append(threading.current_thread())
        return real(*arguments)

    monkeypatch.setattr(type(gazetteer), "match", lambda self, *a: match(*a))
    offer = screen.ring()  # the engine's side; the record is written by the test, which may wait
    monkeypatch.setattr(screen, "settle", screen.quiet)  # the test's own waiting is not the screen's
    guarded.clear()
    screen.line((screen.rings[offer],))
    screen.line((), offer)
    screen.type("batu m")
    screen.enter()
    screen.settle()
    screen.type("depan SD")
    screen.enter()
    screen.type("bk")
    screen.settle()
    screen.type("api")
    screen.enter()
    screen.settle()
    screen.ctrl(Qt.Key.Key_Return)
    screen.settle()
    screen.key(Qt.Key.Key_F1)
    screen.window.grab()
    assert guarded == []
    assert searched
    assert threading.main_thread() not in searched


@pytest.mark.promise("U4")
def test_the_guard_would_notice(guarded: list[str], tmp_path: Any) -> None:
    (tmp_path / "x.txt").write_text("x")
    assert any(line.startswith("open") for line in guarded)


@pytest.mark.promise("U4")
def test_a_tick_repaints_only_the_clocks_that_changed(screen: Screen) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    window = screen.window
    ribbon = window.ribbon
    assert ribbon.isVisible()
    painted: list[str] = []
    quiet = (window.desk_page.form, window.rail, window.desk_page.map, window.status)
    watch = Watch(painted)
    for part in quiet:
        part.installEventFilter(watch)
    QApplication.processEvents()
    painted.clear()
    before = ribbon.repaints
    for _ in range(9):  # less than a second: no digit changes
        screen.seat.clock.advance(10)
        window.ticker.beat()
        QApplication.processEvents()
    steady = ribbon.repaints - before
    screen.seat.clock.advance(1000)
    window.ticker.tick.emit(screen.seat.clock.now_ms())
    QApplication.processEvents()
    running = sum(1 for stage in ribbon.shown() if stage.running)
    assert steady <= running, "nothing that did not change is painted again"
    assert 1 <= ribbon.repaints - before - steady <= running + 1
    assert [name for name in painted if name != "StatusBar"] == []
    for part in quiet:
        part.removeEventFilter(watch)


class Watch(QWidget):
    """Notes which widget is painted."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self.told = told

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == event.Type.Paint:
            self.told.append(type(watched).__name__)
        return False


@pytest.mark.promise("U4")
def test_one_timer_ten_times_a_second(screen: Screen) -> None:
    timers = [timer for timer in screen.window.findChildren(QTimer) if timer.isActive() and not timer.isSingleShot()]
    assert [timer.interval() for timer in timers] == [100]


# ---------------------------------------------------------------- U5
@pytest.mark.promise("U5")
@pytest.mark.expected_log("the screen made an error")
@pytest.mark.qt_no_exception_capture
def test_an_error_of_the_screen_is_told_the_form_saved_and_the_call_left_up(screen: Screen) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    screen.type("depan SD")
    form = screen.window.desk_page.form
    form.draft._timer.stop()  # whatever would have written it by and by: the error itself must save
    assert "landmark" in form.draft.dirty

    def breaks() -> None:
        raise RuntimeError("a slot went wrong")

    QTimer.singleShot(0, breaks)
    screen.until(lambda: screen.window.trouble.isVisible())
    trouble = screen.window.trouble
    assert "percakapan tetap tersambung" in trouble.head.text()
    assert "a slot went wrong" in trouble.under.text()
    assert "telepon dan data tidak ikut berhenti" in trouble.under.text()
    screen.settle()
    assert screen.value("landmark") == "depan SD", "what was typed is in the record"
    assert screen.seat.line.asked == [], "nothing was asked of the line"
    assert form.landmark.text() == "depan SD"
    screen.type("!")
    screen.settle()
    assert screen.value("landmark") == "depan SD!", "one can go on typing"
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [("hang_up",)]


@pytest.mark.promise("U5")
@pytest.mark.expected_log("the screen made an error", "could not be saved after an error")
@pytest.mark.qt_no_exception_capture
def test_an_error_while_saving_after_an_error_ends(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    alarm = screen.window.alarm

    def broken() -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(alarm, "_save", broken)
    error = RuntimeError("first")
    alarm._caught(RuntimeError, error, None)
    screen.until(lambda: screen.window.trouble.isVisible())
    assert alarm.caught == [error]


@pytest.mark.promise("U5")
@pytest.mark.expected_log("the screen made an error", "unexpected, in the main thread")
@pytest.mark.qt_no_exception_capture
def test_an_error_of_the_screen_is_in_the_crash_file_once(
    qtbot: QtBot, seat: Seat, bridge: Bridge, theme: Theme, tmp_path: Path
) -> None:
    file = tmp_path / "last-crash.txt"
    told: list[str] = []
    guard = Crash(file, Ring(), seat.clock, told.append)
    guard.install()
    try:
        screen = Screen(qtbot, seat, bridge, theme)  # as the desk starts: the crash file's hook first

        def breaks() -> None:
            raise RuntimeError("a slot went wrong")

        for _ in range(2):
            QTimer.singleShot(0, breaks)
        screen.until(lambda: screen.window.trouble.isVisible() and len(screen.window.alarm.caught) == 2)
        assert told == ["RuntimeError: a slot went wrong"]
        assert "in the main thread: RuntimeError: a slot went wrong" in file.read_text(encoding="utf-8")
        assert screen.window.isVisible(), "the program goes on"
        screen.close()
    finally:
        guard.remove()


@pytest.mark.promise("U5")
def test_the_windows_going_gives_the_hook_back(screen: Screen) -> None:
    before = screen.window.alarm._before
    assert sys.excepthook == screen.window.alarm._caught
    screen.window.close()
    assert sys.excepthook is before
