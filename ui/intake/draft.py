"""What is being typed, on its way to the record: collected for a moment, then written through the services in one go.

A field is an op at most 250 ms after its first unsaved key, however long somebody goes on typing, and at once when it
is left. What could not be written stays dirty and is tried again; nothing typed is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from ui.bridge import Bridge
from workstation.domain.rows import CallRow, Dot, Uid
from workstation.service import calls, intake, unfinished
from workstation.service.desk import Desk, Edit, Refused

QUIET_MS = 150  # after the first unsaved key; with the commit well under the promised 250
RETRY_MS = 2000
STAYS = ("emergency", "report", "information", "follow_up")  # types a typed location does not turn into an emergency


class Draft(QObject):
    """One incident being written, or the call that may become one.

    Signals:
        opened(bytes): the first field made the call an incident.
        saved(object): a write is durable, at this time in ms UTC.
        failed(BaseException): a write came back as an error; its fields are kept and tried again.
    """

    opened = Signal(bytes)
    saved = Signal(object)
    failed = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk, self.bridge = desk, bridge
        self.incident: Uid = b""
        self.call: CallRow | None = None
        self.offer: Uid = b""
        self.keys: Counter[str] = Counter()  # changes of each field so far: an answer asked before one is older
        self._dirty: dict[str, Edit] = {}
        self._in_flight: list[tuple[Uid, frozenset[str]]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self._line = ""
        self._line_timer = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._line_timer.timeout.connect(self._keep_line)

    def begin(self, offer: Uid = b"", incident: Uid = b"") -> None:
        """Turn to another call or incident; what is still dirty is written first."""
        self.flush()
        self.offer, self.incident, self.call = offer, incident, None

    @property
    def dirty(self) -> frozenset[str]:
        return frozenset(self._dirty)

    @property
    def pending(self) -> frozenset[str]:
        """Fields whose newest text is not durable yet."""
        return self.dirty.union(*(names for incident, names in self._in_flight if incident == self.incident))

    @property
    def writing(self) -> bool:
        """Whether typed text is not durable yet."""
        return bool(self._dirty or self._in_flight)

    def change(self, field: str, value: object, seen: tuple[Dot, ...], at_once: bool = False) -> None:
        """Take a field's new value and the dots the form showed when it was typed (promise M3)."""
        self._dirty[field] = Edit(value, seen)
        self.keys[field] += 1
        if at_once:
            self.flush()
        elif not 0 <= self._timer.remainingTime() <= QUIET_MS:  # a second try waits longer than a key may
            self._timer.start(QUIET_MS)

    def flush(self) -> None:
        """Write everything dirty now, in one transaction."""
        self._timer.stop()
        if not self._dirty:
            return
        edits, self._dirty = self._dirty, {}
        self._send(self._bound(), edits)

    def keep_line(self, text: str) -> None:
        """The note line has grown: keep it beside the record, for the case that nobody ends it."""
        self._line = text
        if not self._line_timer.isActive():
            self._line_timer.start()

    def _keep_line(self) -> None:
        kept = unfinished.keep_line(self.desk, self.incident, self.offer, self._line)
        self.bridge.ask(kept, None, self.failed.emit)

    def note(self, text: str) -> None:
        """Add a line to the narrative, opening the incident where there is none yet."""
        self._line_timer.stop()
        if text.strip():
            self.flush()
            self._send(self._bound(), {}, text)

    def _bound(self) -> Bound:
        """What the next write belongs to; a call becomes an incident with the first one."""
        new = not self.incident
        if new:
            self.incident = self.desk.ids.uid()
        return Bound(self.incident, self.offer, self.call, new)

    def _send(self, to: Bound, edits: Mapping[str, Edit], note: str = "") -> None:
        names = frozenset(edits)
        self._in_flight.append((to.incident, names))
        self.bridge.ask(
            self.desk.together(lambda inside: _write(inside, to, edits, note)),
            lambda _done: self._written(to, names),
            lambda error: self._not_written(error, to, edits, note),
        )

    def _written(self, to: Bound, names: frozenset[str]) -> None:
        self._in_flight.remove((to.incident, names))
        self.saved.emit(self.desk.clock.now_ms())
        if to.new:
            self.opened.emit(to.incident)

    def _not_written(self, error: BaseException, to: Bound, edits: Mapping[str, Edit], note: str) -> None:
        """Keep what failed and try again; a value typed meanwhile stands. What the record refuses is not repeated."""
        self._in_flight.remove((to.incident, frozenset(edits)))
        if isinstance(error, Refused):
            self.failed.emit(error)
            return
        if to.incident == self.incident and not to.new and not note:
            for field, edit in edits.items():
                self._dirty.setdefault(field, edit)
            self._timer.start(RETRY_MS)
        else:
            # Another form is open by now, or the incident itself isn't there yet: this write goes again by itself.
            self._in_flight.append((to.incident, frozenset(edits)))
            again = QTimer(self)
            again.setSingleShot(True)
            again.timeout.connect(lambda: self._again(again, to, edits, note))
            again.start(RETRY_MS)
        self.failed.emit(error)

    def _again(self, timer: QTimer, to: Bound, edits: Mapping[str, Edit], note: str) -> None:
        timer.deleteLater()
        self._in_flight.remove((to.incident, frozenset(edits)))
        self._send(to, edits, note)


@dataclass(frozen=True, slots=True)
class Bound:
    """The incident and call a write belongs to; `new` = the write opens the incident."""

    incident: Uid
    offer: Uid
    call: CallRow | None
    new: bool


def _write(desk: Desk, to: Bound, edits: Mapping[str, Edit], note: str) -> None:
    back: dict[str, Edit] = {}
    if to.new:
        _open(desk, to.incident, to.offer, to.call)
        if to.call is not None and to.call.e164 and "callback" not in edits:
            back["callback"] = Edit(to.call.number or to.call.e164)
    if back or edits:
        intake.edit(desk, to.incident, {**back, **edits}).result()
    if note:
        intake.note(desk, to.incident, note).result()
        unfinished.keep_line(desk, to.incident, to.offer, "").result()


def _open(desk: Desk, incident: Uid, offer: Uid, call: CallRow | None) -> None:
    """Open the incident; typing a location is what says "emergency" at the gate."""
    intake.open_incident(desk, incident, offer).result()
    if offer and (call is None or call.type not in STAYS):
        calls.classify(desk, offer, "emergency").result()
