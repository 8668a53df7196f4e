"""Values that differ, for the lead to settle: two cards, four keys, and what waits behind.

A decision is one op that replaces the values that were seen; the value not used stays in the record, and Ctrl+Z puts
both side by side again. Nothing is decided by a key pressed elsewhere: digits act only while this panel has the focus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSizePolicy, QWidget

from ui import figures
from ui.bridge import Bridge
from ui.i18n import said, sentence_of, tr
from ui.shift.words import field_name, value_words
from ui.theme import Theme
from ui.widgets.basic import Button, Label, Line, Panel
from ui.widgets.deadline import age
from ui.widgets.pencil import Pencil
from ui.widgets.table import Column, Table
from workstation.domain.rows import ConflictRow, Sync, Value
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.service import review
from workstation.service.desk import Desk

Key = tuple[bytes, str]


class Decision(Struct, frozen=True):
    """A decision this lead made here, kept so that it can be taken back."""

    incident: bytes
    field: str
    rivals: tuple[object, ...]


class SettlePanel(Panel):
    """ "Beda nilai".

    Signals:
        opened(bytes): the incident of a conflict was opened.
        said(str): one sentence on what was decided or why it was not, for the status line.
    """

    opened = Signal(bytes)
    said = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "settle.title", "Alt V", parent=parent)
        self._desk, self._bridge = desk, bridge
        self._rows: tuple[ConflictRow, ...] = ()
        self._postponed: list[Key] = []
        self._done: list[Decision] = []
        self._telling = NOTHING
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        self.show_rows(())

    # -------------------------------------------------- build
    def _build(self) -> None:
        theme = self.theme
        self._subject = Label(theme, role="number", token="amber")
        self.head.addWidget(self._subject)
        self._none = Label(theme, "settle.none", token="text3")
        self._cards = _Cards(self._desk, theme)
        self.use_1 = Button(theme, "settle.use", "1")
        self.use_2 = Button(theme, "settle.use", "2")
        self.write = Button(theme, "settle.write", "3")
        self.postpone = Button(theme, "settle.postpone", "0")
        self.own = QLineEdit()
        self.own.setMaxLength(4000)
        self.own.hide()
        self._decide = QWidget()
        grid = QGridLayout(self._decide)
        grid.setContentsMargins(0, 2, 0, 2)
        grid.setSpacing(6)
        for n, button in enumerate((self.use_1, self.use_2, self.write, self.postpone)):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            grid.addWidget(button, n // 2, n % 2)
        grid.addWidget(self.own, 2, 0, 1, 2)
        self._kept = Label(theme, "settle.kept", role="small", token="text3", wrap=True)
        self._told = Label(theme, role="small", token="text", wrap=True)
        self._told.hide()
        column: Column[ConflictRow] = Column("next", "", 0, self._paint_next, self._say_next)
        self.table: Table[ConflictRow] = Table(theme, (column,), _key, row=29, header=False, name="settle.title")
        self.table.opened.connect(lambda key: self._take_up(cast("Key", key)))
        for part in (self._none, self._cards, self._decide, self._kept, self._told, Line(theme)):
            self.body.addWidget(part)
        self.body.addWidget(self.table, 1)
        self.use_1.clicked.connect(lambda: self.use(0))
        self.use_2.clicked.connect(lambda: self.use(1))
        self.write.clicked.connect(self.write_own)
        self.postpone.clicked.connect(self.put_off)
        self.own.returnPressed.connect(self._settle_own)

    # -------------------------------------------------- rows
    def show_rows(self, rows: Sequence[ConflictRow]) -> None:
        """Takes the conflicts; the one on the cards stays there as long as it is one."""
        fresh = sorted(rows, key=lambda row: (_key(row) in self._postponed, row.since_at, row.incident, row.field.name))
        was = self._rows[0] if self._rows else None
        stays = next((row for row in fresh if was is not None and _key(row) == _key(was)), None)
        if stays is not None and _key(stays) not in self._postponed:
            fresh.remove(stays)
            fresh.insert(0, stays)
        self._rows = tuple(fresh)
        self._lay()

    @property
    def current(self) -> ConflictRow | None:
        return self._rows[0] if self._rows else None

    def _lay(self) -> None:
        row = self.current
        for part in (self._cards, self._decide, self._kept):
            part.setVisible(row is not None)
        self._none.setVisible(row is None)
        self._subject.setVisible(row is not None)
        if self.count is not None:
            self.count.say("settle.of", n=1, of=len(self._rows)) if row else self.count.show_text("")
        if row is None:
            self.own.hide()
        else:
            name = field_name(self._desk, row.field.name)
            self._subject.say("settle.subject", number=row.number or tr("board.draft"), field=name)
            self.own.setAccessibleName(tr("settle.own"))
            self.own.setPlaceholderText(name)
            self._cards.show_values(row)
        self.table.rows.now_ms = self._desk.clock.now_ms()
        self.table.show_rows(self._rows[1:])

    # -------------------------------------------------- deciding
    def use(self, n: int) -> None:
        """Settles on the nth value shown."""
        row = self.current
        if row is not None and n < len(row.field.values):
            self._settle(row, row.field.values[n].value)

    def write_own(self) -> None:
        """Opens the line for a value of the lead's own; Enter there settles."""
        row = self.current
        if row is None:
            return
        if not isinstance(row.field.face, str):
            self._tell(say("settle.refused", why=say("settle.only_text")))
            return
        self.own.setText(str(row.field.face))
        self.own.show()
        self.own.selectAll()
        self.own.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def put_off(self) -> None:
        """Puts this one behind the others; it stays a conflict."""
        row = self.current
        if row is not None:
            self._postponed = [*(key for key in self._postponed if key != _key(row)), _key(row)]
            self._rows = (*self._rows[1:], row)
            self._lay()

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    def undo(self) -> bool:
        """Takes the last decision back: both values wait again. False when there is none."""
        if not self._done:
            return False
        last = self._done.pop()
        self._bridge.ask(
            review.bring_back(self._desk, last.incident, last.field, last.rivals),
            lambda _changes: self._tell(say("settle.brought_back")),
            self._refused,
        )
        return True

    def _settle_own(self) -> None:
        row = self.current
        if row is not None and self.own.text().strip():
            self.own.hide()
            self.setFocus()
            self._settle(row, self.own.text().strip())

    def _settle(self, row: ConflictRow, value: object) -> None:
        self.own.hide()
        decision = Decision(row.incident, row.field.name, tuple(v.value for v in row.field.values))
        words = value_words(self._desk, row.field.name, value)

        def settled(_changes: object) -> None:
            self._done.append(decision)
            self._tell(say("settle.settled", value=words))

        settling = review.settle(self._desk, row.incident, row.field.name, value, row.field.seen)
        self._bridge.ask(settling, settled, self._refused)

    def _refused(self, error: BaseException) -> None:
        self._tell(say("settle.refused", why=sentence_of(error)))

    def _tell(self, sentence: Sentence) -> None:
        self._telling = sentence
        self._told.show_text(said(sentence))
        self._told.show()
        self.said.emit(said(sentence))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and self._telling:
            self._told.show_text(said(self._telling))

    def _take_up(self, key: Key) -> None:
        """A waiting conflict comes onto the cards."""
        row = next((r for r in self._rows if _key(r) == key), None)
        if row is not None:
            self._postponed = [other for other in self._postponed if other != key]
            self._rows = (row, *(r for r in self._rows if r is not row))
            self._lay()

    # -------------------------------------------------- keys
    def keyPressEvent(self, event: QKeyEvent) -> None:
        acts = {
            Qt.Key.Key_1: lambda: self.use(0),
            Qt.Key.Key_2: lambda: self.use(1),
            Qt.Key.Key_3: self.write_own,
            Qt.Key.Key_0: self.put_off,
        }
        act = acts.get(Qt.Key(event.key()))
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if act is not None and plain:
            act()
        elif event.key() == Qt.Key.Key_Escape and self.own.isVisible():
            self.own.hide()
            self.setFocus()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            Pencil(painter, self.theme).box(QRectF(self.rect()), "", "accent", 4, 3 if self.theme.high_contrast else 2)
            painter.end()

    def _paint_next(self, pencil: Pencil, rect: QRectF, row: ConflictRow, _now: int) -> None:
        pencil.sync(QPointF(rect.left() + pencil.px(14), rect.center().y()), Sync.CONFLICT, 14)
        inner = rect.adjusted(pencil.px(34), 0, -pencil.px(4), 0)
        name = f"{row.number} {field_name(self._desk, row.field.name)}"
        taken = pencil.text(inner, name, "number", "text")
        room = inner.adjusted(taken + pencil.px(12), 0, 0, 0)
        pencil.text(
            room, self._values(row), "small", "text2", Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )

    def _say_next(self, row: ConflictRow, now: int) -> str:
        return f"{row.number}, {field_name(self._desk, row.field.name)}: {self._values(row)}, {age(now, row.since_at)}"

    def _values(self, row: ConflictRow) -> str:
        return " / ".join(value_words(self._desk, row.field.name, value.value) for value in row.field.values)


