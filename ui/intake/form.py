"""The intake form, panel A of the desk: Lokasi, Patokan, Jenis, Catatan by Enter; other fields by their letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QWidget

from ui import figures
from ui.bridge import Asked, Bridge, Question
from ui.i18n import tr
from ui.intake.draft import Draft
from ui.intake.fields import FormFields
from ui.intake.lines import FieldLine, at_sight
from ui.theme import Theme
from workstation.domain.rows import CallRow, Dot, Field, IncidentView, Uid
from workstation.service import views
from workstation.service.desk import Desk

POINT = ("lat", "lon", "radius_m", "point_source")


class IntakeForm(FormFields):
    """One incident being taken.

    Signals:
        view_changed(object): the IncidentView as the record has it now, None while there is no incident.
        previewed(str): a type highlighted but not taken; "" = none.
        trouble(BaseException): a write failed; the text is kept in the form.
    """

    view_changed = Signal(object)
    previewed = Signal(str)
    trouble = Signal(object)

    def __init__(
        self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo = figures.WIT, parent: QWidget | None = None
    ) -> None:
        super().__init__(desk, bridge, theme, zone, parent)
        self.draft = Draft(desk, bridge, self)
        self.view: IncidentView | None = None
        self.call: CallRow | None = None
        self.first_at: dict[str, int] = {}
        self._opened: dict[tuple[Uid, str], tuple[Dot, ...]] = {}  # rivals a person has opened, by person and field
        self._question = Question(bridge, self._ask, self.trouble.emit)
        self._used = True  # whether there may be anything to forget
        self._connect()
        self.retranslate()
        self.forget()

    def _connect(self) -> None:
        for line in self.lines.values():
            line.changed.connect(self._changed)
            if isinstance(line, FieldLine):
                line.left.connect(self.draft.flush)
                line.rivals_wanted.connect(self.open_rivals)
        self.point.left.connect(self.draft.flush)
        self.point.pointed.connect(self._pointed)
        self.village.placed.connect(self._placed)
        self.type.chosen.connect(self._type_chosen)
        self.type.previewed.connect(self.previewed)
        self.note.said.connect(self._said)
        self.note.textEdited.connect(self.draft.keep_line)
        steps: tuple[tuple[FieldLine, QWidget], ...] = (
            (self.village, self.landmark), (self.landmark, self.type), (self.rt, self.rw), (self.rw, self.street),
            (self.street, self.type), (self.point, self.type), (self.type, self.note),
            (self.callback, self.caller_name),
            (self.caller_name, self.note), *((line, self.note) for line in self.counts.values()),
        )  # fmt: skip
        for line, after in steps:
            line.accepted.connect(lambda after=after: after.setFocus(Qt.FocusReason.TabFocusReason))
        for part in (*self.lines.values(), self.point, self.note):
            part.installEventFilter(self)
        self.rivals.taken.connect(self._settle)
        self.rivals.closed.connect(self.close_rivals)
        self.draft.opened.connect(lambda _uid: self.refresh())
        self.draft.saved.connect(lambda _at: self.refresh())
        self.draft.failed.connect(self.trouble)
        self.bridge.changed.connect(self._news)

    # ---------------------------------------------------------------- which call, which incident
    def forget(self) -> None:
        """Write what is left and empty the form."""
        self.finish()
        self.draft.begin()
        self.view, self.call, self.first_at, self._opened = None, None, {}, {}
        self.close_rivals()
        for line in self.lines.values():
            line.forget()
        self.point.forget()
        self.note.setText("")
        self.notes.show_notes(())
        self._fit_notes()
        self._callback_face()
        self.sheet.update()
        self._used = False
        self.view_changed.emit(None)

    def open_call(self, offer: Uid, call: CallRow | None = None) -> None:
        """A call at hand: an empty form, or the incident the call already has (a restarted screen, promise P3)."""
        if self._used or self.touched:  # it was emptied when the call before ended: a ring waits for nothing twice
            self.forget()
        self._used = True
        self.draft.begin(offer)
        self.know(call)

    def know(self, call: CallRow | None) -> None:
        """What the record says of the call: number, identity, type."""
        self.call = call
        if call is not None and call.incidents and not self.draft.incident:
            self.draft.begin(self.draft.offer, call.incidents[0])
            self.refresh()
        self._callback_face()

    def open_incident(self, incident: Uid) -> None:
        """An incident of the board, without a call."""
        self.forget()
        self._used = True
        self.draft.begin(b"", incident)
        self.refresh()

    @property
    def incident(self) -> Uid:
        return self.draft.incident

    @property
    def touched(self) -> bool:
        """Whether anything was typed, saved or not."""
        return bool(self.draft.incident or self.draft.dirty or self.note.text().strip())

    @property
    def filled(self) -> bool:
        """Whether location or type stand: then a noise key asks for a second press (promise U7)."""
        return bool(self.village.text().strip() or self.type.value())

    def finish(self) -> None:
        """Write everything that is typed, the note line too: at hang-up, on another page, when the window goes."""
        self.note.add()
        self.draft.flush()

    # ---------------------------------------------------------------- typing
    def seen(self, name: str) -> tuple[tuple[int, int], ...]:
        """The dots this person has seen of a field: what a write of it replaces (promise M3)."""
        line = self.lines.get(name)
        dots = line.seen if line is not None else at_sight(self.view.fields.get(name) if self.view else None)
        return (*dots, *self._opened.get((self.desk.person_uid, name), ()))

    def _changed(self, name: str, value: object) -> None:
        at_once = not isinstance(self.lines[name], FieldLine)
        self.draft.change(name, value, self.seen(name), at_once)
        if value not in (None, "", 0, []):
            self.first_at.setdefault(name, self.desk.clock.now_ms())
        self.sheet.update()

    def _pointed(self, point: tuple[float, float] | None) -> None:
        lat, lon = point if point else (None, None)
        source = "typed" if point else None
        for name, value in zip(POINT, (lat, lon, None, source), strict=True):
            self.draft.change(name, value, self.seen(name))

    def _placed(self, match: Any) -> None:
        """A village's centre is the point until somebody knows better; its size is the uncertainty."""
        village = match.village
        fields = self.view.fields if self.view else {}
        source = fields["point_source"].face if "point_source" in fields else ""
        if village.lat is None or source not in ("", None, "village") or self.point.unsaved:
            return
        radius = round((village.area_km2 * 1e6 / 3.14159) ** 0.5, -1) if village.area_km2 else None
        for name, value in zip(POINT, (village.lat, village.lon, radius, "village"), strict=True):
            self.draft.change(name, value, self.seen(name))

    def _type_chosen(self, chosen: str) -> None:
        """A type proposes its priority, unless the operator set another than the last type's."""
        proposed = self.desk.catalogue.priority(chosen)
        before = self.view.fields["type"].face if self.view and "type" in self.view.fields else ""
        held = self.priority.chosen
        if proposed and (held == 0 or held == self.desk.catalogue.priority(str(before or ""))):
            self.priority.choose(proposed)
        self.note.setFocus(Qt.FocusReason.TabFocusReason)

    def _said(self, text: str) -> None:
        self.first_at.setdefault("note", self.desk.clock.now_ms())
        self.draft.note(text)

    # ---------------------------------------------------------------- news from the record
    def _news(self, changes: Any) -> None:
        ours = self.draft.incident in changes.incidents if self.draft.incident else False
        mine = {a.uid for a in self.view.assignments} if self.view else set()
        if ours or (self.draft.incident and changes.assignments and (changes.local or mine & changes.assignments)):
            self.refresh()

    def refresh(self) -> None:
        """Ask for the incident anew; answers that are older than what is shown are not shown."""
        self._question.put()

    def _ask(self) -> Asked | None:
        if not self.draft.incident:
            return None
        incident = self.draft.incident
        keys, pending = self.draft.keys, self.draft.pending
        settled = {name: keys[name] for name, line in self.lines.items() if line.unsaved and name not in pending}
        if self.point.unsaved and not pending & set(POINT):
            settled["lat"] = keys["lat"]
        asked = self.desk.see(views.incident, incident)
        return asked, lambda view: self._show(incident, view, settled)

    def _show(self, incident: Uid, view: IncidentView | None, settled: Mapping[str, int]) -> None:
        """Show the record's word; `settled`: fields that were durable when it was asked for, with their keys so far."""
        # Typed again while the answer was on its way: it is older than what stands in the form.
        still = {name for name, keys in settled.items() if keys == self.draft.keys[name]}
        if incident == self.draft.incident and view is not None:
            self.view = view
            for name, line in self.lines.items():
                if name in still and name not in self.draft.pending:
                    line.written()
                line.show_field(view.fields.get(name))
            if "lat" in still and not self.draft.pending & set(POINT):
                self.point.written()
            self.point.show_fields(view.fields)
            self.notes.show_notes(view.notes)
            self._follow_rivals(view)
            self._note_times(view)
            self._fit_notes()
            self._callback_face()
            self.sheet.update()
            self.view_changed.emit(view)

    def _note_times(self, view: IncidentView) -> None:
        for name in ("village", "type"):
            field = view.fields.get(name)
            if field and field.values and field.face:
                earliest = min(value.at for value in field.values)
                self.first_at[name] = min(self.first_at.get(name, earliest), earliest)

    def _callback_face(self) -> None:
        """The number shown by the network stands as the call-back number until another is typed."""
        call = self.call
        line = self.callback
        shown = call is not None and bool(call.e164)
        line.warn(call is not None and not shown and not line.text())
        if not line.unsaved and not self.draft.incident:
            line.setText(figures.phone(call.number) if call is not None and shown else "")
            line.setCursorPosition(0)
        same = call is not None and shown and _digits(line.text()) == _digits(figures.phone(call.number))
        line.tag(tr("form.from_display") if same else "", "tick" if same else "")
        line._hint = "form.hint.callback" if call is None or shown else "form.hint.no_callback"
        line.retranslate()

    # ---------------------------------------------------------------- rivals
    def rival_names(self) -> list[str]:
        order = [*self.lines]
        names = [name for name in order if self.lines[name].rival]
        fields = self.view.fields if self.view else {}
        names += [name for name in ("lat", "lon") if name in fields and fields[name].rival]
        return names

    def open_rivals(self, name: str = "") -> None:
        """Show the rival values of a field under its row; without a name the next field that has some."""
        names = self.rival_names()
        if not names or self.view is None:
            return
        if not name:
            shown = self.rivals.field.name if self.rivals.field and self.rival_slot.isVisible() else ""
            name = names[(names.index(shown) + 1) % len(names)] if shown in names else names[0]
        self.sheet.place_under(self.row_of(name), self.rival_slot)
        indent = self.theme.px(44 + 92)
        self.rival_room.setContentsMargins(indent, 4, 0, 0)
        self.rival_slot.show()
        self._show_rivals(self.view.fields[name])

    def _show_rivals(self, field: Field) -> None:
        self.rivals.show_rivals(field)
        self._opened[self.desk.person_uid, field.name] = self.rivals.seen

    def close_rivals(self) -> None:
        self.rivals.field = None
        self.rivals.hide()
        self.rival_slot.hide()

    def _follow_rivals(self, view: IncidentView) -> None:
        shown = self.rivals.field
        if shown is None or not self.rival_slot.isVisible():
            return
        field = view.fields.get(shown.name)
        if field is None or not field.rival:
            self.close_rivals()
        elif field != shown:
            self._show_rivals(field)

    def _settle(self, name: str, value: object) -> None:
        """The value taken replaces every one that was shown; none is deleted from the record."""
        shown, seen = self.rivals.field, self.rivals.seen
        self.close_rivals()
        if shown is not None:
            self.draft.change(name, value, seen, at_once=True)

    def retranslate(self) -> None:
        self.setAccessibleName(tr("form.title"))
        self._fit_people()
        self._callback_face()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
