"""A record that is not encrypted is said so on the screen, whatever the page; one that is goes unsaid (promise D1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from workstation import app
from workstation.settings import Settings, StoreSettings


@pytest.mark.promise("D1")
@pytest.mark.parametrize("plain", [True, False])
def test_a_desk_whose_record_is_plain_says_so_on_every_page(
    qtbot: QtBot, qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    monkeypatch.setattr(app.Desktop, "start", lambda desktop: None)  # neither phone nor sync has a part in it
    shown = app.open_window(Settings(store=StoreSettings(folder=str(tmp_path), key="file", plain=plain)))
    window, told = shown.window, shown.window.status.w_plain
    try:
        qtbot.waitUntil(lambda: window.isVisible() and window.bridge.waiting == 0)
        for page in ("sign_in", "desk", "calls", "unsent", "check"):
            window.pages.show(page)
            assert told.isVisible() is plain, page
        assert ("tidak terenkripsi" in told.text) is plain
        assert (tmp_path / "desk.db").read_bytes().startswith(b"SQLite format 3") is plain
    finally:
        shown.close()
