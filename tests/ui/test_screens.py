"""The pictures can be made: the real window over a real record, each screen brought up by its own services and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.screens.gallery import SCREENS, Gallery
from ui import i18n


@pytest.fixture(scope="module")
def gallery(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    made = Gallery(tmp_path_factory.mktemp("gallery"), (1366, 768))
    yield made
    i18n.use("id")


# What stands on each screen, and the page it is: words of the shown parts, never of the picture's making.
SHOWN = {
    "idle": ("desk", "Siap menerima"),
    "ringing": ("desk", "Panggilan masuk · ke 112. 0812 0000 4417. Seluler"),
    "ringing_without_number": ("desk", "Tanpa nomor"),
    "gate": ("desk", "00:06"),
    "prank": ("desk", "saluran tetap terbuka"),
    "in_call": ("desk", "Beri tahu 4 instansi"),
    "attached": ("desk", "Lampiran"),
    "link_down": ("desk", "Tanpa panggilan. Setiap isian tersimpan sendiri."),
    "unsent": ("unsent", "Arti tanda"),
    "lead": ("shift", "Beda nilai"),
    "lead_for_others": ("shift", "Halaman ini untuk kepala shift."),
    "calls": ("calls", "Ditinggalkan, per nomor"),
    "board": ("board", "Papan"),
    "map": ("map", "Peta"),
    "search": ("search", "kejadian, terbaru di atas"),
    "sign_in": ("sign_in", "F2 tetap menjawab tanpa masuk"),
    "check": ("check", "Periksa meja ini"),
    "keys": ("desk", "ketik nama tindakan"),
}


def words(gallery: Gallery) -> list[str]:
    """Every word a person or a screen reader finds on the window as it stands."""
    shown = [part for part in gallery.window.findChildren(QWidget) if part.isVisible()]
    texts = [part.text() for part in shown if isinstance(part, QLabel | QAbstractButton)]
    return [*texts, *(part.accessibleName() for part in shown)]


@pytest.mark.promise("U1")
@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_screen_shows_what_it_is_called(name: str, gallery: Gallery, qtbot: QtBot) -> None:
    page, word = SHOWN[name]
    try:
        image = gallery.picture(name, "night", "id")
        assert gallery.window.page == page
        assert any(word in text for text in words(gallery)), word
        if gallery.window.status.isVisible():
            unsent = rf"\b{gallery.seat.store.unsent()[0]} belum terkirim"
            assert re.search(unsent, gallery.window.status.w_link.text), "the bar says what the rows do"
        seen = {image.pixel(x, y) for x in range(0, 1366, 3) for y in range(0, 768, 5)}
        assert len(seen) > 60, "an empty window"
    finally:
        gallery.shut()


@pytest.mark.promise("U1")
@pytest.mark.parametrize("name", ["idle"])
def test_a_picture_is_saved_in_the_windows_size(name: str, gallery: Gallery, tmp_path: Path, qtbot: QtBot) -> None:
    (path,) = list(gallery.make(tmp_path, [name], looks=(("night", "id"),)))
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1366, 768)
