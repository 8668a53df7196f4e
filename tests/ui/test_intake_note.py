"""The note line: what is typed there is kept while it is typed, and only ever added."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QElapsedTimer, Qt
from PySide6.QtWidgets import QApplication

from tests.screens.seat import done
from tests.ui.screen import Screen
from workstation.service import unfinished


@pytest.mark.promise("U1")
def test_a_note_typed_without_a_pause_is_kept_while_it_goes_on(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_C)
    timer, found = QElapsedTimer(), ""
    timer.start()
    for _letter in range(60):
        next_at = timer.elapsed() + 50
        screen.type("a")
        while timer.elapsed() < next_at:
            QApplication.processEvents()
        found = done(screen.seat.desk.kept(unfinished.KEPT_AS, ""))
        if found:
            break
    assert found, "in three seconds of typing nothing was kept"
    line = json.loads(found)[2]
    assert line and not line.strip("a")


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
