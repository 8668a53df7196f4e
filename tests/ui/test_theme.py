"""Palettes, type and measures: switched at once, grown with the text, the carried faces loaded."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFontInfo, QPixmap
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from ui.theme import PALETTES, STYLE, Theme, application, clock_state
from ui.widgets.basic import Button, Chip, Label


def picture(widget: QWidget) -> bytes:
    pixmap: QPixmap = widget.grab()
    image = pixmap.toImage()
    return bytes(image.constBits())


def test_the_tests_look_at_the_desks_own_style(qapp: QApplication, qapp_args: list[str], theme: Theme) -> None:
    assert tuple(qapp_args[1:]) == STYLE
    qapp.setStyleSheet("")  # over the style it stands with another's name
    assert qapp.style().name() == STYLE[1]
    theme.apply()
    assert application() is qapp


@pytest.mark.promise("U3")
def test_text_grows_from_100_to_200_percent(theme: Theme) -> None:
    assert theme.font("input").pixelSize() == 14
    theme.use(scale=2.0)
    assert theme.font("input").pixelSize() == 28
    assert theme.px(28) == 56
    theme.use(scale=9.0)
    assert theme.scale == 2.0


@pytest.mark.promise("U3")
def test_a_palette_switches_open_widgets_at_once(theme: Theme, qtbot: QtBot) -> None:
    for widget in (Button(theme, "action.hold", "F3"), Chip(theme, "step.done"), Label(theme, "action.hold")):
        qtbot.addWidget(widget)
        widget.resize(200, 40)
        seen = set()
        for palette in PALETTES:
            theme.use(palette=palette)
            seen.add(picture(widget))
        assert len(seen) == len(PALETTES), type(widget).__name__


@pytest.mark.promise("U3")
def test_the_carried_face_is_used(theme: Theme) -> None:
    """Inter, from the program's own files, with digits of one width: a clock must not dance."""
    assert QFontInfo(theme.font("body")).family() == "Inter"
    from PySide6.QtGui import QFontMetricsF

    metrics = QFontMetricsF(theme.font("timer"))
    assert metrics.horizontalAdvance("11:11") == pytest.approx(metrics.horizontalAdvance("08:30"), abs=0.5)


def test_an_unknown_palette_is_refused(theme: Theme) -> None:
    with pytest.raises(ValueError, match="no palette"):
        theme.use(palette="sunset")
    assert theme.palette_name == "night"


@pytest.mark.parametrize(
    ("elapsed", "state"),
    [(0, "plain"), (44.9, "plain"), (45, "amber"), (60, "amber"), (60.1, "breach"), (600, "breach")],
)
def test_a_clock_is_amber_from_three_quarters_and_red_past_its_target(elapsed: float, state: str) -> None:
    assert clock_state(elapsed, 60) == state
