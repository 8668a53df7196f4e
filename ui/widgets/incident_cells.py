"""The cells of a board row, one function a column, in the three shapes the pages need: one line, two lines, queue."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF

from ui.widgets.deadline import left
from ui.widgets.incident_words import IncidentWords, priority_word, sync_word
from ui.widgets.pencil import CENTER, LEFT, RIGHT, Pencil, disc_token
from ui.widgets.table import Column, Repaint
from workstation.domain.rows import BoardRow

Columns = tuple[Column[BoardRow], ...]


def one_line(words: IncidentWords) -> Columns:
    """The desk page's board: nine columns of 27 px rows."""
    cells = _Cells(words)
    return (
        cells.priority(36),
        cells.number(100),
        Column("type", "board.type", 206, cells.type, lambda r, _n: words.type(r)),
        Column("place", "board.place", 0, cells.place, lambda r, _n: words.place(r), least=130),
        cells.age(62, yields=2),
        cells.target(206),
        cells.agencies(310, yields=1),
        cells.desk(50, yields=3),
        cells.data(44),
    )


def two_lines(words: IncidentWords) -> Columns:
    """The idle board: rows of 45 px, number over age and desk, type over place."""
    cells = _Cells(words)
    return (
        cells.priority(42),
        Column(
            "number",
            "board.number",
            98,
            cells.number_and_age,
            lambda r, n: f"{words.number(r)}, {words.age(r, n)}, {r.desk}",
            repaint=Repaint.MINUTE,
        ),
        Column(
            "incident",
            "board.incident",
            0,
            cells.incident,
            lambda r, _n: f"{words.type(r)}, {words.place(r)}",
            least=190,
        ),
        cells.target(196),
        cells.agencies(270, yields=1),
        cells.data(46),
    )


def queue(words: IncidentWords) -> Columns:
    """The lead's queue: with a word for the state of each incident, without the agencies."""
    cells = _Cells(words)
    return (
        cells.priority(38),
        cells.number(100),
        Column("type", "board.type", 168, cells.type, lambda r, _n: words.type(r)),
        Column("place", "board.place", 0, cells.village, lambda r, _n: words.place(r), least=70, yields=2),
        Column(
            "state", "queue.state", 84, cells.state, lambda r, n: words.state(r, n)[0], repaint=Repaint.MINUTE, yields=1
        ),
        cells.age(64, yields=3),
        cells.target(178),
        cells.desk(44, yields=4),
        cells.data(44),
    )


class _Cells:
    """Paint functions that share the words."""

    def __init__(self, words: IncidentWords) -> None:
        self._words = words

    # -------------------------------------------------- columns that look the same everywhere
    def priority(self, width: int) -> Column[BoardRow]:
        return Column("priority", "", width, _priority, lambda r, _n: priority_word(r.priority))

    def number(self, width: int) -> Column[BoardRow]:
        def paint(pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
            pencil.text(_in(pencil, rect), self._words.number(row), "number", "text2")

        return Column("number", "board.number", width, paint, lambda r, _n: self._words.number(r))

    def age(self, width: int, yields: int) -> Column[BoardRow]:
        def paint(pencil: Pencil, rect: QRectF, row: BoardRow, now: int) -> None:
            pencil.text(_in(pencil, rect), self._words.age(row, now), "body", "text2", RIGHT)

        return Column("age", "board.age", width, paint, self._words.age, RIGHT, repaint=Repaint.MINUTE, yields=yields)

    def target(self, width: int) -> Column[BoardRow]:
        return Column("target", "board.target", width, self._target, self._words.clock, repaint=Repaint.TENTH)

    def agencies(self, width: int, yields: int) -> Column[BoardRow]:
        return Column(
            "agencies",
            "board.agencies",
            width,
            self._agencies,
            lambda r, _n: self._words.assignments(r),
            inset=10,
            yields=yields,
        )

    def desk(self, width: int, yields: int) -> Column[BoardRow]:
        def paint(pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
            pencil.text(rect, self._words.desk(row), "body", "text2", CENTER)

        return Column("desk", "board.desk", width, paint, lambda r, _n: r.desk, CENTER, inset=0, yields=yields)

    def data(self, width: int) -> Column[BoardRow]:
        return Column("data", "board.data", width, _sync, lambda r, _n: sync_word(r.sync), CENTER, inset=0)

    # -------------------------------------------------- painters
    def type(self, pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), self._words.type(row), "board_type", "text" if row.type else "text3")

    def place(self, pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), self._words.place(row), "body", "text2")

    def village(self, pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), self._words.village(row), "body", "text2")

    def state(self, pencil: Pencil, rect: QRectF, row: BoardRow, now: int) -> None:
        word, token = self._words.state(row, now)
        pencil.text(_in(pencil, rect), word, "number", token)

    def number_and_age(self, pencil: Pencil, rect: QRectF, row: BoardRow, now: int) -> None:
        first, second = _lines(pencil, rect)
        pencil.text(first, self._words.number(row), "number", "text2")
        pencil.text(second, f"{self._words.age(row, now)}, M{self._words.desk(row)}", "small", "text3")

    def incident(self, pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
        first, second = _lines(pencil, rect)
        pencil.text(first, self._words.type(row), "board_type", "text" if row.type else "text3", LEFT, 600)
        pencil.text(second, self._words.place(row), "small", "text2")

    def _target(self, pencil: Pencil, rect: QRectF, row: BoardRow, now: int) -> None:
        reading = left(now, row.deadline_from_at, row.deadline_at)
        taken = 0.0 if reading is None else pencil.clock(rect.adjusted(0, 0, -pencil.px(2), 0), reading)
        room = rect.adjusted(pencil.px(6), 0, -taken - pencil.px(8), 0)
        pencil.text(room, self._words.target(row), "body", "text2" if row.deadline else "text3")

    def _agencies(self, pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
        x, middle = rect.left() + pencil.px(10), rect.center().y()
        for n, assignment in enumerate(row.assignments):
            name = self._words.agency(assignment.agency)
            wide = pencil.width(name, "minor_strong")
            rest = len(row.assignments) - n
            more = pencil.px(34) if rest > 1 else 0
            if x + pencil.px(16) + wide > rect.right() - more and n:
                pencil.text(QRectF(x, rect.top(), rect.right() - x, rect.height()), f"+{rest}", "minor_strong", "text2")
                return
            pencil.disc(QPointF(x + pencil.px(6), middle), assignment.step, late=assignment.late)
            room = QRectF(x + pencil.px(16), rect.top(), min(wide + 2, rect.right() - x - pencil.px(16)), rect.height())
            pencil.text(room, name, "minor_strong", disc_token(assignment))
            x += pencil.px(16) + wide + pencil.px(12)


def _priority(pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
    pencil.priority(rect.center(), row.priority)


def _sync(pencil: Pencil, rect: QRectF, row: BoardRow, _now: int) -> None:
    pencil.sync(rect.center(), row.sync)


def _in(pencil: Pencil, rect: QRectF) -> QRectF:
    return rect.adjusted(pencil.px(6), 0, -pencil.px(6), 0)


def _lines(pencil: Pencil, rect: QRectF) -> tuple[QRectF, QRectF]:
    left, wide = rect.left() + pencil.px(6), rect.width() - pencil.px(12)
    return (
        QRectF(left, rect.top() + pencil.px(4), wide, pencil.px(19)),
        QRectF(left, rect.top() + pencil.px(23), wide, pencil.px(17)),
    )
