"""Where: the village with its proposals, and the point. The gazetteer proposes, a person chooses, free text stands."""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Bridge
from ui.i18n import tr
from ui.intake.lines import FieldLine
from ui.theme import Theme
from ui.widgets import marks
from workstation.domain.rows import Field
from workstation.service.desk import Desk

AnyIndex = QModelIndex | QPersistentModelIndex
MOST = 6
SURE = ("exact", "prefix", "word")  # what Enter may take without a look at the list: never a near match


def match_words(match: Any) -> str:
    """How well a match fits, in words: `cocok penuh`, `benar 7 dari 8`."""
    if match.how == "exact":
        return tr("where.exact")
    if match.how in SURE:
        return tr("where.begins")
    return tr("where.right", right=match.right, of=match.of)


class Matches(QAbstractListModel):
    """The proposals for what is typed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.matches: list[Any] = []

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.matches)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.matches):
            return None
        match = self.matches[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return match.label
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{match.label}, {match_words(match)}"
        if role == Qt.ItemDataRole.UserRole:
            return match
        return None

    def show(self, matches: list[Any]) -> None:
        self.beginResetModel()
        self.matches = matches
        self.endResetModel()


class MatchDelegate(QStyledItemDelegate):
    """Name at the left, how well it fits at the right."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self.theme, self.view = theme, view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: AnyIndex) -> QSize:
        return QSize(100, self.theme.size("row"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, box = self.theme, QRectF(option.rect)
        current = index.row() == self.view.currentIndex().row()
        if current:
            painter.fillRect(box, theme.color("tint"))
            painter.fillRect(QRectF(box.left(), box.top(), 3, box.height()), theme.color("accent"))
        match = index.data(Qt.ItemDataRole.UserRole)
        inner = box.adjusted(theme.px(10), 0, -theme.px(10), 0)
        words = match_words(match)
        marks.paint_text(painter, theme, inner, words, "small", "text2", marks.RIGHT)
        room = inner.adjusted(0, 0, -marks.text_width(theme, words, "small") - theme.px(10), 0)
        marks.paint_text(painter, theme, room, match.label, "strong" if current else "body", "text")


class Proposals(QFrame):
    """The list under the village line: covers, never shifts, never takes the focus."""

    chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.model = Matches(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(MatchDelegate(theme, self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(lambda index: self.chosen.emit(index.data(Qt.ItemDataRole.UserRole)))
        self.setProperty("popup", True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.addWidget(self.list)
        self.retranslate()
        self.hide()

    def retranslate(self) -> None:
        self.list.setAccessibleName(tr("where.proposals"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def show_matches(self, matches: list[Any], under: QWidget) -> None:
        self.model.show(matches)
        if not matches:
            self.hide()
            return
        sure = matches[0].how in SURE
        self.list.setCurrentIndex(self.model.index(0, 0) if sure else QModelIndex())
        host = self.parentWidget()
        at = under.mapTo(host, QPoint(0, under.height() + 2)) if host else QPoint(0, 0)
        self.setGeometry(at.x(), at.y(), under.width(), self.theme.size("row") * len(matches) + 2)
        self.show()
        self.raise_()

    def step(self, by: int) -> None:
        if self.model.matches:
            row = (self.list.currentIndex().row() + by) % len(self.model.matches)
            self.list.setCurrentIndex(self.model.index(row, 0))

    def current(self) -> Any | None:
        index = self.list.currentIndex()
        return index.data(Qt.ItemDataRole.UserRole) if self.isVisible() and index.isValid() else None


class VillageLine(FieldLine):
    """Village, negeri, kelurahan. Proposals come from the gazetteer off the screen's thread.

    Signals:
        placed(object): a match was chosen, for the point.
    """

    placed = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        self.desk, self.bridge = desk, bridge
        self.code = ""
        self.proposals: Proposals | None = None
        self._asked = ""
        self._answered = ""
        self._take_when_known = False
        super().__init__(theme, "village", "form.where", "form.hint.where", "key_value", parent=parent)
        self.changed.connect(lambda _name, _value: self._look_up())

    def offer_in(self, host: QWidget) -> None:
        """Where the list of proposals is drawn: the form's top, so that it covers the rows below."""
        self.proposals = Proposals(self.theme, host)
        self.proposals.chosen.connect(self.choose)

    def face(self, value: object) -> str:
        text = "" if value is None else str(value)
        self.code = text if self.desk.gazetteer.get(text) is not None else ""
        return self.desk.gazetteer.label(text) if self.code else text

    def value(self) -> str:
        return self.code or self.text().strip()

    def show_field(self, field: Field | None) -> None:
        super().show_field(field)
        if not self.unsaved:
            self._tag_match()

    def _tag_match(self) -> None:
        """How well the text fits a place of the gazetteer; free text says that it is free."""
        if self.code:
            self.tag(tr("where.exact"), "tick")
        else:
            self.tag(tr("where.free") if self.text() and not self.unsaved else "")

    def retranslate(self) -> None:
        super().retranslate()
        self._tag_match()

    def _typed(self, text: str) -> None:
        self.code = ""
        self.tag("")
        super()._typed(text)

    def _look_up(self) -> None:
        text = self.text().strip()
        if self.code or not text:
            self._hide()
            return
        self._asked = text
        gazetteer = self.desk.gazetteer
        self.bridge.ask(self.desk.ask(lambda _db: gazetteer.match(text, MOST)), lambda found: self._found(text, found))

    def _found(self, text: str, found: list[Any]) -> None:
        if text != self._asked:
            return
        self._answered = text
        if self._take_when_known:
            self._take_when_known = False
            if found and found[0].how in SURE:
                self.choose(found[0])
            return
        if self.proposals is not None and self.hasFocus() and not self.code:
            self.proposals.show_matches(found, self)

    def choose(self, match: Any) -> None:
        """Take a proposal: the code goes into the record, its centre becomes the point."""
        self._hide()
        self.code = match.village.code
        self.setText(match.label)
        self.unsaved = True
        self._tag_match()
        self.changed.emit(self.name, self.code)
        self.placed.emit(match)

    def enter(self) -> None:
        current = self.proposals.current() if self.proposals is not None else None
        if current is not None and self._answered == self.text().strip():
            self.choose(current)
        elif self._asked == self.text().strip() and self._answered != self._asked and not self.code:
            self._take_when_known = True  # the fast typist: Enter came before the gazetteer's answer
        self._hide()
        super().enter()

    def _hide(self) -> None:
        if self.proposals is not None:
            self.proposals.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shown = self.proposals is not None and self.proposals.isVisible()
        if shown and self.proposals is not None and not event.modifiers():
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.proposals.step(1 if event.key() == Qt.Key.Key_Down else -1)
                return
            if event.key() == Qt.Key.Key_Escape:
                self._hide()
                return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: Any) -> None:
        self._hide()
        super().focusOutEvent(event)

    def forget(self) -> None:
        self.code = self._asked = self._answered = ""
        self._take_when_known = False
        self._hide()
        super().forget()


_PAIR = re.compile(r"^\s*([-\N{MINUS SIGN}+]?\d{1,3}(?:[.,]\d+)?)[\s;,]+([-\N{MINUS SIGN}+]?\d{1,3}(?:[.,]\d+)?)\s*$")


def read_point(text: str) -> tuple[float, float] | None:
    """Latitude and longitude from `−3,6853 128,2101` or `-3.6853, 128.2101`; None while it is neither."""
    found = _PAIR.match(text)
    if found is None:
        return None
    lat, lon = (float(part.replace("\N{MINUS SIGN}", "-").replace(",", ".")) for part in found.groups())
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None


class PointLine(FieldLine):
    """The point, read aloud as two numbers; its source and radius at the right.

    Signals:
        pointed(object): (lat, lon) typed by the operator, None when emptied.
    """

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "point", "form.point", "form.hint.point", parent=parent)
        self._fields: dict[str, Field] = {}

    def show_fields(self, fields: dict[str, Field]) -> None:
        """Show lat, lon, radius and source, which are four registers of the record."""
        self._fields = fields
        if self.unsaved:
            return
        lat, lon = (self._number(name) for name in ("lat", "lon"))
        self.seen = ()
        self.rival = any(fields[name].rival for name in ("lat", "lon") if name in fields)
        text = figures.point(lat, lon) if lat is not None and lon is not None and not self.rival else ""
        if text != self.text():
            self.setText(text)
        self.tag(self._words() if text else "")
        self._mark_rival()

    def _number(self, name: str) -> float | None:
        value = self._fields[name].face if name in self._fields else None
        return float(value) if isinstance(value, int | float) else None

    def _words(self) -> str:
        radius = self._number("radius_m")
        source = self._fields["point_source"].face if "point_source" in self._fields else ""
        parts = [f"± {figures.distance(radius)}"] if radius else []
        if source:
            parts.append(tr(f"point.source.{source}"))
        return ", ".join(parts)

    def _typed(self, text: str) -> None:
        self.unsaved = True
        if not text.strip():
            self.tag("")
            self.pointed.emit(None)
            return
        point = read_point(text)
        if point is None:
            self.tag(tr("point.unread"), token="amber")
        else:
            self.tag("")
            self.pointed.emit(point)

    def retranslate(self) -> None:
        super().retranslate()
        if hasattr(self, "_fields"):
            self.show_fields(self._fields)

    def forget(self) -> None:
        self.unsaved = False
        self.show_fields({})
