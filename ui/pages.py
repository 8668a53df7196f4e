"""The window's pages by name, each made when first wanted: the first frame waits for none but the one it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtWidgets import QWidget


class Pages(Mapping[str, QWidget]):
    """Page by name. `made` is told of each page once, right after it was made, so that it can be connected."""

    def __init__(self, makers: Mapping[str, Callable[[], QWidget]], made: Callable[[str, QWidget], None]) -> None:
        self._makers, self._told = dict(makers), made
        self._made: dict[str, QWidget] = {}

    def __getitem__(self, name: str) -> QWidget:
        page = self._made.get(name)
        if page is None:
            page = self._made[name] = self._makers[name]()
            page.hide()
            self._told(name, page)
        return page

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def show(self, name: str) -> None:
        """Show one page and hide every other that there is."""
        chosen = self[name]
        for page in self._made.values():
            page.setVisible(page is chosen)
