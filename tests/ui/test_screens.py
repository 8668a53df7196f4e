"""The pictures can be made: the real window over a real record, each screen brought up by its own services and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.screens.gallery import SCREENS, Gallery
from ui import i18n


@pytest.fixture(scope="module")
def gallery(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    made = Gallery(tmp_path_factory.mktemp("gallery"), (1366, 768))
    yield made
    i18n.use("id")


@pytest.mark.promise("U1")
@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_screen_is_one_window_of_its_size_with_something_on_it(
    name: str, gallery: Gallery, tmp_path: Path, qtbot: QtBot
) -> None:
    (path,) = list(gallery.make(tmp_path, [name], looks=(("night", "id"),)))
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1366, 768)
    seen = {image.pixel(x, y) for x in range(0, 1366, 3) for y in range(0, 768, 5)}
    assert len(seen) > 60, "an empty window"
