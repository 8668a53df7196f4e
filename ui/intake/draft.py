"""What is being typed, on its way to the record: collected for a moment, then written through the services in one go.

A field is an op at most 250 ms after its first unsaved key, however long somebody goes on typing, and at once when it
is left. What could not be written stays dirty and is tried again; nothing typed is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct
from PySide6.QtCore import QObject, QTimer, Signal

from ui.bridge import Bridge
from workstation.domain.rows import Dot, Uid
from workstation.service import calls, intake, unfinished, views
from workstation.service.desk import Desk, Edit, NotFound, Refused

QUIET_MS = 70  # after the first unsaved key: leaves a busy machine most of the promised 250 for the commit
RETRY_MS = 2000


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
        self.offer: Uid = b""
        self.keys: Counter[str] = Counter()  # changes of each field so far: an answer asked before one is older
        self._dirty: dict[str, Edit] = {}
        self._in_flight: list[tuple[Uid, frozenset[str]]] = []
        self._unopened: set[Uid] = set()  # incidents of this form whose opening is not known to be durable
        self._sent = 0
        self._newest: dict[tuple[Uid, str], int] = {}  # the last write that carried a field
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self._line = ""
        self._line_timer = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._line_timer.timeout.connect(self._keep_line)

    def begin(self, offer: Uid = b"", incident: Uid = b"") -> None:
        """Turn to another call or incident; what is still dirty is written first."""
        self.flush()
        self.offer, self.incident = offer, incident

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
        """What the next write belongs to; until a call's incident is known to be open, each write would open it."""
        if not self.incident:
            self.incident = self.desk.ids.uid()
            self._unopened.add(self.incident)
        return Bound(self.incident, self.offer, self.incident in self._unopened)

    def _send(self, to: Bound, edits: Mapping[str, Edit], note: str = "") -> None:
        self._sent += 1
        sent, names = self._sent, frozenset(edits)
        self._newest.update({(to.incident, field): sent for field in names})
        self._in_flight.append((to.incident, names))
        self.bridge.ask(
            self.desk.together(lambda inside: _write(inside, to, edits, note)),
            lambda _done: self._written(to, names),
            lambda error: self._not_written(error, to, edits, note, sent),
        )

    def _landed(self, to: Bound, names: frozenset[str]) -> None:
        self._in_flight.remove((to.incident, names))
        if not self._in_flight:
            self._newest.clear()

    def _written(self, to: Bound, names: frozenset[str]) -> None:
        self._landed(to, names)
        self.saved.emit(self.desk.clock.now_ms())
        if to.incident in self._unopened:
            self._unopened.discard(to.incident)
            self.opened.emit(to.incident)

    def _not_written(self, error: BaseException, to: Bound, edits: Mapping[str, Edit], note: str, sent: int) -> None:
        """Keep what failed and try again; a value typed meanwhile stands. What the record refuses is not repeated.

        What it does not have yet may still arrive: no reason to drop what was typed.
        """
        names, left = frozenset(edits), self._still(to, edits, sent)
        if isinstance(error, Refused) and not isinstance(error, NotFound):
            self._landed(to, names)
            if len(edits) > 1 or (edits and note):
                # One of them is what the record refuses: the others must not fall with it.
                for field, edit in left.items():
                    self._send(to, {field: edit})
        elif to.incident == self.incident and not note:
            self._landed(to, names)
            self._dirty = {**left, **self._dirty}
            self._timer.start(RETRY_MS)
        else:
            # Another form is open by now, or it is a line of the narrative: this write goes again by itself.
            again = QTimer(self)
            again.setSingleShot(True)
            again.timeout.connect(lambda: self._again(again, to, edits, note, sent))
            again.start(RETRY_MS)
        self.failed.emit(error)

    def _still(self, to: Bound, edits: Mapping[str, Edit], sent: int) -> dict[str, Edit]:
        """The edits of a write that no later write carries."""
        return {field: edit for field, edit in edits.items() if self._newest.get((to.incident, field), 0) <= sent}

    def _again(self, timer: QTimer, to: Bound, edits: Mapping[str, Edit], note: str, sent: int) -> None:
        timer.deleteLater()
        left = self._still(to, edits, sent)
        if left or note:
            self._send(to, left, note)
        self._landed(to, frozenset(edits))


class Bound(Struct, frozen=True):
    """The incident and call a write belongs to; `new` = the write opens the incident unless an earlier one has."""

    incident: Uid
    offer: Uid
    new: bool


def _write(desk: Desk, to: Bound, edits: Mapping[str, Edit], note: str) -> None:
    back: dict[str, Edit] = {}
    if to.new and not desk.knows(to.incident).result():
        back = _open(desk, to)
    if back or edits:
        intake.edit(desk, to.incident, {**back, **edits}).result()
    if note:
        intake.note(desk, to.incident, note).result()
        unfinished.keep_line(desk, to.incident, to.offer, "").result()


def _open(desk: Desk, to: Bound) -> dict[str, Edit]:
    """Open the incident; typing a location is what says "emergency" at the gate. Gives the number to call back.

    What is known of the call is read here, in the open transaction: the screen may have heard less. A call that is not
    on record yet brings its number along when it arrives.
    """
    intake.open_incident(desk, to.incident, to.offer).result()
    if not to.offer:
        return {}
    calls.located(desk, to.offer).result()
    call = desk.see(views.call, to.offer).result()
    return {"callback": Edit(call.number or call.e164)} if call is not None and call.e164 else {}
