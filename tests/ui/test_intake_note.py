"""The note line: what is typed there is kept while it is typed, and only ever added."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from tests.screens.seat import done
from tests.ui.screen import Hand, Screen
from workstation.service import unfinished


@pytest.mark.promise("U1")
def test_a_note_typed_without_a_pause_is_kept_while_it_goes_on(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_C)
    hand, line = Hand(screen), ""
    while not hand.without_a_pause(line) and hand.timer.elapsed() < 30_000:
        hand.press("a")
        found = done(screen.seat.desk.kept(unfinished.KEPT_AS, ""))
        line = str(json.loads(found)[2]) if found else ""
    assert hand.without_a_pause(line), "in half a minute of typing nothing was kept"


@pytest.mark.promise("U1", "M5")
def test_notes_are_only_added_each_with_its_time(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_C)
    screen.type("api dari dapur")
    screen.enter()
    screen.settle()
    screen.seat.clock.advance(9000)
    screen.type("dua orang di atas")
    screen.key(Qt.Key.Key_Backtab)
    screen.settle()
    notes = screen.incident().notes
    assert [note.text for note in notes] == ["api dari dapur", "dua orang di atas"], "leaving the line adds it"
    assert notes[1].at - notes[0].at >= 9000
    form = screen.window.desk_page.form
    assert form.note.text() == ""
    assert form.notes.lines.rowCount() == 2
