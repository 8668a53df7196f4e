"""The screen: PySide6 widgets that ask `workstation.service` and paint the rows of `workstation.domain`.

Features (intake, board, calls, shift, ...) know nothing of each other; they meet in `main_window`.
"""
