"""Who sits where and what they are doing, one box a desk."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import figures
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.pencil import RIGHT, Pencil
from workstation.domain.rows import DeskRow

ICON = {"ready": "tick", "ringing": "bell", "talking": "phone", "empty": "person"}
FULL_LOAD = 12  # calls an hour that fill the bar
SHOWN_MOST = 6


class DesksRow(QWidget):
    """One box a desk, as many as fit."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._rows: tuple[DeskRow, ...] = ()
        self._now = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()

    def show_rows(self, rows: Sequence[DeskRow], now_ms: int) -> None:
        self._rows, self._now = tuple(rows), now_ms
        self._say()
        self.update()

    def tick(self, now_ms: int) -> None:
        """Once a second is enough: how long somebody talks."""
        if now_ms // 1000 != self._now // 1000 and any(row.state == "talking" for row in self._rows):
            self._now = now_ms
            self.update()
        self._now = now_ms

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.px(56))

    def _say(self) -> None:
        self.setAccessibleName(tr("lead.desks"))
        said = (f"{row.name} {row.person or tr('lead.empty_desk')}: {self._state(row)}" for row in self._rows)
        self.setAccessibleDescription("; ".join(said))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
            self.update()
        super().changeEvent(event)

    def _state(self, row: DeskRow) -> str:
        if row.state == "empty":
            return tr("lead.empty_desk")
        word = tr(f"lead.{row.state}")
        if row.state == "talking" and row.since_at is not None:
            return f"{word} {figures.clock(max(0, self._now - row.since_at) / 1000)}"
        return word

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        shown = self._rows[:SHOWN_MOST]
        gap = pencil.px(8)
        wide = min((self.width() - gap * (max(len(shown), 3) - 1)) / max(len(shown), 3), pencil.px(330))
        for n, row in enumerate(shown):
            self._paint(pencil, QRectF(n * (wide + gap), 0, wide, self.height()), row)
        painter.end()

    def _paint(self, pencil: Pencil, box: QRectF, row: DeskRow) -> None:
        empty = row.state == "empty"
        pencil.box(box, "bg1", "line" if self.theme.high_contrast else "", 4)
        center = QPointF(box.left() + pencil.px(28), box.center().y())
        pencil.painter.setPen(QPen(pencil.color("line" if empty else "edge"), 1.4))
        pencil.painter.setBrush(pencil.color("bg2"))
        pencil.painter.drawEllipse(center, pencil.px(17), pencil.px(17))
        side = pencil.px(18)
        token = "text3" if empty else "accent" if row.state in ("talking", "ringing") else "text2"
        pencil.icon(center.x() - side / 2, center.y() - side / 2, ICON.get(row.state, "person"), token, 18)
        left, load = box.left() + pencil.px(56), tr("lead.load", n=row.calls_last_hour)
        load_wide = pencil.width(load, "hint") + pencil.px(4)
        right = box.right() - pencil.px(12)
        upper = QRectF(left, box.top() + pencil.px(8), right - left - load_wide - pencil.px(6), pencil.px(20))
        taken = pencil.text(upper, row.name, "board_type", "text2" if empty else "text", weight=600)
        pencil.text(upper.adjusted(taken + pencil.px(8), 0, 0, 0), row.person, "body", "text3")
        lower = QRectF(left, box.top() + pencil.px(28), right - left - pencil.px(70), pencil.px(19))
        pencil.text(lower, self._state(row), "number", "text3" if empty else "text2")
        pencil.text(
            QRectF(right - load_wide, box.top() + pencil.px(8), load_wide, pencil.px(18)), load, "hint", "text3", RIGHT
        )
        bar = QRectF(right - pencil.px(60), box.top() + pencil.px(34), pencil.px(60), pencil.px(5))
        pencil.fill(bar, "bg3")
        pencil.fill(
            QRectF(bar.left(), bar.top(), bar.width() * min(1.0, row.calls_last_hour / FULL_LOAD), bar.height()),
            "text2",
        )
