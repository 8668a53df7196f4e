"""The program's own icons: on one grid, in any colour, none missing that the screen asks for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import resources
import ui
from ui import icons
from ui.theme import Theme
from ui.widgets import marks

GRID = "0 0 20 20"


@pytest.mark.parametrize("name", icons.names())
def test_every_icon_is_drawn_on_the_grid_with_one_stroke(name: str) -> None:
    root = ElementTree.parse(resources.path(f"icons/{name}.svg")).getroot()
    assert root.get("viewBox") == GRID
    assert root.get("stroke-width") == "1.6"
    assert root.get("stroke") == "currentColor", "an icon takes the palette's colour"
    assert root.get("fill") == "none"


@pytest.mark.parametrize("name", icons.names())
def test_every_icon_shows_something_in_the_colour_asked(theme: Theme, name: str) -> None:
    image = icons.pixmap(theme, name, "accent", 40, 1.0).toImage()
    wanted = theme.color("accent")
    shown = {
        image.pixelColor(x, y).name() for x in range(40) for y in range(40) if image.pixelColor(x, y).alpha() > 250
    }
    assert wanted.name() in shown
    edge = [image.pixelColor(x, y).alpha() for k in range(40) for x, y in ((k, 0), (k, 39), (0, k), (39, k))]
    assert max(edge) < 160, "the drawing is cut off at the grid's edge"


def test_every_icon_the_screen_names_is_there() -> None:
    known = set(icons.names())
    asked = {face[0] for face in (*marks.SYNC_FACE.values(), *marks.CALL_FACE.values())}
    root = Path(ui.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'paint_icon\(\s*painter, (?:self\.)?theme, "([a-z-]+)"', text))
        asked |= set(re.findall(r'icon="([a-z-]+)"', text))
    assert asked - known == set()
    assert len(asked) > 10
