"""`python -m tests.screens DIR`: the real window over a real encrypted record, offscreen, each screen saved as a PNG.

Indonesian by night for every screen, and the other languages and palettes for those that differ most; `--all` makes
every screen in both languages and all three palettes. `--only idle,lead` makes some. Prints a line a picture.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go")
    parser.add_argument("--only", default="", help="names of screens, separated by commas")
    parser.add_argument("--all", action="store_true", help="every screen in both languages and all palettes")
    parser.add_argument("--size", default="1366x768", help="of the window")
    parser.add_argument("--text", type=int, default=100, help="text size in percent, 100 to 200")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    from tests.screens.gallery import Gallery

    width, height = (int(part) for part in asked.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="tahuri-screens-") as scratch:
        gallery = Gallery(Path(scratch), (width, height), asked.text / 100)
        names = [name for name in asked.only.split(",") if name]
        for path in gallery.make(asked.folder, names, every=asked.all):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
