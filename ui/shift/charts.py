"""The lead's charts, painted by their own widgets: answered in time by hour, call to agency, what the calls were.

Each says its n; a value under its target stands out by a mark and a colour together; nothing is drawn where nothing was
counted. The same figures are read out as text (`accessibleDescription`).
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import figures
from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets.pencil import CENTER, LEFT, RIGHT, Pencil
from workstation.service.desk import Desk

ANSWERED_TARGET = 90
AGENCY_TARGET_S = 60
AXIS_LEAST_S = 120
HOUR_MS = 3_600_000


class Chart(QWidget):
    """What the three share: size, theme, language, an empty sentence."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self._name = theme, name
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr(name))
        theme.changed.connect(self.update)

    def said(self) -> str:
        """The chart in words."""
        raise NotImplementedError

    def draw(self, pencil: Pencil) -> None:
        """Paints the chart; called only when there is something to show."""
        raise NotImplementedError

    def empty(self) -> bool:
        raise NotImplementedError

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        if self.empty():
            pencil.text(QRectF(self.rect()), tr("lead.chart_empty"), "small", "text3", CENTER)
        else:
            self.draw(pencil)
        painter.end()

    def told(self) -> None:
        """New figures are in: say and paint them."""
        self.setAccessibleName(tr(self._name))
        self.setAccessibleDescription(tr("lead.chart_empty") if self.empty() else self.said())
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.told()
        super().changeEvent(event)


class HourBars(Chart):
    """Share of calls answered within 15 s, one bar an hour, with the target as a line."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "lead.chart_answered", parent)
        self._hours: tuple[tuple[int, int, int], ...] = ()
        self._offline: tuple[tuple[int, int], ...] = ()

    def show_hours(self, hours: Sequence[tuple[int, int, int]], offline: Sequence[tuple[int, int]] = ()) -> None:
        """Takes (hour start ms, calls answered, of them within 15 s); hours without a call keep their place, empty.

        `offline` are the spans (from ms, to ms) in which nothing of the other desks was heard: they are hatched.
        """
        known = {hour: (answered, quick) for hour, answered, quick in hours}
        span = range(min(known), max(known) + 1, HOUR_MS) if known else ()
        self._hours = tuple((hour, *known.get(hour, (0, 0))) for hour in span)
        self._offline = tuple(offline)
        self.told()

    def empty(self) -> bool:
        return not any(answered for _, answered, _ in self._hours)

    def said(self) -> str:
        parts = (
            f"{figures.wall(at, seconds=False)} {100 * quick / answered:.0f} % ({quick}/{answered})"
            for at, answered, quick in self._hours
            if answered
        )
        return ", ".join(parts)

    def draw(self, pencil: Pencil) -> None:
        left, top, floor = pencil.px(30), pencil.px(8), self.height() - pencil.px(18)
        wide, tall = self.width() - left, floor - top
        step = wide / len(self._hours)
        first = self._hours[0][0]
        for begun, over in self._offline:
            start = max(0.0, (begun - first) / HOUR_MS) * step
            end = min(float(len(self._hours)), (over - first) / HOUR_MS) * step
            if end > start:
                room = QRectF(left + start, top, end - start, tall)
                pencil.painter.fillRect(room, QBrush(pencil.color("amber", 0.6), Qt.BrushStyle.BDiagPattern))
        for share in (0, 50, 100):
            y = floor - tall * share / 100
            pencil.fill(QRectF(left, y, wide, 1), "line")
            pencil.text(
                QRectF(0, y - pencil.px(8), left - pencil.px(6), pencil.px(16)), str(share), "hint", "text3", RIGHT
            )
        every = 1 if step >= pencil.px(34) else 2 if step >= pencil.px(17) else 4
        for n, (at, answered, quick) in enumerate(self._hours):
            if answered:
                self._bar(pencil, QRectF(left + n * step + step * 0.2, top, step * 0.6, tall), 100 * quick / answered)
            if n % every == 0:
                label = QRectF(left + n * step - 8, floor + 1, step + 16, pencil.px(15))
                pencil.text(label, figures.wall(at, seconds=False)[:2], "hint", "text3", CENTER)
        y = floor - tall * ANSWERED_TARGET / 100
        pencil.painter.setPen(QPen(pencil.color("accent"), 1.6))
        pencil.painter.drawLine(QPointF(left, y), QPointF(self.width(), y))

    def _bar(self, pencil: Pencil, room: QRectF, share: float) -> None:
        under = share < ANSWERED_TARGET
        top = room.bottom() - room.height() * share / 100
        pencil.fill(QRectF(room.left(), top, room.width(), room.bottom() - top), "amber" if under else "text2")
        if under:
            path = QPainterPath(QPointF(room.center().x(), top - pencil.px(11)))
            path.lineTo(room.center().x() + pencil.px(4.5), top - pencil.px(3))
            path.lineTo(room.center().x() - pencil.px(4.5), top - pencil.px(3))
            path.closeSubpath()
            pencil.painter.fillPath(path, pencil.color("amber"))


class Ecdf(Chart):
    """How many of the incidents had their first agency told within so many seconds: the empirical distribution."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "lead.chart_agency", parent)
        self._seconds: tuple[float, ...] = ()

    def show_seconds(self, seconds: Sequence[float]) -> None:
        self._seconds = tuple(sorted(seconds))
        self.told()

    def empty(self) -> bool:
        return not self._seconds

    def share_within(self, seconds: float) -> float:
        """Share of incidents told within `seconds`, 0..1."""
        return sum(value <= seconds for value in self._seconds) / len(self._seconds)

    def said(self) -> str:
        within = 100 * self.share_within(AGENCY_TARGET_S)
        return f"n {len(self._seconds)}, {tr('lead.target', n=AGENCY_TARGET_S)}: {within:.0f} %"

    def draw(self, pencil: Pencil) -> None:
        left, top, floor = pencil.px(30), pencil.px(8), self.height() - pencil.px(33)
        # The longest tail would flatten everything that matters: what lies past the axis ends at its edge.
        most = max(AXIS_LEAST_S, 30 * round(self._seconds[int(0.95 * (len(self._seconds) - 1))] * 1.15 / 30))
        wide, tall = self.width() - left - 4, floor - top

        def point(seconds: float, share: float) -> QPointF:
            return QPointF(left + wide * min(seconds, most) / most, floor - tall * share)

        for share in (0.0, 0.5, 0.9):
            y = point(0, share).y()
            pencil.fill(QRectF(left, y, wide, 1), "line")
            label = QRectF(0, y - pencil.px(8), left - pencil.px(6), pencil.px(16))
            pencil.text(label, f"{share * 100:.0f}", "hint", "text3", RIGHT)
        path = QPainterPath(point(0, 0))
        count = len(self._seconds)
        for n, seconds in enumerate(self._seconds):
            path.lineTo(point(seconds, n / count))
            path.lineTo(point(seconds, (n + 1) / count))
        path.lineTo(point(most, 1))
        pencil.painter.setPen(QPen(pencil.color("text"), 1.8))
        pencil.painter.setBrush(Qt.BrushStyle.NoBrush)
        pencil.painter.drawPath(path)
        self._axis(pencil, point(AGENCY_TARGET_S, 0).x(), left, wide, floor, most)

    def _axis(self, pencil: Pencil, target_x: float, left: float, wide: float, floor: float, most: float) -> None:
        pencil.painter.setPen(QPen(pencil.color("accent"), 1.6))
        pencil.painter.drawLine(QPointF(target_x, pencil.px(8)), QPointF(target_x, floor))
        words = tr("lead.target", n=AGENCY_TARGET_S)
        pencil.text(
            QRectF(target_x + pencil.px(5), floor - pencil.px(20), pencil.px(90), pencil.px(16)),
            words,
            "hint",
            "accent",
            LEFT,
            500,
        )
        for n in range(5):
            x = left + wide * n / 4
            align = RIGHT if n == 4 else CENTER
            place = QRectF(x - 40 if n == 4 else x - 20, floor + 2, 42 if n == 4 else 40, pencil.px(15))
            pencil.text(place, f"{most * n / 4:.0f}", "hint", "text3", align)
        pencil.text(
            QRectF(left, self.height() - pencil.px(15), wide, pencil.px(15)), tr("lead.seconds_axis"), "hint", "text3"
        )


