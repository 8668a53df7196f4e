"""What is chosen, not typed: the priority, and chips for hazards and needs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from ui.i18n import language, tr
from ui.intake.lines import at_sight
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Chip, paint_box
from workstation.domain.rows import Dot, Field
from workstation.service.catalogue import Choice


class PriorityButton(QToolButton):
    """One of the four: shape, digit and word; when chosen, its own colour on edge and fill."""

    def __init__(self, theme: Theme, priority: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.priority = theme, priority
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(f"{tr('form.priority')} {self.priority}, {tr(f'priority.{self.priority}')}")
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        wide = marks.text_width(self.theme, tr(f"priority.{self.priority}"), "strong") + self.theme.px(36)
        return QSize(round(wide), self.theme.size("field"))

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter, on = self.theme, QPainter(self), self.isChecked()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        token = {1: "red", 2: "amber", 3: "green", 4: "blue"}[self.priority]
        fill = {1: "redTint", 2: "amberTint"}.get(self.priority, "tint") if on else "bg1"
        box = QRectF(self.rect())
        paint_box(painter, theme, box, fill, token if on else "edge", self.hasFocus())
        words = tr(f"priority.{self.priority}")
        role = "strong" if on else "body"
        wide = marks.text_width(theme, words, role)
        left = (self.width() - wide - theme.px(25)) / 2
        marks.paint_priority(painter, theme, QPointF(left + theme.px(8), self.height() / 2), self.priority, 8)
        room = QRectF(left + theme.px(25), 0, wide + 2, self.height())
        marks.paint_text(painter, theme, room, words, role, "text" if on else "text2")


class PriorityRow(QWidget):
    """The four priorities, one of them chosen.

    Signals:
        changed(str, object): "priority" and 1 to 4.
    """

    changed = Signal(str, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = "priority"
        self.seen: tuple[Dot, ...] = ()
        self.rival = False
        self.unsaved = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.group = QButtonGroup(self)
        self.group.setExclusive(False)
        self.buttons = {n: PriorityButton(theme, n) for n in (1, 2, 3, 4)}
        for n, button in self.buttons.items():
            self.group.addButton(button, n)
            row.addWidget(button, 1)
            button.clicked.connect(lambda _on=False, n=n: self.choose(n))

    @property
    def chosen(self) -> int:
        return next((n for n, button in self.buttons.items() if button.isChecked()), 0)

    def choose(self, priority: int) -> None:
        self._show(priority)
        self.unsaved = True
        self.changed.emit(self.name, priority)

    def _show(self, priority: int) -> None:
        for n, button in self.buttons.items():
            button.setChecked(n == priority)

    def show_field(self, field: Field | None) -> None:
        if self.unsaved:
            return
        self.seen = at_sight(field)
        self.rival = bool(field and field.rival)
        face = field.face if field and not self.rival else 0
        self._show(face if isinstance(face, int) else 0)

    def written(self) -> None:
        self.unsaved = False

    def forget(self) -> None:
        self.unsaved = False
        self.show_field(None)


class ChipRow(QWidget):
    """Chips of one field; those that find no room fold behind a last chip, which opens a second line.

    Signals:
        changed(str, object): the field and the sorted list of chosen ids.
    """

    changed = Signal(str, object)

    def __init__(self, theme: Theme, name: str, choices: Sequence[Choice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.name, self.choices = theme, name, choices
        self.seen: tuple[Dot, ...] = ()
        self.rival = False
        self.unsaved = False
        self.open = False
        self.chips: dict[str, Chip] = {}
        for choice in choices:
            chip = Chip(theme, text=choice.label(language()), value=choice.id, parent=self)
            chip.clicked.connect(lambda _on=False: self._picked())
            self.chips[choice.id] = chip
        self.more = Chip(theme, text="", parent=self)
        self.more.clicked.connect(lambda _on=False: self._unfold())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._place)

    def _unfold(self) -> None:
        self.open = not self.open
        self._place()

    def _picked(self) -> None:
        self.unsaved = True
        self._place()
        self.changed.emit(self.name, sorted(value for value, chip in self.chips.items() if chip.isChecked()))

    def show_field(self, field: Field | None) -> None:
        if self.unsaved:
            return
        self.seen = at_sight(field)
        self.rival = bool(field and field.rival)
        chosen = field.face if field and not self.rival else ()
        chosen = chosen if isinstance(chosen, list | tuple) else ()
        for value, chip in self.chips.items():
            chip.setChecked(value in chosen)
        self._place()

    def written(self) -> None:
        self.unsaved = False

    def forget(self) -> None:
        self.unsaved = self.open = False
        self.show_field(None)

    # ---------------------------------------------------------------- layout
    def _place(self) -> None:
        gap, high, line = self.theme.px(5), self.theme.px(24), self.theme.size("field")
        x, y, hidden = 0, (line - high) // 2, 0
        wide_more = self.theme.px(40)
        chips = list(self.chips.values())
        for n, chip in enumerate(chips):
            wide = chip.sizeHint().width()
            last = n == len(chips) - 1
            if not self.open and (hidden or x + wide + (0 if last else gap + wide_more) > self.width()):
                hidden += 1
                chip.hide()
                continue
            if self.open and x and x + wide > self.width():
                x, y = 0, y + high + self.theme.px(6)
            chip.setGeometry(x, y, wide, high)
            chip.show()
            x += wide + gap
        self.more.setVisible(hidden > 0)
        if hidden:
            on = any(chip.isChecked() for chip in chips[-hidden:])
            self.more.setChecked(on)
            self.more.show_own(f"+{hidden}", tr("form.more_chips", n=hidden))
            self.more.setGeometry(x, y, self.more.sizeHint().width(), high)
        self.setFixedHeight(y + high + (line - high) // 2)

    def resizeEvent(self, event: object) -> None:
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            for choice in self.choices:
                word = choice.label(language())
                self.chips[choice.id].show_own(word, word)
            self._place()
        super().changeEvent(event)
