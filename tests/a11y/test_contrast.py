"""Every text pair of every palette at 4.5 or more, every edge and mark at 3 or more (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor

from ui.theme import PALETTES, Theme, contrast

TEXT, EDGE = 4.5, 3.0


def pairs(theme: Theme, kind: str) -> Iterator[tuple[str, str]]:
    table = theme.tokens["pairs"]
    for on in table[kind]["on"]:
        for of in table[kind]["of"]:
            yield of, on
    yield from (tuple(pair) for pair in table[f"{kind}_more"])


def weak(theme: Theme, kind: str, least: float) -> list[str]:
    found = []
    for of, on in pairs(theme, kind):
        ratio = contrast(theme.color(of), theme.color(on))
        if ratio < least:
            found.append(f"{theme.palette_name}: {of} on {on} is {ratio:.2f}")
    return found


@pytest.mark.promise("U6")
@pytest.mark.parametrize("palette", PALETTES)
def test_every_text_can_be_read(palette: str) -> None:
    assert weak(Theme(palette), "text", TEXT) == []


@pytest.mark.promise("U6")
@pytest.mark.parametrize("palette", PALETTES)
def test_every_edge_and_mark_can_be_seen(palette: str) -> None:
    assert weak(Theme(palette), "edge", EDGE) == []


def test_the_measure_is_the_standard_one() -> None:
    """WCAG's own corner values: black on white 21, a colour on itself 1, #777 on white just under 4.5."""
    assert contrast(QColor("#000000"), QColor("#ffffff")) == pytest.approx(21)
    assert contrast(QColor("#123456"), QColor("#123456")) == pytest.approx(1)
    assert contrast(QColor("#777777"), QColor("#ffffff")) == pytest.approx(4.48, abs=0.01)


def test_a_pale_token_would_be_found() -> None:
    theme = Theme("night")
    theme._colors["night"]["text3"] = QColor("#3a4a50")
    assert any("text3" in line for line in weak(theme, "text", TEXT))
