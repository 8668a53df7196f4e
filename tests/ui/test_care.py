"""What is to be known of the record itself stands in the window until it is put right (promises D5, U1)."""

from __future__ import annotations

import pytest

from tests.ui.screen import Screen
from ui import i18n
from workstation.domain.sentence import NOTHING, say


@pytest.mark.promise("D5", "U1")
def test_a_record_to_be_seen_to_is_said_once_and_stays_in_the_status_bar(screen: Screen) -> None:
    window = screen.window
    assert not window.status.w_care.isVisible()
    window.bridge.tell_care(say("care.no_copy", n=4))
    screen.until(lambda: window.trouble.isVisible())
    assert "4 hari tanpa salinan" in window.trouble.accessibleName()
    assert window.status.w_care.isVisible() and "diperiksa" in window.status.w_care.text
    window.trouble.dismiss()
    assert window.status.w_care.isVisible(), "who has read it still sees that it is so"
    window.bridge.tell_care(say("care.damaged"))
    screen.until(lambda: "Pemeriksaan malam" in window.trouble.accessibleName())
    i18n.use("en")
    screen.until(lambda: "found damage" in window.trouble.accessibleName())
    window.bridge.tell_care(NOTHING)
    screen.until(lambda: not window.trouble.isVisible())
    assert not window.status.w_care.isVisible()


def test_another_trouble_is_not_taken_away_by_good_news(screen: Screen) -> None:
    window = screen.window
    window.trouble.tell("refused", "sesuatu")
    window.bridge.tell_care(NOTHING)
    screen.until(lambda: not window.status.w_care.isVisible())
    assert window.trouble.isVisible() and window.trouble.kind == "refused"
