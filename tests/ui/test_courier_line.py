"""The courier on the page of what is not sent: onto a stick and in from one, by keys, with what came of it (S8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat, done
from tests.store.sites import enrol_device
from tests.ui.screen import Screen
from ui import i18n
from ui.dialogs.courier import CourierLine
from workstation.service import intake, views

pytestmark = pytest.mark.promise("S8")
Settled = Callable[[], None]


@pytest.fixture
def hub(seat: Seat, tmp_path: Path) -> Iterator[Seat]:
    """Another record of the site, a hub, which has met nobody yet; both are enrolled."""
    (tmp_path / "hub").mkdir()
    with Seat(tmp_path / "hub", 9, seat.clock) as other:
        enrol_device(seat.store, seat.store, "Meja 3")
        enrol_device(seat.store, other.store, "Hub", role="hub")
        yield other


@pytest.fixture
def line(screen: Screen, seat: Seat, hub: Seat) -> CourierLine:
    seat.sit()
    screen.window.show_page("unsent")
    screen.settle()
    return screen.window.unsent_page.courier


def told(line: CourierLine, qtbot: QtBot, words: str) -> None:
    qtbot.waitUntil(lambda: not line.busy and words in line.word.text(), timeout=20_000)
    assert line.word.isVisible()


def bundles(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.kurir"))


def chosen(line: CourierLine, path: Path) -> None:
    """What the person chooses in the window that has come up beside this one."""
    dialog = line.dialog
    assert isinstance(dialog, QFileDialog) and dialog.isVisible() and not dialog.isModal()
    dialog.fileSelected.emit(str(path))
    dialog.close()
    assert line.dialog is None


def test_what_is_here_goes_out_by_a_key_and_comes_in_by_another(
    screen: Screen, line: CourierLine, seat: Seat, hub: Seat, qtbot: QtBot, tmp_path: Path
) -> None:
    incident = seat.ids.uid()
    done(intake.open_incident(seat.desk, incident))
    unsent = seat.store.unsent()[0]
    assert not line.carried.isVisible()
    screen.key(Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    chosen(line, tmp_path / "hub")
    told(line, qtbot, "untuk Hub")
    assert len(bundles(tmp_path / "hub")) == 1 and "entri ada di" in line.word.text()
    # It is carried, and not sent: the list keeps it.
    qtbot.waitUntil(line.carried.isVisible)
    assert line.carried.text() == f"dibawa kurir sejak 03:12: {unsent} entri yang belum terkirim"
    assert seat.store.unsent()[0] == unsent and done(seat.desk.see(views.carried)) is not None
    i18n.use("en")
    screen.settle()
    assert line.carried.text().startswith("carried by courier since ")
    i18n.use("id")
    # The hub takes it in, and answers by hand.
    from workstation.service import courier

    (there,) = bundles(tmp_path / "hub")
    done(courier.take_in(hub.desk, there, lambda step, percent: None))
    assert hub.store.digest() == seat.store.digest()
    (tmp_path / "back").mkdir()
    done(courier.export(hub.desk, tmp_path / "back", lambda step, percent: None))
    screen.until(screen.window.isActiveWindow)
    screen.key(Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    chosen(line, bundles(tmp_path / "back")[0])
    told(line, qtbot, "Tidak ada yang baru")
    qtbot.waitUntil(lambda: not line.carried.isVisible())
    assert seat.store.unsent() == (0, None)


def test_what_goes_wrong_is_one_sentence_and_the_buttons_come_back(
    line: CourierLine, seat: Seat, qtbot: QtBot, tmp_path: Path
) -> None:
    line.export(str(tmp_path / "gone" / "far"))
    told(line, qtbot, "USB atau folder tidak ada")
    assert line.word.token == "amber" and line.give.isEnabled() and line.take.isEnabled()
    (tmp_path / "letter.kurir").write_text("bukan berkas kurir, hanya surat")
    line.take_in(str(tmp_path / "letter.kurir"))
    told(line, qtbot, "Ini bukan berkas kurir")


def test_the_line_says_how_far_it_is_while_it_lasts(
    line: CourierLine, seat: Seat, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from workstation.service import courier

    go = threading.Event()
    export = courier.export

    def slow(desk: object, place: Path, heard: courier.Heard) -> object:
        """The real export, held at its first step as a slow stick would."""

        def held(step: str, percent: int) -> None:
            heard(step, percent)
            assert go.wait(20)

        return export(seat.desk, place, held)

    monkeypatch.setattr(courier, "export", slow)
    done(intake.open_incident(seat.desk, seat.ids.uid()))
    line.export(str(tmp_path))
    qtbot.waitUntil(lambda: "menulis ke USB" in line.word.text() and "%" in line.word.text())
    assert line.busy and not line.give.isEnabled()
    line.choose_folder()
    assert line.dialog is None, "one at a time"
    go.set()
    told(line, qtbot, "untuk Hub")
