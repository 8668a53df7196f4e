"""What a key does belongs to the call it was pressed on, however late the disk answers and whoever is on the line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt

from tests.screens.seat import done
from tests.ui.screen import Screen
from workstation.domain.ids import Uid
from workstation.domain.rows import PhoneState
from workstation.service import calls

Deed = Callable[..., Future[Any]]


class Slow:
    """A desk's deed that is done at once and said to be done when the test lets it."""

    def __init__(self, deed: Deed) -> None:
        self.deed, self.answer, self.real = deed, Future[Any](), None

    def __call__(self, *given: Any) -> Future[Any]:
        self.real = self.deed(*given)
        return self.answer

    def let(self) -> None:
        assert self.real is not None, "the deed was not asked for"
        self.answer.set_result(self.real.result(30))


def slow(monkeypatch: pytest.MonkeyPatch, name: str) -> Slow:
    made = Slow(getattr(calls, name))
    monkeypatch.setattr(calls, name, made)
    return made


def word(screen: Screen, ringing: tuple[Uid, ...] = (), talking: Uid | None = None) -> None:
    """The line's word while an answer is still out: everything else has settled."""
    state = screen.window.session.state
    assert state is not None
    rings = tuple(screen.rings[offer] for offer in ringing)
    heard: PhoneState = replace(state, ringing=rings, talking=talking, talking_since_at=screen.seat.clock.now_ms())
    screen.bridge.tell_phone(heard)
    screen.until(lambda: screen.window.session.state is heard)


def next_call(screen: Screen) -> Uid:
    """The caller hangs up, another rings and is answered."""
    offer = screen.ring("081300008804")
    word(screen)
    word(screen, (offer,))
    word(screen, (), offer)
    assert screen.window.session.offer == offer
    return offer


@pytest.mark.promise("U7")
def test_a_late_answer_types_nothing_of_the_next_call(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    first = screen.talking()
    late = slow(monkeypatch, "classify")
    screen.key(Qt.Key.Key_F5)
    monkeypatch.undo()
    second = next_call(screen)
    late.let()
    screen.settle()
    session = screen.window.session
    assert (session.noise, screen.window.undo.running) == ("", False)
    assert screen.call_type(first) == "prank"
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    assert screen.seat.line.asked == [], "the first press never hangs up"
    assert screen.call_type(second) == "prank"


@pytest.mark.promise("U7")
def test_a_late_answer_still_gives_the_way_back_of_the_call_that_has_ended(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = screen.talking()
    late = slow(monkeypatch, "classify")
    screen.key(Qt.Key.Key_F6)
    monkeypatch.undo()
    word(screen)
    screen.window.session.close()
    late.let()
    screen.settle()
    assert screen.window.undo.isVisible()
    screen.ctrl(Qt.Key.Key_Z)
    screen.settle()
    assert screen.call_type(offer) == ""
    assert not screen.window.undo.isVisible()


@pytest.mark.promise("U7")
def test_noise_of_the_call_before_hangs_nobody_up(screen: Screen) -> None:
    """Typed, ended, and the next is answered while the type can still be taken back."""
    first = screen.talking()
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    screen.ended(first)
    second = screen.ringing("112")  # one who can't be called back
    screen.answered(second)
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [], "asks for a second press: this call is no noise"
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    assert screen.seat.line.asked == []
    assert screen.call_type(second) == "prank"
    screen.key(Qt.Key.Key_F5)
    assert screen.seat.line.asked == [("hang_up",)]


@pytest.mark.promise("U7")
def test_a_call_after_noise_has_its_wrap_up(screen: Screen) -> None:
    first = screen.talking()
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    screen.ended(first)
    second = screen.ringing("081300008804")
    screen.answered(second)
    screen.ended(second)
    assert (screen.window.session.phase, screen.window.session.offer) == ("wrap_up", second)


@pytest.mark.promise("U7")
def test_the_way_back_of_the_call_before_leaves_the_clock_of_this_one(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = screen.talking()
    screen.key(Qt.Key.Key_F6)
    screen.settle()
    screen.ended(first)
    late = slow(monkeypatch, "take_back")
    screen.ctrl(Qt.Key.Key_Z)
    monkeypatch.undo()
    second = screen.ring("081300008804")
    done(calls.classify(screen.seat.desk, second, "report"))
    word(screen, (second,))
    word(screen, (), second)
    session = screen.window.session
    screen.until(lambda: session.gate_at is not None)
    at = session.gate_at
    screen.seat.clock.advance(5000)
    late.let()
    screen.settle()
    assert screen.call_type(first) == ""
    assert not screen.window.undo.isVisible()
    assert session.gate_at == at


@pytest.mark.promise("U7")
def test_a_late_way_back_leaves_the_one_of_this_call(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    first = screen.talking()
    screen.key(Qt.Key.Key_F6)
    screen.settle()
    late = slow(monkeypatch, "take_back")
    screen.ctrl(Qt.Key.Key_Z)
    monkeypatch.undo()
    second = next_call(screen)
    screen.key(Qt.Key.Key_F5)
    screen.until(lambda: screen.window.session.noise == "prank")
    late.let()
    screen.settle()
    assert screen.window.undo.isVisible()
    screen.ctrl(Qt.Key.Key_Z)
    screen.settle()
    assert (screen.call_type(first), screen.call_type(second)) == ("", "")


@pytest.mark.promise("U7")
def test_a_press_that_was_asked_for_twice_counts_for_its_own_call_alone(screen: Screen) -> None:
    first = screen.talking("112")
    screen.key(Qt.Key.Key_F12)
    assert screen.window.trouble.kind == "ask"
    screen.ended(first)
    second = screen.ringing("113")
    assert screen.window.session.offer == first, "the first is being wrapped up"
    screen.answered(second)
    assert screen.window.session.identity == "no_sim"
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == []
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [("hang_up",)]
