"""The window's pages by name, each made when first wanted: the first frame waits for none but the one it shows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget


class Pages:
    """Page by name, made by `make` when first asked for; `told` hears of each once, so that it can be connected.

    A page that can't be made raises what went wrong, and is tried again when it is next asked for.
    """

    def __init__(self, make: Callable[[str], QWidget], told: Callable[[str, QWidget], None]) -> None:
        self._make, self._told = make, told
        self._made: dict[str, QWidget] = {}

    def __getitem__(self, name: str) -> QWidget:
        page = self._made.get(name)
        if page is None:
            page = self._made[name] = self._make(name)
            page.hide()
            try:
                self._told(name, page)
            except BaseException:
                del self._made[name]
                page.deleteLater()
                raise
        return page

    def made(self, name: str) -> bool:
        """Whether this page has been wanted before; asking makes none."""
        return name in self._made

    def show(self, name: str) -> None:
        """Show one page and hide every other that there is."""
        chosen = self[name]
        for page in self._made.values():
            page.setVisible(page is chosen)
