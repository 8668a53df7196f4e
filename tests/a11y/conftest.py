"""The same window, desk and theme as the screen tests."""

from tests.ui.conftest import bridge, screen, seat, settled, theme

__all__ = ["bridge", "screen", "seat", "settled", "theme"]