class _Cards(QWidget):
    """The first two values side by side, each with who wrote it, when and where."""

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self._desk = theme, desk
        self._row: ConflictRow | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()

    def show_values(self, row: ConflictRow) -> None:
        self._row = row
        self.setAccessibleName(tr("settle.title"))
        said = (f"{n}: {self._words(value)}, {self._from(value)}" for n, value in enumerate(row.field.values, 1))
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def _measure(self) -> None:
        self.setFixedHeight(self.theme.px(134))

    def _words(self, value: Value) -> str:
        return value_words(self._desk, self._row.field.name, value.value) if self._row else ""

    def _who(self, value: Value) -> str:
        """Desk and person as far as the record names them."""
        desk = value.desk or (self._desk.name if value.local else tr("settle.other_desk"))
        return f"{desk}, {value.person}" if value.person else desk

    def _from(self, value: Value) -> str:
        return f"{self._who(value)}, {figures.wall(value.at)}"

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._row is None:
            return
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        gap = pencil.px(8)
        wide = (self.width() - gap) / 2
        values = self._row.field.values
        for n, value in enumerate(values[:2]):
            self._card(pencil, QRectF(n * (wide + gap), 0, wide, self.height()), value)
        if len(values) > 2:
            more = QRectF(wide + gap, self.height() - pencil.px(24), wide - pencil.px(12), pencil.px(20))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            pencil.text(more, tr("settle.more", n=len(values) - 2), "small", "amber", right)
        painter.end()

    def _card(self, pencil: Pencil, box: QRectF, value: Value) -> None:
        pencil.box(box, "bg2", "edge", 4)
        inner = box.adjusted(pencil.px(12), pencil.px(8), -pencil.px(12), -pencil.px(8))
        painter = pencil.painter
        painter.setFont(pencil.font("key_value"))
        painter.setPen(pencil.color("text"))
        flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop)
        painter.drawText(QRectF(inner.left(), inner.top(), inner.width(), pencil.px(44)), flags, self._words(value))
        pencil.fill(QRectF(inner.left(), inner.top() + pencil.px(50), inner.width(), 1), "line")
        who = self._who(value)
        way = tr("settle.here") if value.local else tr("settle.over_link")
        for n, (name, words) in enumerate(
            ((tr("settle.who"), who), (tr("settle.when"), figures.wall(value.at)), (tr("settle.way"), way))
        ):
            y = inner.top() + pencil.px(55 + 21 * n)
            pencil.text(QRectF(inner.left(), y, pencil.px(46), pencil.px(20)), name, "small", "text3")
            left = inner.left() + pencil.px(48)
            pencil.text(QRectF(left, y, inner.right() - left, pencil.px(20)), words, "number", "text")


def _key(row: ConflictRow) -> Key:
    return (row.incident, row.field.name)
