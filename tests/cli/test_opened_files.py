"""What was opened to be looked at lies no longer than the desk runs, and goes with what is erased (S12, M2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.desks import opened
from tests.store.sites import found
from tests.store.test_erasure import erase
from tests.waiting import wait_until
from workstation import app
from workstation.domain.rows import Person
from workstation.service import attachments
from workstation.settings import Settings, StoreSettings


@pytest.mark.promise("S12", "M2")
def test_opened_files_go_with_the_desk_and_with_what_is_erased(tmp_path: Path) -> None:
    photo = tmp_path / "foto.jpg"
    photo.write_bytes(b"x" * 1_000)
    settings = Settings(store=StoreSettings(folder=str(tmp_path / "desk"), key="file"))
    desktop = app.build(settings)
    try:
        desk = desktop.desk
        found(desk.store)
        desk.person = Person(b"p" * 16, "op1", "Op 1", "operator", "Meja 3", 1)
        about = opened(desk)
        kept, erased = (attachments.attach(desk, about, photo).result(10) for _ in range(2))
        for uid in (kept, erased):
            assert attachments.open_file(desk, uid).result(10).exists()
        folder = desk.store.path.with_suffix(".opened")
        erase(desk.store, erased)
        wait_until(lambda: not folder.exists(), 10, what="what was opened is gone")
        assert attachments.open_file(desk, kept).result(10).exists()
    finally:
        desktop.close()
    assert not folder.exists()
    folder.mkdir()
    (folder / "foto.jpg").write_bytes(b"a crash left it open")
    again = app.build(settings)
    try:
        again.start()
        wait_until(lambda: not folder.exists(), 20, what="it is put away at the start")
    finally:
        again.close()
