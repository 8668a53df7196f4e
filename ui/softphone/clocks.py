"""The clock ribbon: answer, gate, where, what, agency, arrival; plain, amber from 75 % of the target, red past it.

Ten times a second only the running clocks' own rectangles are repainted, and only when their text or bar changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QEvent, QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ui import figures, icons
from ui.i18n import tr
from ui.theme import Theme, clock_state
from ui.widgets import marks


class Stage(Struct, frozen=True):
    """One clock of the call. Times in ms UTC: `from_at` None = not started, `to_at` None = still running."""

    key: str
    words: str
    target_s: int
    from_at: int | None
    to_at: int | None

    def elapsed_s(self, now_ms: int) -> float | None:
        if self.from_at is None:
            return None
        end = now_ms if self.to_at is None else self.to_at
        return max(0.0, (end - self.from_at) / 1000)

    @property
    def running(self) -> bool:
        return self.from_at is not None and self.to_at is None


class Face(Struct, frozen=True):
    """What of a clock is on the screen; equal faces need no repaint."""

    text: str
    state: str
    bar: int


def face(stage: Stage, now_ms: int, width: int, amber_at: float) -> Face:
    elapsed = stage.elapsed_s(now_ms)
    if elapsed is None:
        return Face("–", "idle", 0)
    state = clock_state(elapsed, stage.target_s, amber_at)
    share = min(1.0, elapsed / stage.target_s) if stage.target_s else 0
    if state == "breach" and stage.running:
        return Face(figures.past(elapsed - stage.target_s), state, width)
    return Face(figures.clock(elapsed), state, round(width * share))


class ClockRibbon(QWidget):
    """Up to six clocks side by side; the one that decides now is drawn strong."""

    def __init__(self, theme: Theme, amber_at: float = 0.75, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.amber_at = amber_at
        self.stages: tuple[Stage, ...] = ()
        self.now_ms = 0
        self._faces: list[Face] = []
        self.repaints = 0
        theme.changed.connect(self.update)

    def show_stages(self, stages: Sequence[Stage], now_ms: int) -> None:
        if tuple(stages) != self.stages:
            self.stages = tuple(stages)
            self._faces = []
        self.tick(now_ms)

    def shown(self) -> tuple[Stage, ...]:
        """At 150 % four, from 175 % two: finished clocks drop off the left."""
        most = 6 if self.theme.scale < 1.5 else 4 if self.theme.scale < 1.75 else 2
        return self.stages[-most:]

    def tick(self, now_ms: int) -> None:
        self.now_ms = now_ms
        stages = self.shown()
        now = [face(stage, now_ms, self._bar_width(), self.amber_at) for stage in stages]
        for n, (one, other) in enumerate(zip(now, self._faces + [None] * len(now), strict=False)):
            if one != other:
                self.update(self.cell(n).toAlignedRect())
        if now != self._faces:
            self._faces = now
            self._say()

    def _say(self) -> None:
        self.setAccessibleName(tr("clocks.name"))
        self.setAccessibleDescription("; ".join(self.sentence(n) for n in range(len(self.shown()))))

    def sentence(self, n: int) -> str:
        """One clock in words, for a screen reader: `Lokasi 0:17 dari 0:30, tercapai`."""
        stage = self.shown()[n]
        shown = face(stage, self.now_ms, 100, self.amber_at)
        state = "done" if stage.to_at is not None and shown.state != "breach" else shown.state
        target = figures.clock(stage.target_s)
        return tr(
            "clocks.sentence", name=stage.words, time=shown.text, target=target, state=tr(f"clocks.state.{state}")
        )

    def cell(self, n: int) -> QRectF:
        count = max(1, len(self.shown()))
        left, gap = self.theme.px(16), self.theme.px(26)
        wide = (self.width() - 2 * left - gap * (count - 1)) / count
        return QRectF(left + n * (wide + gap), 0, wide, self.height())

    def _bar_width(self) -> int:
        return round(self.cell(0).width())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.fillRect(event.rect(), theme.color("bg1"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.color("line"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for n, stage in enumerate(self.shown()):
            cell = self.cell(n)
            if cell.toAlignedRect().intersects(event.rect()):
                self.repaints += 1
                self._paint(painter, cell, stage)

    def _paint(self, painter: QPainter, cell: QRectF, stage: Stage) -> None:
        theme = self.theme
        shown = face(stage, self.now_ms, round(cell.width()), self.amber_at)
        token = {"amber": "amber", "breach": "red"}.get(shown.state, "text") if stage.running else "text2"
        if stage.to_at is not None and shown.state == "breach":
            token = "red"
        line = QRectF(cell.left(), theme.px(5), cell.width(), theme.px(24))
        side = theme.px(15)
        self._mark(painter, stage, shown, QPointF(cell.left() + side / 2, line.center().y()), token)
        target = f"/{figures.clock(stage.target_s)}"
        wide = marks.text_width(theme, target, "body")
        marks.paint_text(painter, theme, line, target, "body", "text3", marks.RIGHT)
        strong = "strong" if stage.from_at is not None else "body"
        number = line.adjusted(0, 0, -wide - theme.px(2), 0)
        number_token = token if stage.running or token == "red" else "text2" if stage.from_at is not None else "text3"
        used = marks.paint_text(painter, theme, number, shown.text, strong, number_token, marks.RIGHT)
        words = QRectF(
            cell.left() + side + theme.px(6), line.top(), number.width() - used - side - theme.px(10), line.height()
        )
        role = "strong" if stage.running and shown.state in ("amber", "breach") else "body"
        marks.paint_text(painter, theme, words, stage.words, role, "text3" if stage.from_at is None else token)
        bar = QRectF(cell.left(), self.height() - theme.px(9), cell.width(), theme.px(4))
        painter.setPen(QPen(theme.color("bg3"), 0))
        painter.setBrush(theme.color("bg3"))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        if shown.bar:
            fill = {"amber": "amberFill", "breach": "redFill"}.get(shown.state, "text3")
            if stage.to_at is not None and shown.state == "amber":
                fill = "text3"
            painter.setPen(QPen(theme.color("amber" if fill == "amberFill" else fill), 0))
            painter.setBrush(theme.color(fill))
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), shown.bar, bar.height()), 1.5, 1.5)

    def _mark(self, painter: QPainter, stage: Stage, shown: Face, centre: QPointF, token: str) -> None:
        """Shape beside the colour: tick reached, triangle amber, cross breached, watch running, ring not begun."""
        theme = self.theme
        side = theme.px(15)
        box = QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)
        if stage.from_at is None:
            painter.setPen(QPen(theme.color("text3"), 1.3 * theme.scale))
            painter.setBrush(theme.color("bg1"))
            painter.drawEllipse(centre, side * 0.36, side * 0.36)
        elif shown.state == "breach":
            icons.paint_icon(painter, theme, "warn", box, "red")
        elif stage.to_at is not None:
            icons.paint_icon(painter, theme, "tick", box, "text2")
        elif shown.state == "amber":
            marks.paint_triangle(painter, theme, centre, 6)
        else:
            icons.paint_icon(painter, theme, "stopwatch", box, token)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
            self.update()
        super().changeEvent(event)
