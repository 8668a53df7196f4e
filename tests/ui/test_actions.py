"""One table of actions: unique keys on every page, drawn as overlay, alive as shortcuts."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence

from tests.ui.screen import Screen
from ui.actions import BY_ID, PAGES, TABLE, Action, collisions
from ui.i18n import tr


@pytest.mark.promise("U2")
def test_no_key_means_two_things_on_one_page() -> None:
    assert collisions() == []


@pytest.mark.promise("U2")
def test_a_collision_would_be_found() -> None:
    twice = (*TABLE, Action("again", "Alt+L", "form", "desk"))
    assert collisions(twice) == [("where", "again")]
    elsewhere = (*TABLE, Action("again", "Alt+L", "form", "calls"))
    assert collisions(elsewhere) == []


@pytest.mark.promise("U2")
def test_every_action_is_alive_and_nothing_else_has_a_key(screen: Screen) -> None:
    """The table is the whole truth: each row has its handler, each shortcut of the window its row."""
    assert set(screen.window.deeds.made) == set(BY_ID)
    keys = {a.shortcut().toString() for a in screen.window.actions() if not a.shortcut().isEmpty()}
    assert keys == {QKeySequence(a.keys).toString() for a in TABLE}


@pytest.mark.promise("U2")
def test_f_keys_mean_what_the_look_says() -> None:
    meant = {
        "help": "F1", "answer": "F2", "hold": "F3", "mute": "F4", "prank": "F5", "silent": "F6", "wrong_number": "F7",
        "test": "F8", "information": "F9", "report": "F10", "hang_up": "F12",
    }  # fmt: skip
    assert {name: BY_ID[name].keys for name in meant} == meant
    assert "F11" not in {a.keys for a in TABLE}, "F11 is the guard between stay and hang up"


@pytest.mark.promise("U2")
def test_every_page_is_reached_by_its_digit(screen: Screen) -> None:
    for n, page in enumerate(PAGES):
        screen.key(Qt.Key(Qt.Key.Key_1.value + n), Qt.KeyboardModifier.AltModifier)
        screen.settle()
        assert screen.window.page == page
        assert screen.window.pages[page].isVisible()
        assert screen.window.rail.buttons[page].isChecked()


@pytest.mark.promise("U2")
def test_every_field_is_reached_by_its_letter(screen: Screen) -> None:
    screen.talking()
    form = screen.window.desk_page.form
    for letter, part in {
        "L": form.village, "P": form.landmark, "R": form.rt, "J": form.type, "O": form.counts["injured"],
        "T": form.callback, "N": form.caller_name, "C": form.note,
    }.items():  # fmt: skip
        screen.key(Qt.Key[f"Key_{letter}"], Qt.KeyboardModifier.AltModifier)
        assert screen.focus is part, letter
    for letter, row in {"H": form.hazards, "U": form.needs}.items():
        screen.key(Qt.Key[f"Key_{letter}"], Qt.KeyboardModifier.AltModifier)
        assert row.isAncestorOf(screen.focus), letter


@pytest.mark.promise("U2")
def test_the_overlay_is_drawn_from_the_table_and_covers_no_clock(screen: Screen) -> None:
    screen.talking()
    screen.key(Qt.Key.Key_F1)
    overlay, window = screen.window.overlay, screen.window
    assert overlay.isVisible()
    said = overlay.sheet.accessibleDescription()
    assert [a.id for a in TABLE if window.deeds.here(a.id) and f"{a.cap} {tr(a.key)}" not in said] == []
    assert not overlay.geometry().intersects(window.strip.geometry())
    assert not overlay.geometry().intersects(window.ribbon.geometry())
    screen.type("iseng")
    assert re.fullmatch(r"F5 Iseng", overlay.sheet.accessibleDescription())
    screen.key(Qt.Key.Key_F1)
    assert not overlay.isVisible()
    assert screen.focus is window.desk_page.form.village, "the focus is back where it was"


@pytest.mark.promise("U2")
def test_keys_are_off_where_they_do_nothing(screen: Screen) -> None:
    deeds = screen.window.deeds
    assert not deeds.possible("hang_up")
    assert not deeds.possible("prank")
    assert not deeds.possible("notify")
    screen.talking()
    assert deeds.possible("hang_up")
    assert deeds.possible("prank")
    screen.window.show_page("calls")
    assert not deeds.possible("where"), "Alt+L belongs to the desk's page"
    assert deeds.possible("hang_up"), "the line's keys work on every page"
