"""The screen: PySide6 widgets that ask `workstation.service` and paint the rows of `workstation.domain`.

Features (intake, board, calls, shift, ...) know nothing of each other; they meet in `main_window`.
"""

from __future__ import annotations

import builtins

import PySide6.QtCore  # noqa: F401 - what it does to `import` is undone below

# To serve `from __feature__ import ...`, PySide6 puts an import of its own in Python's place, which reads the source of
# every module loaded from then on. Nothing here asks for its features, and the first frame waits for a hundred modules.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
