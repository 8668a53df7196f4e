"""The people of the roster as a grid of keys: one press of a digit chooses who is signing in."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QSizePolicy, QWidget

from ui import figures
from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.basic import paint_box
from ui.widgets.pencil import CENTER, Pencil
from workstation.domain.rows import Person

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "-", "+")
COLUMNS = 3
LEAST_ROWS = 4
LARGE = 1.5  # text from here on: two columns


def initials(name: str) -> str:
    """Two letters or a letter and a number: what fits the disc and still tells "Operator 1" from "Operator 2"."""
    words = figures.plain(name).split() or ["?"]
    return words[0][0].upper() + (
        words[-1][:2].upper() if words[-1].isdigit() else words[1][0].upper() if words[1:] else ""
    )


class PersonKey(QAbstractButton):
    """One person: initial, name, role, where they sit, and the digit that chooses them."""

    def __init__(self, theme: Theme, person: Person, digit: str, here: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.person, self.digit, self._here = theme, person, digit, here
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._say()

    def _say(self) -> None:
        self.setAccessibleName(f"{self.person.name}, {tr(f'signin.role_{self.person.role}')}, {self._where()}")
        self.setAccessibleDescription(self.digit)

    def _where(self) -> str:
        if not self.person.desk:
            return tr("signin.not_in")
        at = figures.wall(self.person.since_at, seconds=False) if self.person.since_at is not None else ""
        return tr("signin.at_desk", desk=self.person.desk, at=at)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
            self.update()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(240), self.theme.px(96))

    def minimumSizeHint(self) -> QSize:
        return QSize(self.theme.px(160), self.theme.px(72))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        pencil = Pencil(painter, self.theme)
        chosen = self.isChecked()
        elsewhere = bool(self.person.desk) and self.person.desk != self._here
        box = QRectF(self.rect())
        paint_box(
            painter,
            self.theme,
            box,
            "tint" if chosen else "bg2",
            "line" if elsewhere else "edge",
            chosen or self.hasFocus(),
            4,
        )
        middle, px = box.center().y(), pencil.px
        painter.setPen(QPen(pencil.color("accent" if chosen else "edge"), 1.5))
        painter.setBrush(pencil.color("bg1"))
        center = QPointF(px(36), middle)
        painter.drawEllipse(center, px(21), px(21))
        token = "text2" if elsewhere else "text"
        initial = initials(self.person.name)
        pencil.text(QRectF(center.x() - px(21), middle - px(21), px(42), px(42)), initial, "clock", token, CENTER, 600)
        left, wide = px(70), box.width() - px(78)
        pencil.text(
            QRectF(left, middle - px(33), wide - px(28), px(24)), figures.plain(self.person.name), "key_value", token
        )
        pencil.text(QRectF(left, middle - px(10), wide, px(20)), tr(f"signin.role_{self.person.role}"), "body", "text2")
        pencil.text(QRectF(left, middle + px(10), wide, px(20)), self._where(), "small", "text3")
        if self.digit:
            cap = px(20)
            accent = "accent" if chosen else "text2"
            pencil.cap(
                box.right() - cap - px(10), px(18), self.digit.replace("-", "−"), accent, "accent" if chosen else "edge"
            )


class PeopleGrid(QWidget):
    """Twelve people a page, by digit, minus and plus; Page Down shows the next twelve.

    Signals:
        chosen(Person): somebody was chosen by key or mouse.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, here: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self._here = theme, here
        self._people: tuple[Person, ...] = ()
        self._first = 0
        self._keys: list[PersonKey] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("signin.title"))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)

    @property
    def keys(self) -> list[PersonKey]:
        return self._keys

    @property
    def beyond(self) -> int:
        """How many people the pages after this one hold."""
        return max(0, len(self._people) - self._first - len(KEYS))

    def show_people(self, people: Sequence[Person], mark: bytes = b"") -> None:
        """Takes the roster in its order; `mark` stays the chosen one."""
        self._people = tuple(people)
        self._first = min(self._first, max(0, (len(self._people) - 1) // len(KEYS) * len(KEYS)))
        self._lay(mark)

    def turn(self) -> None:
        """The next twelve, or the first again."""
        self._first = self._first + len(KEYS) if self.beyond else 0
        self._lay(b"")

    def press(self, digit: str) -> bool:
        """Chooses the person of a digit; False when there is none."""
        key = next((k for k in self._keys if k.digit == digit), None)
        if key is None:
            return False
        key.setChecked(True)
        self.chosen.emit(key.person)
        return True

    def _lay(self, mark: bytes) -> None:
        for key in self._keys:
            self._grid.removeWidget(key)
            key.setParent(None)
            key.deleteLater()
        self._keys = []
        columns = COLUMNS if self.theme.scale < LARGE else 2
        shown = self._people[self._first : self._first + len(KEYS)]
        for n, person in enumerate(shown):
            key = PersonKey(self.theme, person, KEYS[n], self._here, self)
            key.setChecked(person.uid == mark and bool(mark))
            key.clicked.connect(lambda _on=False, who=person: self.chosen.emit(who))
            self._grid.addWidget(key, n // columns, n % columns)
            self._keys.append(key)
        for row in range(max(LEAST_ROWS, (len(shown) + columns - 1) // columns)):
            self._grid.setRowStretch(row, 1)
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_PageDown:
            self.turn()
        elif not self.press(event.text().replace("−", "-")):
            super().keyPressEvent(event)
