"""What the window does when a part of it fails: the phone comes first, then everything else, once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.screen import Screen
from ui.main_window import MainWindow
from workstation import app
from workstation.settings import Settings, StoreSettings


def once(real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, but its first call fails."""
    broken = [True]

    def part(*args: Any, **more: Any) -> Any:
        if broken:
            broken.clear()
            raise RuntimeError("a part that fails once")
        return real(*args, **more)

    return part


@pytest.mark.promise("U5", "P2")
@pytest.mark.expected_log("the screen made an error")
@pytest.mark.qt_no_exception_capture
@pytest.mark.parametrize("part", ["ring.show_ring", "ribbon.show_stages", "strip.show_state", "lay_out"])
def test_f2_answers_whatever_of_the_ring_can_not_be_shown(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    window = screen.window
    *names, name = part.split(".")
    owner = getattr(window, names[0]) if names else window
    monkeypatch.setattr(owner, name, once(getattr(owner, name)))
    offer = screen.ring()
    screen.line((screen.rings[offer],))
    screen.until(lambda: bool(window.alarm.caught))
    assert window.deeds.made["answer"].isEnabled(), "F2 answers at once"
    window.ticker.second.emit(screen.seat.clock.now_ms())
    assert window.ring.isVisible() and window.ring.ring is not None, "a second later the ring is shown"


@pytest.mark.promise("U5")
@pytest.mark.expected_log("the screen made an error")
@pytest.mark.qt_no_exception_capture
def test_a_page_that_can_not_be_made_leaves_the_window_as_it_is(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = screen.window
    made: list[str] = []
    real = window.make_page

    def make(name: str) -> Any:
        made.append(name)
        if name == "calls" and made.count("calls") < 2:
            raise RuntimeError("no such page")
        return real(name)

    monkeypatch.setattr(window.pages, "_make", make)
    window.deeds.made["page_calls"].trigger()
    screen.until(lambda: window.trouble.isVisible())
    window.ticker.beat()
    window.lay_out()
    assert (window.page, made) == ("desk", ["calls"]), "it is not tried again by itself"
    assert "percakapan tetap tersambung" in window.trouble.head.text()
    screen.ringing()
    assert window.deeds.made["answer"].isEnabled()
    window.deeds.made["page_calls"].trigger()
    assert window.page == "calls" and window.pages["calls"].isVisible(), "asked for again, it is tried again"


@pytest.mark.promise("U5")
@pytest.mark.qt_no_exception_capture
@pytest.mark.expected_log("the screen made an error")
def test_a_page_that_could_not_be_connected_is_made_anew(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    window = screen.window
    monkeypatch.setattr(window.pages, "_told", once(window.page_made))
    window.deeds.made["page_map"].trigger()
    assert window.page == "desk" and not window.pages.made("map")
    window.deeds.made["page_map"].trigger()
    assert window.page == "map"


@pytest.mark.promise("U4")
def test_pages_are_made_ahead_while_nobody_is_on_the_line(screen: Screen) -> None:
    window = screen.window
    others = ("calls", "board", "map", "shift", "unsent", "check")
    screen.ringing()
    window.complete()
    window._make_one_more()
    assert not any(window.pages.made(name) for name in others), "not while it rings"
    screen.line()
    screen.settle()
    screen.until(lambda: all(window.pages.made(name) for name in others))
    screen.until(lambda: not window._spare.isActive())
    assert window.page == "desk" and window.desk_page.isVisible(), "none of them is shown"


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    "fails",
    [
        "",
        pytest.param("complete", marks=pytest.mark.expected_log("the screen made an error")),
        pytest.param("told", marks=pytest.mark.expected_log("the screen made an error")),
    ],
)
@pytest.mark.qt_no_exception_capture
def test_the_phone_starts_whatever_the_screen_can_not_do(
    qtbot: QtBot, qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    started: list[app.Desktop] = []
    told: list[str] = []
    monkeypatch.setattr(app.Desktop, "start", lambda desktop: started.append(desktop))
    monkeypatch.setattr("sys.excepthook", lambda *_: None)

    def breaks(*_: object) -> None:
        raise RuntimeError("no form today")

    if fails == "complete":
        monkeypatch.setattr(MainWindow, "complete", breaks)
    settings = Settings(store=StoreSettings(folder=str(tmp_path), key="file"))
    shown = app.open_window(settings, breaks if fails == "told" else told.append)
    monkeypatch.setattr(shown.window.alarm, "arm", lambda: None)
    try:
        qtbot.waitUntil(lambda: started == [shown.desktop])
        assert told == {"": ["first_frame", "form_ready"], "complete": ["first_frame"], "told": []}[fails]
        qtbot.waitUntil(lambda: shown.window.bridge.waiting == 0)
    finally:
        shown.close()


@pytest.mark.promise("D1")
def test_an_unencrypted_record_is_said_on_every_page(screen: Screen) -> None:
    status = screen.window.status
    assert status.w_plain.isHidden()
    status.show_plain(True)
    assert status.w_plain.isVisible() and "tidak terenkripsi" in status.w_plain.text
