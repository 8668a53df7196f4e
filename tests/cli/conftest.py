from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(f'[desk]\nname = "Meja 3"\nprefix = "AMB-3"\n[store]\nfolder = "{tmp_path}/data"\nkey = "file"\n')
    return file
