"""Every control a person can reach has a name and a role, in both languages, on every page."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QScrollArea, QWidget

from tests.ui.screen import Screen
from ui import i18n
from ui.actions import PAGES, TABLE

PLAIN = (QAccessible.Role.Client, QAccessible.Role.NoRole)


def controls(window: QWidget) -> list[QWidget]:
    """What the keyboard or a pointer can act on and a reader must therefore name."""
    found = []
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or type(widget).__name__ in ("QScrollBar", "QWidget"):
            continue
        if isinstance(widget.parent(), QAbstractScrollArea) or isinstance(widget, QScrollArea):
            continue
        reached = widget.focusPolicy() != Qt.FocusPolicy.NoFocus or isinstance(widget, QAbstractButton)
        if reached:
            found.append(widget)
    return found


def nameless(window: QWidget) -> list[str]:
    found = []
    for widget in controls(window):
        face = QAccessible.queryAccessibleInterface(widget)
        name = face.text(QAccessible.Text.Name) if face is not None else ""
        if not name.strip():
            found.append(f"{type(widget).__module__}.{type(widget).__name__} in {type(widget.parent()).__name__}")
    return found


def roleless(window: QWidget) -> list[str]:
    found = []
    for widget in controls(window):
        face = QAccessible.queryAccessibleInterface(widget)
        own = type(widget).__name__ in ("CardSheet", "MapPanel", "RivalFrame")  # painted sheets, read by name
        if not own and (face is None or face.role() in PLAIN):
            found.append(type(widget).__name__)
    return found


@pytest.mark.promise("U6")
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_control_of_a_call_has_name_and_role(screen: Screen, language: str) -> None:
    i18n.use(language)
    screen.talking()
    assert nameless(screen.window) == []
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    assert len(controls(screen.window)) > 30
    assert nameless(screen.window) == []
    assert roleless(screen.window) == []


@pytest.mark.promise("U6")
@pytest.mark.parametrize("page", [*PAGES, "sign_in"])
def test_every_control_of_every_page_has_a_name(screen: Screen, page: str) -> None:
    screen.window.show_sign_in() if page == "sign_in" else screen.window.show_page(page)
    screen.settle()
    assert nameless(screen.window) == []


@pytest.mark.promise("U6")
def test_a_control_without_a_name_would_be_found(screen: Screen) -> None:
    screen.window.strip.b_hang.setAccessibleName("")
    screen.talking()
    screen.window.strip.b_hang.setAccessibleName("")
    assert any("Button" in line for line in nameless(screen.window))


@pytest.mark.promise("U6")
def test_state_is_said_with_the_name(screen: Screen) -> None:
    """A field says how well it matched, a button its key, the clocks whether they are over."""
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    window = screen.window
    assert window.desk_page.form.village.accessibleDescription() == "cocok penuh"
    assert window.strip.b_hang.accessibleDescription() == "F12"
    said = window.ribbon.accessibleDescription()
    assert "Lokasi" in said
    assert "tercapai" in said
    assert "Penelepon" in window.strip.caller.accessibleName()


@pytest.mark.promise("U6")
def test_tab_walks_the_form_in_reading_order(screen: Screen) -> None:
    screen.talking()
    form = screen.window.desk_page.form
    walked = [screen.focus]
    for _ in range(9):
        screen.key(Qt.Key.Key_Tab)
        walked.append(screen.focus)
    expected = [form.village, form.landmark, form.rt, form.rw, form.street, form.point, form.type]
    assert walked[:7] == expected
    # The four priorities are one stop, as a group of which one is chosen is; arrows move inside it.
    assert walked[7:] == [form.priority.buttons[1], form.counts["injured"], form.counts["dead"]]


@pytest.mark.promise("U6")
def test_every_action_has_words_in_both_languages() -> None:
    for language in i18n.LANGUAGES:
        i18n.use(language)
        assert [a.id for a in TABLE if i18n.tr(a.key) == a.key] == []
    i18n.use("id")
