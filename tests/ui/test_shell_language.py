"""Two languages with the same keys, palettes and text sizes: switched at once in the open window."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

import ui
from tests.ui.screen import Screen
from ui import figures, i18n
from ui.theme import PALETTES

PLACE = string.Formatter()
SAME = {  # words that are the same in both languages, and names
    "step.done", "channel.radio", "channel.whatsapp", "channel.sms", "page.shift", "meter.you",
}  # fmt: skip


def places(text: object) -> set[str]:
    texts = text.values() if isinstance(text, dict) else [text]
    return {name for one in texts for _, name, _, _ in PLACE.parse(str(one)) if name}


@pytest.mark.promise("U3")
def test_english_has_every_key_and_no_other() -> None:
    assert set(i18n.words("en")) ^ set(i18n.words("id")) == set()


@pytest.mark.promise("U3")
def test_no_translation_asks_for_a_value_the_first_language_does_not_have() -> None:
    """English may leave a value out (a plural's one), never ask for another."""
    for key, text in i18n.words("en").items():
        extra = places(text) - places(i18n.words("id")[key]) - {"n"}
        assert not extra, f"{key} asks for {extra}"


@pytest.mark.promise("U3")
def test_every_key_the_screen_uses_is_written() -> None:
    root = Path(ui.__file__).parent
    used = set()
    for path in root.rglob("*.py"):
        used |= set(re.findall(r'\btr\(\s*"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"', path.read_text(encoding="utf-8")))
        used |= set(re.findall(r'\.say\(\s*"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"', path.read_text(encoding="utf-8")))
    assert sorted(key for key in used if not i18n.known(key)) == []
    assert len(used) > 60


@pytest.mark.promise("U3")
def test_the_whole_window_changes_its_language_at_once_and_keeps_what_was_typed(screen: Screen) -> None:
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.type("depan SD")
    screen.settle()
    window, form = screen.window, screen.window.desk_page.form
    words = {label.text() for label in window.findChildren(QLabel) if label.isVisible() and len(label.text()) > 3}
    assert {"Patokan", "Titik", "Bahaya"} <= words
    screen.key(Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert i18n.language() == "en"
    now = {label.text() for label in window.findChildren(QLabel) if label.isVisible()}
    assert {"Landmark", "Point", "Hazards"} <= now
    assert not now & {"Patokan", "Titik", "Bahaya", "Butuh", "Catatan", "Orang", "Riwayat penelepon"}
    assert form.landmark.text() == "depan SD", "typed text is nobody's to translate"
    assert form.landmark.accessibleName() == "Landmark"
    assert form.village._tag == "exact match"
    assert window.strip.b_hang.word() == "Hang up"
    assert window.status.w_link.text.startswith("Server connected")
    assert screen.focus is form.landmark, "the focus stays where it was"
    assert "Where" in window.ribbon.accessibleDescription()
    assert window.deeds.made["hang_up"].text() == "Hang up"


@pytest.mark.promise("U3")
def test_palette_and_text_size_switch_at_once_by_keys(screen: Screen) -> None:
    screen.talking()
    screen.type("batu merah")
    window = screen.window
    seen = []
    for _ in PALETTES:
        screen.alt(Qt.Key.Key_W)
        seen.append(screen.theme.palette_name)
        shown = window.grab().toImage().pixelColor(400, 4).name()
        assert shown == screen.theme.color("bg1").name()
    assert seen == ["day", "hc", "night"]
    form = window.desk_page.form
    small = form.village.height()
    screen.key(Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert screen.theme.scale == 1.25
    assert form.village.height() == round(28 * 1.25) > small
    screen.key(Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert form.village.height() == small
    assert form.village.text().startswith("batu")


@pytest.mark.promise("U3")
@pytest.mark.parametrize(("scale", "columns"), [(1.0, 3), (1.25, 3), (1.5, 2), (1.75, 1), (2.0, 1)])
def test_large_text_folds_the_columns_and_every_panel_is_still_reached(
    screen: Screen, scale: float, columns: int
) -> None:
    screen.theme.use(scale=scale)
    screen.talking()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    page = screen.window.desk_page
    assert page.zones is not None
    assert page.zones.columns == columns
    assert page.agencies.button.isVisible(), "the next step is never folded away"
    for letter, part in (("I", page.agencies.list), ("K", page.card.sheet), ("L", page.form.village)):
        screen.key(Qt.Key[f"Key_{letter}"], Qt.KeyboardModifier.AltModifier)
        assert screen.focus is part
        assert part.isVisible()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 mnt"), (3599, "59 mnt"), (3840, "1 j 04"), (200_000, "2 h")]
)
def test_ages_are_said_short(seconds: int, text: str) -> None:
    assert figures.age(seconds) == text


def test_numbers_follow_the_language() -> None:
    assert figures.number(1234.5, 1) == "1.234,5"
    assert figures.point(-3.6853, 128.2101) == "−3,6853  128,2101"
    i18n.use("en")
    try:
        assert figures.number(1234.5, 1) == "1,234.5"
    finally:
        i18n.use("id")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("081200004417", "0812 0000 4417"),
        ("+6281200004417", "0812 0000 4417"),
        ("+14155550100", "+1415 5550 100"),
        ("112", "112"),
        ("anonymous", "anonymous"),
        ("0812\u202e0000\n4417", "081200004417"),
    ],
)
def test_a_number_is_grouped_to_be_read_aloud_and_never_carries_control_characters(raw: str, shown: str) -> None:
    assert figures.phone(raw) == shown


def test_a_hostile_name_is_shown_as_plain_text(screen: Screen) -> None:
    """A display name from the network is neither markup nor able to turn the line around."""
    from workstation.domain.rows import RingView

    offer = screen.ring()
    ring = RingView(offer, "081200004417", "<b>x</b>\u202eevil\n" * 50, "112", "mobile", screen.seat.clock.now_ms())
    screen.line((ring,))
    word = screen.window.ring.word
    assert "\u202e" not in word.text()
    assert "\n" not in word.text()
    assert word.textFormat() == Qt.TextFormat.PlainText
    assert len(word.text()) < 80
