"""Colours, type and measures of the screen, from `resources/theme/tokens.json`; one object, handed to every widget.

Three palettes (night, day, hc = high contrast) and text from 100 to 200 %, both switchable at once: `changed` is
emitted and every widget paints itself anew from `color`, `font` and `px`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from string import Template
from typing import Any

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPalette, QStaticText, QTransform
from PySide6.QtWidgets import QApplication

import resources

PALETTES = ("night", "day", "hc")
SCALES = (1.0, 1.25, 1.5, 1.75, 2.0)
WIDTHS = 4096  # words whose width and whose layout are remembered
BREACH = 1.0  # share of a clock's target from which it is red


STYLE = ("-style", "fusion")
"""Asked for when the application is made: to set it later gives a QStyle, whose enums cost every start 10 ms."""


def application(program: str = "tahuri") -> QApplication:
    """The one application of this process, in the style the look is drawn for."""
    there = QApplication.instance()
    return there if isinstance(there, QApplication) else QApplication([program, *STYLE])


class Theme(QObject):
    """The look every widget asks: `color(token)`, `font(role)`, `px(measure)`.

    Signals:
        changed(): palette or text scale is another one; repaint, re-measure.
    """

    changed = Signal()

    def __init__(self, palette: str = "night", scale: float = 1.0, calm: bool = False) -> None:
        super().__init__()
        self.tokens: Mapping[str, Any] = json.loads(resources.path("theme/tokens.json").read_text(encoding="utf-8"))
        self._colors = {
            name: {token: QColor(value) for token, value in colors.items()}
            for name, colors in self.tokens["palettes"].items()
        }
        if palette not in self._colors:
            raise ValueError(f"no palette {palette!r}; there are {', '.join(PALETTES)}")
        self.palette_name = palette
        self.scale = min(2.0, max(1.0, scale))
        self.calm = calm  # "reduce motion": the ring does not pulse
        self._fonts: dict[str, QFont] = {}
        self._heights: dict[str, float] = {}
        self._forget_fonts()
        self._family = self._load_fonts()

    # ---------------------------------------------------------------- asking
    def color(self, token: str, alpha: float | None = None) -> QColor:
        """The colour of `token` in the palette in force, shared: copy it to change it; `alpha` 0..1 gives a copy."""
        color = self._colors[self.palette_name][token]
        if alpha is not None:
            color = QColor(color)
            color.setAlphaF(alpha)
        return color

    def font(self, role: str) -> QFont:
        """The font of a `role` of tokens.json (ring, timer, caller, clock …), shared: copy it to change it."""
        if role not in self._fonts:
            size, weight = self.tokens["type"][role]
            font = QFont(self._family)
            font.setFamilies([self._family, *self.tokens["font"]["fallback"]])
            font.setPixelSize(max(1, round(size * self.scale)))
            font.setWeight(QFont.Weight(weight))
            for feature in self.tokens["font"]["features"]:
                font.setFeature(QFont.Tag(feature), 1)
            font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
            self._fonts[role] = font
        return self._fonts[role]

    def width(self, text: str, role: str = "body") -> float:
        """How wide one line of `text` is, px; remembered, for the same words are painted again and again."""
        return self._widths(text, role)

    def elided(self, text: str, role: str, room: float) -> str:
        """`text` as it fits into `room` px: whole, or ended by an ellipsis."""
        if self._widths(text, role) <= room + 0.5:
            return text
        return QFontMetricsF(self.font(role)).elidedText(text, Qt.TextElideMode.ElideRight, room)

    def laid_out(self, text: str, role: str) -> QStaticText:
        """One line of `text` laid out for painting again and again: shaping it anew is half of what drawing costs."""
        return self._lines(text, role)

    def line_height(self, role: str) -> float:
        """How high a line of this role is, px."""
        if role not in self._heights:
            self._heights[role] = QFontMetricsF(self.font(role)).height()
        return self._heights[role]

    def _measure(self, text: str, role: str) -> float:
        return QFontMetricsF(self.font(role)).horizontalAdvance(text)

    def _lay_out(self, text: str, role: str) -> QStaticText:
        line = QStaticText(text)
        line.setTextFormat(Qt.TextFormat.PlainText)
        line.prepare(QTransform(), self.font(role))
        return line

    def _forget_fonts(self) -> None:
        self._fonts.clear()
        self._heights.clear()
        self._lines = lru_cache(WIDTHS)(self._lay_out)
        self._widths = lru_cache(WIDTHS)(self._measure)

    def px(self, measure: float) -> int:
        """A measure in px at 100 %, grown with the text."""
        return round(measure * self.scale)

    def size(self, name: str) -> int:
        """A named measure of tokens.json (field, row, strip, ring …), grown with the text."""
        return self.px(self.tokens["size"][name])

    def icon_size(self, measure: float = 16) -> QSize:
        return QSize(self.px(measure), self.px(measure))

    @property
    def high_contrast(self) -> bool:
        return self.palette_name == "hc"

    # ---------------------------------------------------------------- switching
    def use(self, palette: str | None = None, scale: float | None = None) -> None:
        """Switch palette, text scale or both, at once, on every open widget."""
        if palette is not None:
            if palette not in self._colors:
                raise ValueError(f"no palette {palette!r}")
            self.palette_name = palette
        if scale is not None:
            self.scale = min(2.0, max(1.0, scale))
        self._forget_fonts()
        self.apply()
        self.changed.emit()

    def apply(self) -> None:
        """Give the application this palette, this font and the few rules a palette can't say."""
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        app.setPalette(self.qt_palette())
        app.setFont(self.font("body"))
        app.setStyleSheet(self.style_sheet())

    def qt_palette(self) -> QPalette:
        palette = QPalette()
        role = QPalette.ColorRole
        pairs = {
            role.Window: "bg0",
            role.WindowText: "text",
            role.Base: "bg2",
            role.AlternateBase: "bg1",
            role.Text: "text",
            role.PlaceholderText: "text3",
            role.Button: "bg2",
            role.ButtonText: "text",
            role.BrightText: "text",
            role.Highlight: "tint",
            role.HighlightedText: "text",
            role.ToolTipBase: "bg3",
            role.ToolTipText: "text",
            role.Link: "accent",
            role.Light: "bg3",
            role.Midlight: "bg3",
            role.Mid: "line",
            role.Dark: "line",
            role.Shadow: "bg0",
            role.Accent: "accent",
        }
        for which, token in pairs.items():
            palette.setColor(which, self.color(token))
        for which in (role.Text, role.ButtonText, role.WindowText):
            palette.setColor(QPalette.ColorGroup.Disabled, which, self.color("text3"))
        return palette

    def style_sheet(self) -> str:
        """`resources/theme/app.qss` with `$token` and `${px_N}` filled in."""
        values = {token: color.name() for token, color in self._colors[self.palette_name].items()}
        values |= {f"px_{n}": f"{self.px(n)}px" for n in range(1, 65)}
        values["focus"] = "3px" if self.high_contrast else "2px"
        values["field_edge"] = f"1px solid {values['edge']}" if self.high_contrast else "none"
        values["panel_edge"] = f"1px solid {values['line']}" if self.high_contrast else "none"
        values["family"] = self._family
        text = resources.path("theme/app.qss").read_text(encoding="utf-8")
        return Template(text).substitute(values)

    def _load_fonts(self) -> str:
        """Load the carried faces; where that fails (no file, no font engine) the fallback family serves."""
        if QApplication.instance() is None:
            return str(self.tokens["font"]["family"])
        for name in self.tokens["font"]["files"]:
            QFontDatabase.addApplicationFont(str(resources.path(f"fonts/{name}")))
        family = str(self.tokens["font"]["family"])
        return family if family in QFontDatabase.families() else str(self.tokens["font"]["fallback"][0])


def clock_state(elapsed_s: float, target_s: float, amber_at: float = 0.75) -> str:
    """`plain`, `amber` (from 75 % of the target) or `breach` (past it)."""
    if target_s <= 0:
        return "plain"
    share = elapsed_s / target_s
    return "breach" if share > BREACH else "amber" if share >= amber_at else "plain"


def contrast(one: QColor, other: QColor) -> float:
    """Contrast ratio 1..21 of two opaque colours (WCAG 2.2, relative luminance)."""

    def luminance(color: QColor) -> float:
        parts = (color.redF(), color.greenF(), color.blueF())
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
