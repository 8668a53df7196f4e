"""What the screen shows of the record: plain frozen rows, made by `workstation.service.views` and painted by `ui`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from workstation.domain.sentence import NOTHING, Sentence

Uid = bytes
Dot = tuple[int, int]


class Sync(StrEnum):
    """Where an item is, in words a call-taker understands; never `SERVER` before the server's answer."""

    LOCAL = "local"  # on this desk only
    QUEUED = "queued"  # a link is up or was, it waits to be sent
    BESIDE = "beside"  # another desk has it, the hub not yet
    SERVER = "server"  # acknowledged by the hub
    CONFLICT = "conflict"  # rival values
    REFUSED = "refused"


class Step(StrEnum):
    """How far an assignment has come; what its disc shows."""

    PLANNED = "planned"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Value(Struct, frozen=True):
    """One live value of a field, with who wrote it; `dots` of all live values are what an edit replaces."""

    value: object
    dot: Dot
    at: int
    desk: str
    person: str
    local: bool


class Field(Struct, frozen=True):
    """A field's face first, then its rivals; more than one value is a conflict."""

    name: str
    values: tuple[Value, ...]

    @property
    def face(self) -> object:
        return self.values[0].value if self.values else None

    @property
    def rival(self) -> bool:
        """Whether the values differ: two desks that wrote the same do not disagree."""
        return any(value.value != self.values[0].value for value in self.values[1:])

    @property
    def seen(self) -> tuple[Dot, ...]:
        return tuple(value.dot for value in self.values)


class Note(Struct, frozen=True):
    """One line of the narrative; `corrects` names the entry it puts right."""

    dot: Dot
    text: str
    at: int
    desk: str
    person: str
    corrects: Dot | None
    sync: Sync


class AssignmentRow(Struct, frozen=True):
    """One agency's part in an incident and its clock stamps in ms UTC (None = not yet)."""

    uid: Uid
    incident: Uid
    agency: str
    channel: str
    unit: str
    step: Step
    planned_at: int | None
    notified_at: int | None
    acknowledged_at: int | None
    departed_at: int | None
    arrived_at: int | None
    done_at: int | None
    refused_at: int | None
    reason: str
    late: bool


class BoardRow(Struct, frozen=True):
    """One incident as the board shows it.

    `deadline_at` is the next target (None = no clock runs), `deadline` its catalogue key.
    """

    uid: Uid
    number: str
    type: str
    priority: int
    village: str
    place: str
    landmark: str
    lat: float | None
    lon: float | None
    opened_at: int
    deadline: str
    deadline_from_at: int | None
    deadline_at: int | None
    assignments: tuple[AssignmentRow, ...]
    desk: str
    status: str  # draft, open, dispatched, resolved, closed
    rivals: int
    sync: Sync
    deadline_agency: str = ""


class IncidentView(Struct, frozen=True):
    """One incident whole, for the form."""

    row: BoardRow
    fields: dict[str, Field]
    notes: tuple[Note, ...]
    assignments: tuple[AssignmentRow, ...]
    calls: tuple[Uid, ...]
    disposition: str


class FoundPiece(Struct, frozen=True):
    """Words found in a field of an incident or of what belongs to it; `marks` are (start, end) in `text`.

    Where the field holds a code (type, village, agency) the text is that code, for the screen to name.
    """

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]


class FoundRow(Struct, frozen=True):
    """An incident a search found."""

    uid: Uid
    number: str
    type: str
    priority: int
    village: str
    place: str
    landmark: str
    opened_at: int
    status: str
    open: bool
    pieces: tuple[FoundPiece, ...]


class FoundRows(Struct, frozen=True):
    """What a search gives, newest incident first; `more`: there may be older ones that were not looked at."""

    rows: tuple[FoundRow, ...] = ()
    more: bool = False

    def __len__(self) -> int:
        """How many incidents somebody was shown, for the access log."""
        return len(self.rows)


class CallRow(Struct, frozen=True):
    """One caller's session: all offers joined (promise M11). `status`: ringing, talking, held, ended, abandoned."""

    uid: Uid
    offer: Uid  # the answered offer, else the first
    number: str
    e164: str
    identity: str
    display: str
    dialled: str
    rang_at: int
    answered_at: int | None
    ended_at: int | None
    reason: str
    status: str
    type: str
    desk: str
    offers: int
    incidents: tuple[Uid, ...]
    incident_number: str
    incident_type: str
    sync: Sync


class AbandonedRow(Struct, frozen=True):
    """Abandoned calls grouped by number; "" = no number, cannot be called back."""

    number: str
    calls: int
    at: tuple[int, ...]
    last_at: int
    longest_ring_s: float
    call_back_due_at: int | None


