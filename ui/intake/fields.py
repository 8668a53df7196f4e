"""What stands on the form and where: fields in their rows, the four steps, the room for notes. It writes nothing."""

from __future__ import annotations

from datetime import tzinfo
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Bridge
from ui.i18n import language, tr
from ui.intake.body import Row, Sheet
from ui.intake.choices import ChipRow, PriorityRow
from ui.intake.lines import CountLine, FieldLine, NumberLine, PhoneLine
from ui.intake.notes import NoteLine, NotesList
from ui.intake.rivals import RivalFrame
from ui.intake.types import TypeLine
from ui.intake.where import PointLine, VillageLine
from ui.theme import Theme
from workstation.service.desk import Desk

COUNTS = ("injured", "dead", "trapped", "missing", "families")


class FormFields(QFrame):
    """The form's parts on their grid."""

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk, self.bridge, self.theme, self.zone = desk, bridge, theme, zone
        self.setProperty("panel", True)
        self._make_fields()
        self._lay_out()

    def _make_fields(self) -> None:
        theme = self.theme
        self.village = VillageLine(self.desk, self.bridge, theme)
        self.landmark = FieldLine(theme, "landmark", "form.landmark", "form.hint.landmark")
        self.rt = NumberLine(theme, "rt", "form.rt", "form.rt")
        self.rw = NumberLine(theme, "rw", "form.rw", "form.rw")
        self.street = FieldLine(theme, "street", "form.street", "form.hint.street")
        self.point = PointLine(theme)
        self.type = TypeLine(theme, self.desk.catalogue)
        self.priority = PriorityRow(theme)
        self.counts = {name: CountLine(theme, name, f"form.count.{name}") for name in COUNTS}
        fields = self.desk.catalogue.fields
        self.hazards = ChipRow(theme, "hazards", fields["hazards"].chips)
        self.needs = ChipRow(theme, "needs", fields["needs"].chips)
        self.callback = PhoneLine(theme, "callback", "form.callback", "form.hint.callback")
        self.caller_name = FieldLine(theme, "caller_name", "form.name", "form.hint.name")
        self.notes = NotesList(theme, self.zone)
        self.note = NoteLine(theme)
        self.rivals = RivalFrame(theme, self.zone, self.words_of)

    @property
    def lines(self) -> dict[str, Any]:
        """Every editor of one field, by the field's name."""
        lines: tuple[Any, ...] = (
            self.village, self.landmark, self.rt, self.rw, self.street, self.type, self.priority, *self.counts.values(),
            self.hazards, self.needs, self.callback, self.caller_name,
        )  # fmt: skip
        return {line.name: line for line in lines}

    def _lay_out(self) -> None:
        theme = self.theme
        self.sheet = Sheet(theme, self.step_state)
        self.people = QWidget()
        people = QHBoxLayout(self.people)
        people.setContentsMargins(0, 0, 0, 0)
        people.setSpacing(4)
        for line in self.counts.values():
            people.addWidget(line)
        story = QWidget()
        self.story = QVBoxLayout(story)
        self.story.setContentsMargins(0, 0, 0, 0)
        self.story.setSpacing(4)
        self.story.addWidget(self.notes)
        self.story.addWidget(self.note)
        self.rows = {
            "village": Row(theme, "form.where_star", self.village),
            "landmark": Row(theme, "form.landmark", self.landmark),
            "street": Row(theme, "form.rt_rw", self.rt, self.rw, self.street),
            "point": Row(theme, "form.point", self.point),
            "type": Row(theme, "form.type_star", self.type),
            "priority": Row(theme, "form.priority", self.priority),
            "people": Row(theme, "form.people", self.people),
            "hazards": Row(theme, "form.hazards", self.hazards, top=True),
            "needs": Row(theme, "form.needs", self.needs, top=True),
            "callback": Row(theme, "form.callback", self.callback, self.caller_name).stretch(5, 4),
            "note": Row(theme, "form.notes", story, top=True),
        }
        rows = self.rows
        self.sheet.group(rows["village"], rows["landmark"], rows["street"], rows["point"])
        self.sheet.group(rows["type"], rows["priority"], rows["people"], rows["hazards"], rows["needs"])
        self.sheet.group(rows["callback"])
        self.sheet.group(rows["note"])
        self.sheet.column.addStretch(1)
        self.rival_slot = QWidget()
        self.rival_room = QHBoxLayout(self.rival_slot)
        self.rival_room.setContentsMargins(0, 4, 0, 0)
        self.rival_room.addWidget(self.rivals)
        self.rival_slot.hide()
        self.sheet.place_under(rows["village"], self.rival_slot)
        self.area = QScrollArea(self)
        self.area.setWidget(self.sheet)
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.viewport().setAutoFillBackground(False)
        # The bar takes the margin's room, so that fields keep their width when it comes.
        bar = self.area.verticalScrollBar()
        bar.rangeChanged.connect(lambda _low, high: self.sheet.column.setContentsMargins(0, 10, 2 if high else 12, 10))
        self.sheet.setAutoFillBackground(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.area)
        self.village.offer_in(self)
        self.type.offer_in(self)
        self._order()

    def _order(self) -> None:
        chain: list[QWidget] = [self.village, self.landmark, self.rt, self.rw, self.street, self.point, self.type]
        chain += [*self.priority.buttons.values(), *self.counts.values()]
        chain += [*self.hazards.chips.values(), self.hazards.more, *self.needs.chips.values(), self.needs.more]
        chain += [self.callback, self.caller_name, self.note]
        for one, other in pairwise(chain):
            QWidget.setTabOrder(one, other)

    # ---------------------------------------------------------------- steps
    def step_state(self, n: int) -> str:
        """done, now or next for the numbered circles."""
        groups = {
            1: (self.village, self.landmark, self.rt, self.rw, self.street, self.point),
            2: (self.type, *self.priority.buttons.values(), *self.counts.values(), self.hazards, self.needs),
            3: (self.callback, self.caller_name),
            4: (self.note, self.notes),
        }
        focus = self.focusWidget() if self.isVisible() else None
        if (
            focus is not None
            and focus.hasFocus()
            and any(part is focus or part.isAncestorOf(focus) for part in groups[n])
        ):
            return "now"
        full = {
            1: bool(self.village.text().strip()),
            2: bool(self.type.value()),
            3: bool(self.callback.text().strip()),
            4: bool(self.notes.lines.notes),
        }
        return "done" if full[n] else "next"

    def go(self, name: str) -> None:
        """Put the focus on a field: `village`, `type`, `injured`, `hazards` …"""
        part = self.note if name == "note" else self.point if name == "point" else self.lines[name]
        if isinstance(part, ChipRow):
            part = next((chip for chip in part.chips.values() if chip.isVisible()), part)
        part.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.area.ensureWidgetVisible(part, 0, 20)

    # ---------------------------------------------------------------- size, words
    def _fit_notes(self) -> None:
        """As many lines as have room; the newest stay in sight and the line to write is never pushed out."""
        above = self.rows["note"].y() or 342
        room = self.area.viewport().height() - above - self.note.height() - 4 - 10
        wanted = self.notes.wanted_height()
        least = min(wanted, self.theme.px(44))
        self.notes.setFixedHeight(max(least, min(wanted, room)))
        self.notes.setVisible(wanted > 0)
        self.notes.scrollToBottom()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_people()
        self._fit_notes()

    def _fit_people(self) -> None:
        layout = self.people.layout()
        for n, line in enumerate(self.counts.values()):
            if isinstance(layout, QHBoxLayout):
                layout.setStretch(n, line.word_width() + self.theme.px(30))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.sheet.update()
        return super().eventFilter(watched, event)

    def words_of(self, name: str, value: object) -> str:
        """A value as a person reads it."""
        if value in (None, "", []):
            return tr("rivals.empty")
        catalogue = self.desk.catalogue
        if name == "village":
            return figures.plain(self.desk.gazetteer.label(str(value)))
        if name == "type" and str(value) in catalogue.types:
            return catalogue.types[str(value)].label(language())
        if name == "priority":
            return f"{value} {tr(f'priority.{value}')}"
        if isinstance(value, list | tuple):
            chips = {chip.id: chip.label(language()) for chip in catalogue.fields[name].chips}
            return ", ".join(chips.get(str(item), str(item)) for item in value)
        return figures.plain(str(value))

    def row_of(self, name: str) -> Row:
        if name in COUNTS:
            return self.rows["people"]
        return self.rows[
            {"rt": "street", "rw": "street", "caller_name": "callback", "lat": "point", "lon": "point"}.get(name, name)
        ]
