"""What the program carries along that is not code: theme, icons, fonts, words, forms, geography, import mappings."""

from __future__ import annotations

import sys
from pathlib import Path


def path(name: str) -> Path:
    """Where the carried file or folder `name` ("icons/phone.svg") lies, from source and in the frozen program."""
    frozen = getattr(sys, "_MEIPASS", None)
    root = Path(frozen) / "resources" if frozen else Path(__file__).resolve().parent
    return root / name