class TypeMix(Chart):
    """What the calls were, one bar a type, the emergencies in accent."""

    SHOWN = 6

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "lead.chart_types", parent)
        self._desk = desk
        self._types: tuple[tuple[str, int], ...] = ()

    def show_types(self, types: Sequence[tuple[str, int]]) -> None:
        """Takes (call type, calls); the smallest of more than six are added up."""
        order = sorted(types, key=lambda pair: (pair[0] != "emergency", -pair[1], pair[0]))
        head, tail = order[: self.SHOWN - 1], order[self.SHOWN - 1 :]
        rest = [("other", sum(count for _, count in tail))] if len(tail) > 1 else tail
        self._types = tuple((*head, *rest))
        self.told()

    def empty(self) -> bool:
        return not any(count for _, count in self._types)

    def name(self, kind: str) -> str:
        known = self._desk.catalogue.call_types.get(kind)
        if known is not None:
            return known.label(language())
        return tr("lead.other") if kind == "other" else tr("calls.untyped") if not kind else figures.plain(kind)

    def said(self) -> str:
        return ", ".join(f"{self.name(kind)} {count}" for kind, count in self._types)

    def draw(self, pencil: Pencil) -> None:
        most = max(count for _, count in self._types)
        tall = min((self.height() - pencil.px(4)) / max(len(self._types), 1), pencil.px(24))
        left = pencil.px(100)
        for n, (kind, count) in enumerate(self._types):
            y, first = n * tall, kind == "emergency"
            label = QRectF(0, y, left - pencil.px(8), tall)
            pencil.text(label, self.name(kind), "small", "text" if first else "text2", LEFT, 500 if first else None)
            long = (self.width() - left - pencil.px(40)) * count / most
            pencil.fill(QRectF(left, y + tall * 0.24, long, tall * 0.52), "accent" if first else "text3")
            pencil.text(QRectF(left + long + pencil.px(6), y, pencil.px(40), tall), str(count), "minor_strong", "text2")