class ConflictRow(Struct, frozen=True):
    """One field of one incident with rival values, for the shift lead."""

    incident: Uid
    number: str
    type: str
    field: Field
    since_at: int


class UnsentRow(Struct, frozen=True):
    """One op or group of ops of this desk the hub has not acknowledged."""

    at: int
    kind: str
    number: str
    detail: str
    count: int
    sync: Sync
    why: str = ""
    """The peer's word for why it was refused."""


class Carried(Struct, frozen=True):
    """How many ops the hub has not acknowledged are on a courier's stick, and since when (ms UTC)."""

    since_at: int
    ops: int


class Person(Struct, frozen=True):
    """Someone on the roster. `role`: operator, lead, it."""

    uid: Uid
    login: str
    name: str
    role: str
    desk: str  # where signed in, "" = nowhere
    since_at: int | None


class SkewedDesk(Struct, frozen=True):
    """A desk that wrote with a clock further ahead than any honest one's; what it wrote is kept (promise M9).

    `count`: how many of its ops; `newest_at`: when the newest was written by that desk's own clock.
    """

    desk: str
    count: int
    newest_at: int


class DeskRow(Struct, frozen=True):
    """One desk as the lead sees it."""

    name: str
    person: str
    state: str  # ready, ringing, talking, empty
    since_at: int | None
    calls_last_hour: int


class QueueFigures(Struct, frozen=True):
    """The lead's strip, over the hours given.

    None where there is nothing to count; `offline_s` says what is not in the figures.
    """

    from_at: int
    to_at: int
    calls: int
    answered: int
    answered_in_15_s: int
    abandoned: int
    noise: int
    untyped: int
    call_to_agency_p90_s: float | None
    call_to_agency_n: int
    unsent: int
    oldest_unsent_at: int | None
    conflicts: int
    by_type: tuple[tuple[str, int], ...]
    by_hour: tuple[tuple[int, int, int], ...]  # (hour start ms, calls answered, of them within 15 s)
    call_to_agency_s: tuple[float, ...]  # sorted
    call_to_agency_p50_s: float | None = None
    offline_s: float = 0.0
    offline: tuple[tuple[int, int], ...] = ()  # (from ms, to ms) this desk heard nothing of the others


class LinkStatus(Struct, frozen=True):
    """The honest word on the wire.

    `state`: up, down, off (no hub set), refused (`sentence` says why and what to do). `beside` are the desks reached
    directly while the hub is not, `elsewhere` how many of the unsent ops one of them has on disk. `arriving`: how much
    of the hub's record is here, percent, while much of it is still to come; None = next to nothing. `parted` names the
    desks of which the hub has another history than this one: of those nothing is exchanged (promise S5).
    """

    state: str
    since_at: int
    last_contact_at: int | None
    through: str
    unsent: int
    oldest_unsent_at: int | None
    clock_offset_ms: int | None
    sentence: Sentence = NOTHING
    beside: tuple[str, ...] = ()
    elsewhere: int = 0
    arriving: int | None = None
    parted: tuple[str, ...] = ()


class AttachmentRow(Struct, frozen=True):
    """A file attached to an incident or a call; `size` in bytes, `digest` of the sealed file.

    `place`: waiting (here, not at the server yet), sent (here and there), away (not here), coming; `percent` of the way
    there or here, `trouble` what is in its way.
    """

    uid: Uid
    about: Uid
    name: str
    size: int
    digest: bytes
    added_at: int
    person: str
    place: str = "away"
    percent: int = 0
    trouble: Sentence = NOTHING


class RingView(Struct, frozen=True):
    """One ringing offer at this desk."""

    offer: Uid
    number: str
    display: str
    dialled: str
    identity: str
    rang_at: int


class Stranger(Struct, frozen=True):
    """Someone who is neither the registrar nor a listed peer and knocked at the SIP port; nobody answered (promise P1).

    `source`: HOST:PORT. `method`: what the request called itself, as it came.
    """

    source: str
    at: int
    method: str


class PhoneState(Struct, frozen=True):
    """What the strip shows.

    `line`: registered, trying, failed, off; `may_ring` is False when no inbound proof in 30 s (promise P4).
    """

    line: str
    sentence: Sentence
    may_ring: bool
    ringing: tuple[RingView, ...]
    talking: Uid | None
    talking_since_at: int | None
    held: bool
    muted: bool
    input: str
    output: str
    null_device: bool
    rx_level: float  # 0..1
    tx_level: float  # 0..1
    strangers: tuple[Stranger, ...] = ()  # the last 50, oldest first
    notice: Sentence = NOTHING  # why what was just asked of the line can't be done, and what to do
