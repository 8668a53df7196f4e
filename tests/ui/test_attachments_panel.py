"""Attachments on the desk's page: where each file is, opened and added by keys, and said where it cannot be (S12)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from sync.attachments.sealed import sealed_size
from tests.screens.seat import Seat, done
from tests.sync.attached import some_bytes
from tests.ui.screen import Screen
from ui import i18n
from ui.incident.attachments import AttachmentsPanel
from workstation.domain.ids import Uid
from workstation.service import attachments, intake

pytestmark = pytest.mark.promise("S12")
ALT = Qt.KeyboardModifier.AltModifier
PLAIN = some_bytes(300_000)


@pytest.fixture
def incident(screen: Screen, seat: Seat) -> Uid:
    """An incident on the form, with nothing attached."""
    seat.sit()
    uid = seat.ids.uid()
    done(intake.open_incident(seat.desk, uid))
    screen.window.open_incident(uid)
    screen.settle()
    return uid


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto.jpg"
    path.write_bytes(PLAIN)
    return path


def panel(screen: Screen) -> AttachmentsPanel:
    return screen.window.desk_page.attachments


def told(screen: Screen) -> list[str]:
    """What the rows say to who does not see them."""
    model = panel(screen).model
    return [model.data(model.index(n, 0), Qt.ItemDataRole.AccessibleTextRole) for n in range(model.rowCount())]


def test_a_file_is_chosen_by_a_key_while_calls_go_on_and_stands_there_with_its_place(
    screen: Screen, seat: Seat, incident: Uid, photo: Path
) -> None:
    assert not panel(screen).isVisible()
    screen.key(Qt.Key.Key_F, ALT)
    dialog = panel(screen).dialog
    assert isinstance(dialog, QFileDialog) and dialog.isVisible() and not dialog.isModal()
    dialog.fileSelected.emit(str(photo))
    dialog.close()
    screen.until(lambda: told(screen) == ["foto.jpg, 0,3 MB, menunggu server"])
    assert panel(screen).isVisible() and panel(screen).dialog is None
    (row,) = done(attachments.shown(seat.desk, incident))
    seat.store.shelf.sending[row.digest] = sealed_size(len(PLAIN)) // 2
    screen.until(lambda: told(screen) == ["foto.jpg, 0,3 MB, menunggu server 50 %"])
    seat.store.shelf.mark(row.digest, b"hub")
    screen.until(lambda: told(screen) == ["foto.jpg, 0,3 MB, di server"])
    i18n.use("en")
    screen.settle()
    assert told(screen) == ["foto.jpg, 0.3 MB, at the server"]


def test_enter_opens_it_outside_and_plus_adds_another(screen: Screen, seat: Seat, incident: Uid, photo: Path) -> None:
    done(attachments.attach(seat.desk, incident, photo))
    screen.until(lambda: len(told(screen)) == 1)
    opened: list[bytes] = []
    panel(screen).open_outside = lambda path: opened.append(path.read_bytes()) or True  # type: ignore[method-assign, func-returns-value]
    screen.key(Qt.Key.Key_F, ALT)
    assert screen.focus is panel(screen).list and panel(screen).dialog is None
    screen.key(Qt.Key.Key_Return)
    screen.until(lambda: opened == [PLAIN])
    assert not panel(screen).word.isVisible()
    screen.key(Qt.Key.Key_Plus)
    dialog = panel(screen).dialog
    assert dialog is not None and dialog.isVisible()
    dialog.close()


def test_what_cannot_be_done_is_said_in_the_language_in_force(
    screen: Screen, seat: Seat, incident: Uid, photo: Path, tmp_path: Path
) -> None:
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ")
    panel(screen).attach(incident, str(program))
    screen.until(lambda: "jenis berkas ini tidak dibuka" in panel(screen).word.text())
    assert panel(screen).isVisible()
    i18n.use("en")
    screen.settle()
    assert "this kind of file" in panel(screen).word.text()
    done(attachments.attach(seat.desk, incident, photo))
    screen.until(lambda: len(told(screen)) == 1)
    panel(screen).open_outside = lambda _path: False  # type: ignore[method-assign]
    panel(screen).open(0)
    screen.until(lambda: "no program on this computer" in panel(screen).word.text())


def test_a_file_from_elsewhere_is_fetched_with_its_percent_and_belongs_to_its_incident_alone(
    screen: Screen, seat: Seat, incident: Uid, photo: Path
) -> None:
    done(attachments.attach(seat.desk, incident, photo))
    (row,) = done(attachments.shown(seat.desk, incident))
    stored = seat.store.shelf.path(row.digest).read_bytes()
    seat.store.shelf.path(row.digest).unlink()  # as at a desk that did not attach it
    panel(screen).refresh()
    screen.until(lambda: told(screen) == ["foto.jpg, 0,3 MB, belum di sini"])
    opened: list[bytes] = []
    panel(screen).open_outside = lambda path: opened.append(path.read_bytes()) or True  # type: ignore[method-assign, func-returns-value]
    panel(screen).open(0)
    screen.until(lambda: row.digest in seat.store.shelf.wanted)
    seat.store.shelf.add(row.digest, 0, 0, stored[:100_000], len(stored))
    screen.until(lambda: told(screen) == ["foto.jpg, 0,3 MB, diambil 33 %"])
    seat.store.shelf.add(row.digest, 0, 100_000, stored[100_000:], len(stored))
    screen.until(lambda: opened == [PLAIN])
    other = seat.ids.uid()
    done(intake.open_incident(seat.desk, other))
    screen.window.open_incident(other)
    screen.settle()
    assert told(screen) == [] and not panel(screen).isVisible()
