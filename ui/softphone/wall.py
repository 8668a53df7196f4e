"""The wall clock at the strip's right end, with shift and queue below."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from ui import figures
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import Label, Line
from ui.widgets.marks import RIGHT

SHIFTS = ((7, "I"), (14, "II"), (21, "III"))  # hours of the local day a shift starts


class WallClock(QFrame):
    """Local time and shift. Repaints once a second."""

    def __init__(self, theme: Theme, zone: tzinfo = figures.WIT, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.zone = zone
        self.time = Label(theme, role="clock")
        self.under = Label(theme, role="small", token="text2")
        for label in (self.time, self.under):
            label.setAlignment(RIGHT)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addStretch(1)
        column.addWidget(self.time)
        column.addWidget(self.under)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 14, 0)
        row.setSpacing(14)
        row.addWidget(Line(theme, vertical=True))
        row.addLayout(column, 1)
        self._now = 0
        self._measure()
        theme.changed.connect(self._measure)

    def _measure(self) -> None:
        self.setFixedWidth(self.theme.px(146 if self.theme.scale < 1.5 else 116))
        self.setVisible(self.theme.scale < 1.75)
        if self._now:
            self.second(self._now)

    def second(self, now_ms: int) -> None:
        self._now = now_ms
        seconds = self.theme.scale < 1.5
        self.time.show_text(f"{figures.wall(now_ms, self.zone, seconds)} {zone_name(now_ms, self.zone)}")
        self.under.show_text(tr("strip.shift", shift=shift(now_ms, self.zone)))


def shift(now_ms: int, zone: tzinfo) -> str:
    """Which of the city's three shifts it is: I from 7, II from 14, III from 21 to 7 o'clock."""
    hour = int(figures.wall(now_ms, zone)[:2])
    name = "III"
    for start, this in SHIFTS:
        if hour >= start:
            name = this
    return name


def zone_name(now_ms: int, zone: tzinfo) -> str:
    """The zone's short name, `WIT`; a zone of the tz database knows it only for a moment."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).tzname() or ""
