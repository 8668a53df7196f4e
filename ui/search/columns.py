"""The columns of the found incidents: number, when, what and where, the words found and the field they stand in."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from PySide6.QtCore import QRectF

from ui import figures
from ui.i18n import said, tr
from ui.widgets.incident_words import IncidentWords
from ui.widgets.pencil import Pencil
from ui.widgets.table import Column
from workstation.domain.rows import FoundPiece, FoundRow
from workstation.domain.sentence import Sentence
from workstation.service.desk import Desk, named

_LINES: Final = 2
"""Pieces shown of a row; the others are said to a screen reader."""
Part = tuple[str, bool]
"""Words, and whether they were asked for."""


class FoundWords:
    """Says found incidents in words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._words = IncidentWords(desk)

    def number(self, row: FoundRow) -> str:
        return row.number or tr("board.draft")

    def type(self, row: FoundRow) -> str:
        return self._words.type_name(row.type) if row.type else tr("board.no_type")

    def place(self, row: FoundRow) -> str:
        named = self._desk.gazetteer.label(row.village) if row.village else ""
        told = [named, figures.plain(row.landmark or row.place)]
        return " · ".join(word for word in told if word) or tr("board.no_place")

    def status(self, row: FoundRow) -> str:
        return tr("search.open" if row.open else "search.closed")

    def field(self, piece: FoundPiece) -> str:
        name = named(piece.field)
        return said(name) if isinstance(name, Sentence) else figures.plain(name)

    def parts(self, piece: FoundPiece) -> tuple[Part, ...]:
        """The text of a piece, cut where marks begin and end; a code is named, and all of it marked."""
        if (name := self._name(piece)) is not None:
            return ((name, True),)
        made: list[Part] = []
        at = 0
        for start, end in piece.marks:
            made += [(piece.text[at:start], False), (piece.text[start:end], True)]
            at = end
        made.append((piece.text[at:], False))
        return tuple((figures.plain(text) if text.strip() else text, on) for text, on in made if text)

    def _name(self, piece: FoundPiece) -> str | None:
        if piece.field == "type":
            return self._words.type_name(piece.text)
        if piece.field == "agency":
            return self._words.agency(piece.text)
        if piece.field in ("village", "district") and self._desk.gazetteer.get(piece.text) is not None:
            return self._desk.gazetteer.label(piece.text)
        return None

    def said(self, row: FoundRow) -> str:
        """All that was found, for a screen reader."""
        told = ("".join(text for text, _ in self.parts(piece)) for piece in row.pieces)
        return "; ".join(
            tr("search.piece", field=self.field(piece), text=text)
            for piece, text in zip(row.pieces, told, strict=True)
        )  # fmt: skip


def columns(words: FoundWords, zone: tzinfo) -> tuple[Column[FoundRow], ...]:
    """The columns; times are shown in the centre's zone."""

    def number(pencil: Pencil, rect: QRectF, row: FoundRow, _now: int) -> None:
        pencil.text(rect.adjusted(pencil.px(12), 0, 0, 0), words.number(row), "number")

    def when(pencil: Pencil, rect: QRectF, row: FoundRow, _now: int) -> None:
        above, below = _halves(rect)
        pencil.text(_in(pencil, above), figures.wall(row.opened_at, zone, seconds=False), "body")
        pencil.text(_in(pencil, below), figures.day(row.opened_at, zone), "small", "text2")

    def incident(pencil: Pencil, rect: QRectF, row: FoundRow, _now: int) -> None:
        above, below = _halves(rect)
        pencil.text(_in(pencil, above), words.type(row), "strong", "text" if row.open else "text2")
        pencil.text(_in(pencil, below), words.place(row), "small", "text2")

    def found(pencil: Pencil, rect: QRectF, row: FoundRow, _now: int) -> None:
        shown = row.pieces[:_LINES]
        lines = _halves(rect) if len(shown) == _LINES else (rect,)
        for piece, line in zip(shown, lines, strict=False):
            _paint_piece(pencil, _in(pencil, line), words, piece)

    def status(pencil: Pencil, rect: QRectF, row: FoundRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), words.status(row), "body", "amber" if row.open else "text2")

    return (
        Column("number", "search.number", 132, number, lambda r, _n: words.number(r), inset=12),
        Column("when", "search.when", 74, when, lambda r, _n: _moment(r, zone)),
        Column("incident", "search.incident", 380, incident, lambda r, _n: f"{words.type(r)}, {words.place(r)}"),
        Column("words", "search.words", 0, found, lambda r, _n: words.said(r), least=240),
        Column("status", "search.status", 92, status, lambda r, _n: words.status(r), yields=1),
    )


def _paint_piece(pencil: Pencil, rect: QRectF, words: FoundWords, piece: FoundPiece) -> None:
    x = rect.left() + pencil.text(rect, f"{words.field(piece)}: ", "small", "text2") + pencil.px(5)
    for text, marked in words.parts(piece):
        left = rect.right() - x
        if left < pencil.px(12):
            return
        role = "small_strong" if marked else "small"
        width = min(pencil.width(text, role), left)
        if marked:
            high = min(rect.height(), pencil.px(17))
            pencil.fill(QRectF(x - 1, rect.center().y() - high / 2, width + 2, high), "tint")
        pencil.text(QRectF(x, rect.top(), width + 1, rect.height()), text, role, "text" if marked else "text2")
        x += width


def _moment(row: FoundRow, zone: tzinfo) -> str:
    return f"{figures.day(row.opened_at, zone)} {figures.wall(row.opened_at, zone, seconds=False)}"


def _halves(rect: QRectF) -> tuple[QRectF, QRectF]:
    high = rect.height() / 2
    return (
        QRectF(rect.left(), rect.top() + 2, rect.width(), high - 2),
        QRectF(rect.left(), rect.top() + high - 1, rect.width(), high - 2),
    )


def _in(pencil: Pencil, rect: QRectF) -> QRectF:
    return rect.adjusted(pencil.px(6), 0, -pencil.px(6), 0)
