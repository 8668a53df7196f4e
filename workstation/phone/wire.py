"""What engine and desk say to each other: msgspec JSON, one message a frame, over a local socket with an auth key.

An event with `n` > 0 is in the engine's journal and is sent again until it is acknowledged; 0 is not journalled.
`offer` is the hex of the Uid the engine gave to one ring at this desk. Times are ms UTC.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from workstation.domain.sentence import Sentence

FRAME_MOST = 256 * 1024
"""The longest frame either side takes, bytes; a PIDF-LO body of 16 kB fits many times."""

REASONS = frozenset({"caller_hung_up", "desk_hung_up", "cancelled", "answered_elsewhere", "refused", "failed", "lost"})
"""How an offer can end, as in the op `offer.ended`."""


class CallFace(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it stands in the engine. `state`: ringing, talking, held (by this desk). `waiting`: it rang into
    another call.
    """

    offer: str
    state: str
    number: str
    display: str
    dialled: str
    identity: str
    rang_at: int
    answered_at: int | None = None
    held_by_caller: bool = False
    waiting: bool = False


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=str.lower):
    n: int = 0


class Hello(_Event, frozen=True, kw_only=True):
    """The engine as it stands; the first thing said on a connection.

    Events with 0 < n <= `upto` are news of the past.
    """

    calls: tuple[CallFace, ...]
    upto: int
    muted: bool
    pid: int
    settings: str = ""
    """What `meeting.settings_mark` gives for the settings the engine runs with."""


class Registration(_Event, frozen=True, kw_only=True):
    """Whether the registrar knows this desk. `state`: registered, trying, failed, off. `inbound_at`: last request
    that came in by it.
    """

    state: str
    reason: Sentence
    since: int
    inbound_at: int | None


class Ringing(_Event, frozen=True, kw_only=True):
    """An offer: one ring at this desk.

    `identity` is withheld, no_sim or unknown where the network tells no number, else "".
    """

    offer: str
    number: str
    display: str
    dialled: str
    key: str
    sip_call_id: str
    identity: str
    location: str
    at: int
    waiting: bool = False


class Answered(_Event, frozen=True, kw_only=True):
    """This desk took the offer."""

    offer: str
    at: int


class Held(_Event, frozen=True, kw_only=True):
    """The conversation stands still; `by` is desk or caller."""

    offer: str
    at: int
    by: str = "desk"


class Resumed(_Event, frozen=True, kw_only=True):
    """The conversation goes on; `by` is desk or caller."""

    offer: str
    at: int
    by: str = "desk"


class Ended(_Event, frozen=True, kw_only=True):
    """The offer is over; `reason` is one of `REASONS`, `detail` is for the log."""

    offer: str
    reason: str
    at: int
    detail: str = ""


class Levels(_Event, frozen=True, kw_only=True):
    """Loudness 0..1 of what the caller says (`rx`) and what the operator says (`tx`)."""

    rx: float
    tx: float


class Muted(_Event, frozen=True, kw_only=True):
    """The operator's microphone is closed, or open again."""

    on: bool


class Device(_Event, frozen=True, kw_only=True):
    """The sound devices in use; `null`: there is none and the call is silent here; `sentence` says what to do."""

    input: str
    output: str
    null: bool
    sentence: Sentence


class Notice(_Event, frozen=True, kw_only=True):
    """What the desk asked for can't be done now; `sentence` says why and what to do. Over with the next call's news."""

    sentence: Sentence


class Scanner(_Event, frozen=True, kw_only=True):
    """Something that is neither the registrar nor a listed peer sent a request; it got no answer (promise P1)."""

    source: str
    at: int
    method: str = ""


Event: TypeAlias = (
    Hello | Registration | Ringing | Answered | Held | Resumed | Ended | Levels | Muted | Device | Notice | Scanner
)


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag=str.lower):
    pass


class Answer(_Command, frozen=True, kw_only=True):
    """Take this offer; a conversation that is up is held first."""

    offer: str


class Hangup(_Command, frozen=True, kw_only=True):
    """End this offer, or refuse it while it rings; "" is the conversation that is up."""

    offer: str = ""


class Hold(_Command, frozen=True, kw_only=True):
    """Let the caller wait."""


class Resume(_Command, frozen=True, kw_only=True):
    """Talk on with the caller who waits."""


class Mute(_Command, frozen=True, kw_only=True):
    """Close or open the operator's microphone."""

    on: bool


class Ack(_Command, frozen=True, kw_only=True):
    """The event with this journal number is in the desk's store; the engine may forget it."""

    n: int


class Snapshot(_Command, frozen=True, kw_only=True):
    """Say `Hello` again; with `news` also every event that is not acknowledged, oldest first."""

    news: bool = False


class Quit(_Command, frozen=True, kw_only=True):
    """Hang up, sign off at the registrar and end the process; with `idle` only where no call rings or is up, else the
    answer is a `Hello`.
    """

    idle: bool = False


Command: TypeAlias = Answer | Hangup | Hold | Resume | Mute | Ack | Snapshot | Quit

_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def pack(message: Event | Command) -> bytes:
    """The frame of one event or command."""
    return _encoder.encode(message)


def read_event(frame: bytes) -> Event:
    """The event in a frame; raises msgspec.DecodeError (ValidationError is one) on anything else."""
    return _events.decode(frame)


def read_command(frame: bytes) -> Command:
    """The command in a frame; raises msgspec.DecodeError on anything else."""
    return _commands.decode(frame)
