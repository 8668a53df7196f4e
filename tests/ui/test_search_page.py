"""The search page on a real record: rows as one types, marked words, Enter opens, Esc closes, nobody else's words."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt

from tests.screens.seat import done
from tests.ui.screen import Screen
from ui import i18n
from ui.search.page import SearchPage
from workstation.domain.ids import Uid
from workstation.domain.rows import FoundPiece, FoundRow
from workstation.service import intake, search, views
from workstation.service.desk import Edit

CTRL = Qt.KeyboardModifier.ControlModifier


def told(screen: Screen, **values: object) -> Uid:
    desk = screen.seat.desk
    incident = desk.ids.uid()
    done(intake.open_incident(desk, incident, b""))
    done(intake.edit(desk, incident, {name: Edit(value) for name, value in values.items()}))
    return incident


@pytest.fixture
def page(screen: Screen) -> SearchPage:
    screen.seat.sit("operator")
    screen.window.refresh_keys()
    screen.key(Qt.Key.Key_F, CTRL)
    screen.settle()
    made = screen.window.pages["search"]
    assert screen.window.page == "search" and isinstance(made, SearchPage)
    assert made.line.hasFocus(), "one key, then words"
    return made


def typed(screen: Screen, page: SearchPage, words: str) -> list[FoundRow]:
    page.line.clear()
    screen.type(words)
    screen.until(lambda: not page.waiting)
    screen.settle()
    model = page.table.rows
    return [item for n in range(model.rowCount()) if isinstance(item := model.item(n), FoundRow)]


def said(page: SearchPage, row: int, key: str) -> str:
    model = page.table.rows
    column = next(n for n, c in enumerate(model.columns) if c.key == key)
    return str(model.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole))


@pytest.mark.promise("D4", "U2")
def test_rows_come_as_one_types_newest_first_and_enter_opens_the_incident(screen: Screen, page: SearchPage) -> None:
    old = told(screen, type="structure_fire", landmark="Gereja Silo")
    new = told(screen, landmark="Gereja Maranatha")
    assert [row.uid for row in typed(screen, page, "gereja")] == [new, old]
    assert [row.uid for row in typed(screen, page, "gereja kebak")] == [old]
    assert said(page, 0, "words") == "jenis: Kebakaran bangunan; patokan: Gereja Silo"
    i18n.use("en")
    assert said(page, 0, "words") == "type: Building fire; landmark: Gereja Silo"
    assert page.told.text() == "1 incident" and page.line.placeholderText() == "words, number, type or place"
    screen.key(Qt.Key.Key_Return)
    screen.settle()
    assert screen.window.page == "desk"
    assert screen.window.desk_page.form.draft.incident == old


@pytest.mark.promise("U2")
def test_arrows_walk_the_rows_from_the_field_and_esc_goes_back(screen: Screen, page: SearchPage) -> None:
    old, new = told(screen, landmark="Silo satu"), told(screen, landmark="Silo dua")
    typed(screen, page, "silo")
    assert page.table.current_key() == new
    screen.key(Qt.Key.Key_Down)
    assert page.table.current_key() == old and page.line.hasFocus()
    screen.key(Qt.Key.Key_Down)
    screen.key(Qt.Key.Key_Up)
    assert page.table.current_key() == new
    screen.key(Qt.Key.Key_Escape)
    screen.settle()
    assert screen.window.page == "desk"


def test_marks_are_the_words_and_codes_are_named(page: SearchPage) -> None:
    words = page.words
    piece = FoundPiece("landmark", "Gereja Silo lama", ((7, 11),))
    assert words.parts(piece) == (("Gereja ", False), ("Silo", True), (" lama", False))
    assert words.parts(FoundPiece("type", "structure_fire", ())) == (("Kebakaran bangunan", True),)
    assert words.parts(FoundPiece("landmark", "silo", ((0, 4),))) == (("silo", True),)


def test_nothing_found_and_nothing_typed_are_said(screen: Screen, page: SearchPage) -> None:
    assert page.told.text().startswith("Ketik kata")
    assert typed(screen, page, "tidakada") == []
    assert page.told.text() == "Tidak ada kejadian dengan semua kata ini."
    assert page.table.isHidden()


@pytest.mark.promise("D6")
def test_another_person_finds_an_empty_page_and_it_says_who_may_search(screen: Screen, page: SearchPage) -> None:
    told(screen, landmark="Silo")
    assert typed(screen, page, "silo")
    screen.window.show_page("desk")
    screen.seat.sit("it")
    person = screen.seat.desk.person
    assert person is not None
    screen.seat.desk.person = type(person)(b"q" * 16, "it1", "IT 1", "it", "Meja 3", 1)
    screen.window.show_page("search")
    screen.settle()
    assert page.line.text() == "" and page.table.rows.rowCount() == 0
    assert not page.line.isEnabled() and page.told.text().startswith("Pencarian untuk operator")


@pytest.mark.promise("U4", "D4")
def test_the_screen_waits_for_no_search_and_a_key_gives_the_older_one_up(
    screen: Screen, page: SearchPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = told(screen, landmark="Silo")
    real, threads, stopped = search.find, [], []
    go = threading.Event()

    def slow(db, text, named, limit, stop):  # type: ignore[no-untyped-def]
        threads.append(threading.current_thread().name)
        if text == "si":
            assert go.wait(10)
            stopped.append(stop())
        return real(db, text, named, limit, stop)

    monkeypatch.setattr(search, "find", slow)
    screen.type("si")
    screen.until(lambda: len(threads) == 1)
    screen.type("l")  # the screen takes keys while the search is at work
    go.set()
    screen.until(lambda: not page.waiting)
    assert threads == ["store-search"] * 2 and stopped == [True]
    assert [row.uid for row in page.rows] == [incident]
    looks = [line.about for line in done(screen.seat.store.read(views.access_log)) if line.view == "search"]
    assert looks == ["sil"], "what was given up was shown to nobody"
