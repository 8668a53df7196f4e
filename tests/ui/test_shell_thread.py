"""The screen's thread: nothing on it waits, one timer beats, and a beat repaints what changed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from tests.screens.seat import KEY
from tests.ui.screen import Screen
from workstation.store.cipher import dbapi2
from workstation.store.database import open_for_reading


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the screen's thread did that may block: files, sockets, the record, waiting for a future, searching.

    Before `screen` in a test's arguments, so that the record is opened under its eyes.
    """
    told: list[str] = []
    state = {"on": True}

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if not state["on"] or threading.current_thread() is not threading.main_thread():
            return
        if event in (
            "open",
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

    connects = dbapi2.connect

    class Told(dbapi2.Connection):  # type: ignore[misc]
        """The record's connection: the library raises no event that a hook could hear."""

        def execute(self, *arguments: Any) -> Any:
            note(arguments[0])
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> Any:
            note(arguments[0])
            return super().executemany(*arguments)

    def note(sql: str) -> None:
        if state["on"] and threading.current_thread() is threading.main_thread():
            told.append(f"asked the record: {sql}")

    monkeypatch.setattr(dbapi2, "connect", lambda *words, **more: connects(*words, factory=Told, **more))
    sys.addaudithook(audit)
    monkeypatch.setattr(Future, "result", result)
    yield told
    state["on"] = False  # an audit hook can't be taken out again


@pytest.mark.promise("U4")
def test_nothing_on_the_screens_thread_can_block(
    guarded: list[str], screen: Screen, monkeypatch: pytest.MonkeyPatch
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
def test_the_guard_would_notice(guarded: list[str], screen: Screen, tmp_path: Path) -> None:
    def told(act: Callable[[], object]) -> list[str]:
        guarded.clear()
        with suppress(TimeoutError):
            act()
        return list(guarded)

    asked = "select count(*) from op"
    assert told(lambda: (tmp_path / "x.txt").write_text("x")) == [f"open {tmp_path / 'x.txt'}"]
    with closing(open_for_reading(tmp_path / "meja-3.db", KEY)) as db:
        assert told(lambda: db.execute(asked)) == [f"asked the record: {asked}"]
    assert told(lambda: Future[None]().result(0)) == ["waited for a future"]
    assert told(lambda: screen.seat.store.read(lambda db: db.execute(asked))) == [], "a reader's own thread may ask"


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
