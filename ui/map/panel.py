"""The map panel: villages of the gazetteer, incident marks by priority, the caller's circle, a scale.

No map pack is part of the program, and the panel says so: it knows where a village's middle is and how large it is, not
its borders. What does not move (names, areas) is painted once per view and size into a pixmap, and only after the frame
that first wants it: a ring must not wait for seventy names. Marks go on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin, sqrt
from typing import cast

from msgspec import Struct
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.bridge import Bridge
from ui.i18n import language, tr
from ui.map.projection import Frame, View
from ui.theme import Theme
from ui.widgets.incident_words import IncidentWords
from ui.widgets.pencil import CENTER, RIGHT, Pencil
from workstation.domain.rows import BoardRow
from workstation.service.desk import Desk

CITY_VIEW = View(-3.7005, 128.176, 19_500)
CALLER_SPAN_M = 4_600.0
BAY = (-3.686, 128.135)
UNKNOWN_AREA_KM2 = 2.0
BASES_MOST = 4


class Caller(Struct, frozen=True):
    """Where the caller is taken to be: a point, and how far it may be off."""

    village: str
    lat: float
    lon: float
    radius_m: float


class MapPanel(QWidget):
    """The map.

    Keys while it has the focus: + and - zoom, the arrows move, 0 shows the city (or the caller) again.

    Signals:
        opened(bytes): an incident's mark was clicked.
        pointed(float, float): a place without a mark was double-clicked, in degrees.
    """

    opened = Signal(bytes)
    pointed = Signal(float, float)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self.theme = desk, theme
        self._words = IncidentWords(desk)
        self._rows: tuple[BoardRow, ...] = ()
        self._caller: Caller | None = None
        self._home = self._view = CITY_VIEW
        self._bases: dict[tuple[object, ...], QPixmap] = {}
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._prepare)
        self.painted = 0  # how often the base was painted anew; a test holds it still
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        theme.changed.connect(self.update)
        self._say()

    # -------------------------------------------------- what is shown
    def show_board(self, rows: object) -> None:
        """Takes the open incidents the board already has (its signal `rows_changed`)."""
        fresh = tuple(cast("Sequence[BoardRow]", rows))
        if fresh != self._rows:
            self._rows = fresh
            self._say()
            self.update()

    def show_place(self, village: str, lat: float | None = None, lon: float | None = None, radius_m: float = 0) -> None:
        """Shows where the caller is: the point if there is one, else the village's middle with the village's size."""
        found = self._desk.gazetteer.get(village) if village else None
        if lat is None or lon is None:
            if found is None or found.lat is None or found.lon is None:
                self.clear_place()
                return
            lat, lon = found.lat, found.lon
            radius_m = sqrt((found.area_km2 or UNKNOWN_AREA_KM2) / pi) * 1000
        caller = Caller(village, lat, lon, radius_m)
        if caller != self._caller:
            self._caller = caller
            self._home = View(lat, lon, max(CALLER_SPAN_M, min(radius_m * 3.2, CITY_VIEW.span_m)))
            self._look_at(self._home)

    def clear_place(self) -> None:
        """Nobody is on the line: the whole city again."""
        if self._caller is not None or self._view != CITY_VIEW:
            self._caller, self._home = None, CITY_VIEW
            self._look_at(CITY_VIEW)

    @property
    def frame(self) -> Frame:
        return Frame(self._view, self.width(), self.height())

    def marks(self) -> list[tuple[BoardRow, QPointF]]:
        """Each open incident with a known place and where its mark stands; marks of one place are spread round it."""
        frame, taken = self.frame, dict[tuple[float, float], int]()
        found = []
        for row in sorted(self._rows, key=lambda r: (r.priority or 9, r.opened_at), reverse=True):
            place = self._place_of(row)
            if place is None:
                continue
            nth = taken.get(place, 0)
            taken[place] = nth + 1
            ring = self.theme.px(17) * (1 + (nth - 1) // 6) if nth else 0
            turn = nth * pi / 3
            found.append((row, frame.point(*place) + QPointF(ring * cos(turn), ring * sin(turn))))
        return found

    # -------------------------------------------------- painting
    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        base = self._bases.get(self._wanted())
        if base is None:
            pencil.box(QRectF(self.rect()), "sea", "line" if self.theme.high_contrast else "", 4)
            self._soon.start()
        else:
            painter.drawPixmap(0, 0, base)
        clip = QPainterPath()
        clip.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(clip)
        if self._caller is not None:
            self._paint_caller(pencil, self._caller)
        for row, point in self.marks():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(pencil.color("land"))
            painter.drawEllipse(point, pencil.px(12.5), pencil.px(12.5))
            pencil.priority(point, row.priority, 8.5)
        self._paint_scale(pencil)
        self._paint_note(pencil)
        if self.hasFocus():
            pencil.box(QRectF(self.rect()), "", "accent", 4, 3 if self.theme.high_contrast else 2)
        painter.end()

    def _wanted(self) -> tuple[object, ...]:
        """What the base depends on; the city idle and the city beside a form are two of them, and both are kept."""
        chosen = self._caller.village if self._caller else ""
        look = (self.theme.palette_name, self.theme.scale, language())
        return (self._view, self.width(), self.height(), self.devicePixelRatioF(), chosen, *look)

    def _prepare(self) -> None:
        wanted = self._wanted()
        if wanted not in self._bases and self.isVisible():
            while len(self._bases) >= BASES_MOST:
                del self._bases[next(iter(self._bases))]
            self._bases[wanted] = self._paint_base()
            self.update()

    def _paint_base(self) -> QPixmap:
        self.painted += 1
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        pencil = Pencil(painter, self.theme)
        pencil.box(QRectF(self.rect()), "sea", "line" if self.theme.high_contrast else "", 4)
        clip = QPainterPath()
        clip.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(clip)
        self._paint_areas(pencil)
        self._paint_names(pencil)
        painter.end()
        return pixmap

    def _paint_areas(self, pencil: Pencil) -> None:
        """Each village as a circle of its own area round its middle: an extent, not a border."""
        frame, painter = self.frame, pencil.painter
        circles: list[tuple[QPointF, float, bool]] = []
        for village in self._desk.gazetteer.villages:
            if village.lat is None or village.lon is None:
                continue
            radius = sqrt((village.area_km2 or UNKNOWN_AREA_KM2) / pi) * 1000 * frame.px_per_m
            chosen = self._caller is not None and village.code == self._caller.village
            circles.append((frame.point(village.lat, village.lon), radius, chosen))
        painter.setPen(Qt.PenStyle.NoPen)
        for token, grow in (("coast", 1.2), ("land", 0.0)):
            painter.setBrush(pencil.color(token))
            for center, radius, _ in circles:
                painter.drawEllipse(center, radius + grow, radius + grow)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(pencil.color("coast", 0.22), 0.8))
        for center, radius, _ in circles:
            painter.drawEllipse(center, radius, radius)
        for center, radius, chosen in circles:
            if chosen:
                painter.setPen(QPen(pencil.color("accent"), 1.6))
                painter.setBrush(pencil.color("land2"))
                painter.drawEllipse(center, radius, radius)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(pencil.color("coast"))
            painter.drawEllipse(center, 1.6, 1.6)

    def _paint_names(self, pencil: Pencil) -> None:
        frame, used = self.frame, self._kept_free(pencil)
        named = []
        for village in self._desk.gazetteer.villages:
            if village.lat is None or village.lon is None:
                continue
            chosen = self._caller is not None and village.code == self._caller.village
            named.append((not chosen, -village.area_km2, village.name, frame.point(village.lat, village.lon)))
        self._paint_bay(pencil, used)
        for other, _, name, center in sorted(named, key=lambda n: n[:3]):
            role, weight = ("small", 500) if other else ("strong", None)
            wide, tall = pencil.width(name, role, weight), pencil.px(16)
            for drop in (18, -18, 34, -34):
                rect = QRectF(center.x() - wide / 2, center.y() - tall / 2 + pencil.px(drop), wide, tall)
                inside = QRectF(self.rect()).adjusted(4, 4, -4, -4).contains(rect)
                if not inside or any(rect.adjusted(-4, -1, 4, 1).intersects(other_rect) for other_rect in used):
                    continue
                used.append(rect)
                self._paint_name(pencil, rect, name, pencil.font(role, weight), "text3" if other else "text")
                break

    def _paint_name(self, pencil: Pencil, rect: QRectF, name: str, font: QFont, token: str) -> None:
        """A name with a halo of land, so that it stays legible over edges and marks."""
        path = QPainterPath()
        path.addText(QPointF(rect.left(), rect.bottom() - pencil.px(4)), font, name)
        painter = pencil.painter
        painter.setPen(
            QPen(pencil.color("land"), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.fillPath(path, pencil.color(token))

    def _paint_bay(self, pencil: Pencil, used: list[QRectF]) -> None:
        font = pencil.font("small")
        font.setItalic(True)
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 1.2)
        name, center = tr("map.sea_bay"), self.frame.point(*BAY)
        rect = QRectF(center.x() - pencil.px(60), center.y() - pencil.px(9), pencil.px(120), pencil.px(18))
        if QRectF(self.rect()).contains(rect):
            pencil.painter.setFont(font)
            pencil.painter.setPen(pencil.color("text3"))
            pencil.painter.drawText(rect, int(CENTER), name)
            used.append(rect)

    def _kept_free(self, pencil: Pencil) -> list[QRectF]:
        """Where no name may go: the note and the scale bar below, the caller's circle's middle."""
        foot = pencil.px(30)
        kept = [QRectF(0, self.height() - foot, self.width(), foot)]
        if self._caller is not None:
            point, side = self.frame.point(self._caller.lat, self._caller.lon), pencil.px(44)
            kept.append(QRectF(point.x() - side / 2, point.y() - side / 2, side, side))
        return kept

    def _paint_caller(self, pencil: Pencil, caller: Caller) -> None:
        painter, frame = pencil.painter, self.frame
        center = frame.point(caller.lat, caller.lon)
        radius = max(caller.radius_m * frame.px_per_m, pencil.px(13))
        painter.setPen(QPen(pencil.color("accent"), 1.5))
        painter.setBrush(pencil.color("accent", 0.13))
        painter.drawEllipse(center, radius, radius)
        for east, north in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            way = QPointF(east, north)
            painter.drawLine(center + way * pencil.px(13), center + way * pencil.px(20))

    def _scale_words(self, pencil: Pencil) -> tuple[str, float, float]:
        """The scale bar: its words, its length and the words' width, px."""
        metres, long = self.frame.scale_bar(pencil.px(52))
        words = tr("map.metres", n=metres) if metres < 1000 else tr("map.kilometres", n=metres // 1000)
        return words, long, pencil.width(words, "small", 500)

    def _scale_box(self, pencil: Pencil) -> QRectF:
        _, long, wide = self._scale_words(pencil)
        right, bottom = self.width() - pencil.px(14), self.height() - pencil.px(10)
        left, top = right - long - wide - pencil.px(18), bottom - pencil.px(15)
        return QRectF(left, top, long + wide + pencil.px(26), pencil.px(21))

    def _paint_scale(self, pencil: Pencil) -> None:
        words, long, wide = self._scale_words(pencil)
        right, bottom = self.width() - pencil.px(14), self.height() - pencil.px(10)
        back = self._scale_box(pencil)
        pencil.painter.setPen(Qt.PenStyle.NoPen)
        pencil.painter.setBrush(pencil.color("bg1", 0.88))
        pencil.painter.drawRoundedRect(back, 3, 3)
        pencil.text(
            QRectF(right - long - wide - pencil.px(10), back.top(), wide + 2, back.height()),
            words,
            "small",
            "text2",
            RIGHT,
            500,
        )
        path = QPainterPath(QPointF(right - long, bottom - pencil.px(7)))
        path.lineTo(right - long, bottom - pencil.px(2))
        path.lineTo(right, bottom - pencil.px(2))
        path.lineTo(right, bottom - pencil.px(7))
        pencil.painter.setPen(QPen(pencil.color("text2"), 1.4))
        pencil.painter.setBrush(Qt.BrushStyle.NoBrush)
        pencil.painter.drawPath(path)

    def _paint_note(self, pencil: Pencil) -> None:
        note = tr("map.no_pack")
        wide = pencil.width(note, "small") + pencil.px(12)
        # Beside the scale bar where there is room, else above everything: neither may cover the other.
        beside = 5 + wide < self._scale_box(pencil).left()
        back = QRectF(5, self.height() - pencil.px(25) if beside else 5, min(wide, self.width() - 10), pencil.px(21))
        pencil.painter.setPen(Qt.PenStyle.NoPen)
        pencil.painter.setBrush(pencil.color("bg1", 0.88))
        pencil.painter.drawRoundedRect(back, 3, 3)
        pencil.text(back.adjusted(pencil.px(6), 0, 0, 0), note, "small", "text3")

    # -------------------------------------------------- keys, mouse, changes
    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-0.2, 0.0),
            Qt.Key.Key_Right: (0.2, 0.0),
            Qt.Key.Key_Up: (0.0, 0.2),
            Qt.Key.Key_Down: (0.0, -0.2),
        }
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._look_at(self._view.zoomed(0.7))
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self._look_at(self._view.zoomed(1 / 0.7))
        elif key in steps:
            self._look_at(self._view.moved(*steps[key]))
        elif key == Qt.Key.Key_0:
            self._look_at(self._home)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._look_at(self._view.zoomed(0.85 if event.angleDelta().y() > 0 else 1 / 0.85))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        near = self.theme.px(14)
        for row, point in reversed(self.marks()):
            if (point - event.position()).manhattanLength() <= near:
                self.opened.emit(row.uid)
                return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        lat, lon = self.frame.place(event.position())
        self.pointed.emit(lat, lon)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.update()
            self._say()
        super().changeEvent(event)

    def _look_at(self, view: View) -> None:
        self._view = view
        self.update()

    def _place_of(self, row: BoardRow) -> tuple[float, float] | None:
        if row.lat is not None and row.lon is not None:
            return row.lat, row.lon
        village = self._desk.gazetteer.get(row.village) if row.village else None
        if village is None or village.lat is None or village.lon is None:
            return None
        return village.lat, village.lon

    def _say(self) -> None:
        placed = [row for row in self._rows if self._place_of(row) is not None]
        self.setAccessibleName(tr("map.title"))
        listed = "; ".join(
            f"{row.priority}: {self._words.type(row)}, {self._words.village(row)}" for row in placed[:20]
        )
        self.setAccessibleDescription(f"{tr('map.incidents', n=len(placed))}. {listed}. {tr('map.no_pack')}")
