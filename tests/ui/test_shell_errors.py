"""An error of the screen: told, the form saved, the call left up, the crash file written once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat
from tests.ui.screen import Screen
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.crash import Crash
from workstation.log import Ring


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
