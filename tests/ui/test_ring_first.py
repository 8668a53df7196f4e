"""A ring: first its bar, at once; then the form, painted once, with what the record knows of the call."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QWidget

from tests.ui.screen import Screen
from workstation.domain.rows import CallRow, PhoneState, RingView
from workstation.domain.sentence import NOTHING


class Painted(QObject):
    """What a widget knew each time it was painted."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self.screen = screen
        self.ring: list[bool] = []  # whether the form stood already
        self.form: list[CallRow | None] = []
        self._parts: list[QWidget] = [screen.window.ring, screen.window.desk_page.form]
        for part in self._parts:
            part.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            if watched is self.screen.window.ring:
                self.ring.append(self.screen.window.busy)
            else:
                self.form.append(self.screen.window.desk_page.form.call)
        return False


def heard(ring: RingView) -> PhoneState:
    return PhoneState(
        "registered", NOTHING, True, (ring,), None, None, False, False, "Headset", "Headset", False, 0.4, 0.8
    )


@pytest.mark.promise("P2", "U4")
def test_the_form_of_a_ring_is_first_painted_with_what_the_record_knows(screen: Screen) -> None:
    painted = Painted(screen)
    screen.window.line._form.setInterval(600_000)  # the record's word alone opens it
    offer = screen.ring()
    screen.settle()
    screen.bridge.tell_phone(heard(screen.rings[offer]))
    screen.until(lambda: bool(painted.form))
    call = painted.form[0]
    assert call is not None
    assert call.offer == offer
    assert screen.window.busy


@pytest.mark.promise("P2", "U4")
def test_the_bar_waits_for_no_record_and_the_form_not_for_long(screen: Screen) -> None:
    painted = Painted(screen)
    offer, at = screen.seat.ids.uid(), screen.seat.clock.now_ms()
    screen.bridge.tell_phone(heard(RingView(offer, "081200004417", "", "112", "number", at)))
    screen.until(lambda: bool(painted.form))
    assert painted.ring[0] is False
    assert screen.window.desk_page.form.isVisible()
    assert screen.window.desk_page.form.call is None


@pytest.mark.promise("P2", "U4")
def test_an_answer_does_not_wait_for_the_form(screen: Screen) -> None:
    offer = screen.ring()
    screen.settle()
    screen.bridge.tell_phone(heard(screen.rings[offer]))
    screen.until(lambda: not screen.window.ring.isHidden())
    screen.answered(offer)
    assert screen.window.busy
    assert screen.focus is screen.window.desk_page.form.village
    screen.key(Qt.Key.Key_B)
    assert screen.window.desk_page.form.village.text() == "b"


@pytest.mark.promise("P2", "U4")
def test_a_ring_that_ends_at_once_leaves_no_form_behind(screen: Screen) -> None:
    offer = screen.ring()
    screen.settle()
    screen.bridge.tell_phone(heard(screen.rings[offer]))
    screen.until(lambda: not screen.window.ring.isHidden())
    screen.ended(offer, "cancelled")
    screen.qtbot.waitUntil(lambda: not screen.window.line._form.isActive(), timeout=5000)
    assert not screen.window.busy
    assert screen.window.ring.isHidden()
