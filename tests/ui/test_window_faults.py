"""What the window does when a part of it fails: the phone comes first, then everything else, once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.screen import Screen
from ui.at_line import TRIES
from ui.main_window import MainWindow
from workstation import app
from workstation.domain.rows import PhoneState, RingView
from workstation.domain.sentence import NOTHING
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


def unheard(screen: Screen) -> RingView:
    """A ring that only the line tells of: no news of the record will have it shown."""
    ring = RingView(screen.seat.ids.uid(), "081200004417", "", "112", "mobile", screen.seat.clock.now_ms())
    screen.bridge.tell_phone(
        PhoneState(
            "registered", NOTHING, True, (ring,), None, None, False, False, "Headset", "Headset", False, 0.4, 0.8
        )
    )
    screen.until(lambda: bool(screen.window.alarm.caught))
    return ring


@pytest.mark.promise("U5", "P2")
@pytest.mark.expected_log("the screen made an error")
@pytest.mark.qt_no_exception_capture
@pytest.mark.parametrize("part", ["ring.show_ring", "strip.show_state"])
def test_a_ring_that_could_not_be_shown_is_shown_a_second_later_though_the_record_has_not_heard_of_it(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    window = screen.window
    owner, name = getattr(window, part.split(".")[0]), part.split(".")[1]
    monkeypatch.setattr(owner, name, once(getattr(owner, name)))
    ring = unheard(screen)
    assert window.ring.ring is None, "it is not shown yet"
    window.ticker.second.emit(screen.seat.clock.now_ms())
    assert window.ring.isVisible() and window.ring.ring == ring


@pytest.mark.promise("U5")
@pytest.mark.expected_log("the screen made an error")
@pytest.mark.qt_no_exception_capture
def test_a_ring_that_can_never_be_shown_is_tried_for_some_seconds_only(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, tried = screen.window, [0]

    def breaks(*_: object) -> None:
        tried[0] += 1
        raise RuntimeError("a part that fails for ever")

    monkeypatch.setattr(window.ring, "show_ring", breaks)
    unheard(screen)
    first = tried[0]
    for _ in range(TRIES + 3):
        window.ticker.second.emit(screen.seat.clock.now_ms())
    assert tried[0] == first + TRIES
    assert window.deeds.made["answer"].isEnabled(), "F2 answers all the same"


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
