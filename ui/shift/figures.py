"""The lead's six figures, each with what it counts; nothing to count shows as a dash, never as a zero or a hundred."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import figures
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.deadline import age
from ui.widgets.pencil import Pencil
from workstation.domain.rows import QueueFigures

AGENCY_TARGET_S = 60
ANSWERED_LEAST = 0.9
TWO_ROWS = 1.75


class Figure(Struct, frozen=True):
    """One figure: its name, its value, what it counts, and whether it misses its target."""

    title: str
    value: str
    detail: str
    bad: bool = False


def percent(part: int, whole: int) -> str:
    return f"{figures.number(100 * part / whole)} %" if whole else tr("lead.nothing")


def six(told: QueueFigures, now_ms: int) -> tuple[Figure, ...]:
    """The six of the strip. A share under its target, late agencies, unsent ops and rival values stand out in amber."""
    answered_bad = told.answered > 0 and told.answered_in_15_s < ANSWERED_LEAST * told.answered
    p90 = told.call_to_agency_p90_s
    oldest = told.oldest_unsent_at
    return (
        Figure(
            tr("lead.answered"),
            percent(told.answered_in_15_s, told.answered),
            tr("lead.answered_detail", n=told.answered_in_15_s, of=told.answered),
            answered_bad,
        ),
        Figure(
            tr("lead.abandoned"),
            percent(told.abandoned, told.calls),
            tr("lead.abandoned_detail", n=told.abandoned),
        ),
        Figure(
            tr("lead.agency"),
            tr("lead.nothing") if p90 is None else tr("lead.agency_value", n=figures.number(p90)),
            tr("lead.agency_detail", n=told.call_to_agency_n),
            p90 is not None and p90 > AGENCY_TARGET_S,
        ),
        Figure(
            tr("lead.noise"),
            percent(told.noise, told.answered),
            tr("lead.noise_detail", n=told.noise, of=told.answered),
        ),
        Figure(
            tr("lead.unsent"),
            str(told.unsent),
            tr("lead.unsent_none") if oldest is None else tr("lead.unsent_oldest", age=age(now_ms, oldest)),
            told.unsent > 0,
        ),
        Figure(
            tr("lead.decide"),
            str(told.conflicts),
            tr("lead.decide_detail", n=told.conflicts) if told.conflicts else tr("lead.decide_none"),
            told.conflicts > 0,
        ),
    )


class FigureStrip(QWidget):
    """Six figures in a row, read out one after the other."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._told: QueueFigures | None = None
        self._now = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("lead.title"))
        theme.changed.connect(self._measure)
        self._measure()

    def show_figures(self, told: QueueFigures, now_ms: int) -> None:
        self._told, self._now = told, now_ms
        self._say()
        self.update()

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.size("strip") * self._rows)

    @property
    def _rows(self) -> int:
        """From 175 % of text the six stand in two rows of three."""
        return 2 if self.theme.scale >= TWO_ROWS else 1

    def _say(self) -> None:
        if self._told is not None:
            said = (f"{f.title} {f.value}, {f.detail}" for f in six(self._told, self._now))
            self.setAccessibleDescription("; ".join(said))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.setAccessibleName(tr("lead.title"))
            self._say()
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        pencil.box(QRectF(self.rect()), "bg1", "line" if self.theme.high_contrast else "", 4)
        if self._told is None:
            painter.end()
            return
        shown = six(self._told, self._now)
        each = len(shown) // self._rows
        for row in range(self._rows):
            self._paint_row(pencil, row * self.theme.size("strip"), shown[row * each : (row + 1) * each])
        painter.end()

    def _paint_row(self, pencil: Pencil, top: float, shown: tuple[Figure, ...]) -> None:
        widths = [self._width(pencil, figure) for figure in shown]
        gaps = len(shown) - 1
        if sum(widths) + pencil.px(32) + gaps * pencil.px(10) > self.width():
            # Large text: the value stays whole, what it counts is left to the reader and the charts below.
            shown = tuple(replace(figure, detail="") for figure in shown)
            widths = [self._width(pencil, figure) for figure in shown]
        spare = self.width() - pencil.px(32) - sum(widths)
        gap = max(pencil.px(10), min(pencil.px(40), spare / gaps))
        x = pencil.px(16)
        for figure, wide in zip(shown, widths, strict=True):
            self._paint(pencil, QPointF(x, top), wide, figure)
            x += wide + gap

    def _width(self, pencil: Pencil, figure: Figure) -> float:
        mark = pencil.px(22) if figure.bad else 0.0
        lower = mark + pencil.width(figure.value, "figure") + pencil.px(7) + pencil.width(figure.detail, "small")
        return max(pencil.width(figure.title, "small"), lower)

    def _paint(self, pencil: Pencil, at: QPointF, wide: float, figure: Figure) -> None:
        token, x = "amber" if figure.bad else "text", at.x()
        pencil.text(QRectF(x, at.y() + pencil.px(8), wide + 1, pencil.px(18)), figure.title, "small", "text3")
        lower = QRectF(x, at.y() + pencil.px(27), wide + 1, pencil.px(26))
        if figure.bad:
            pencil.icon(x, lower.center().y() - pencil.px(8), "warn", "amber", 16)
            lower = lower.adjusted(pencil.px(22), 0, 0, 0)
        taken = pencil.text(lower, figure.value, "figure", token)
        pencil.text(lower.adjusted(taken + pencil.px(7), pencil.px(3), 0, 0), figure.detail, "small", "text2")
