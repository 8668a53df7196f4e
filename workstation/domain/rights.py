"""What each role may write, do and see: the one table, over every op kind, service function and view.

Services ask it before they write, views before they answer, and desk, hub and courier on every op that comes in. What
it stands against, and what it does not, is said in `docs/security.md`.

Whatever a call needs may be written with nobody signed in (promise P2), and so by everybody: a rule that keeps a call
from being taken down would cost more than it guards. Kinds that change who may do what, or what is kept, carry the
person's own signature (promise S10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from workstation.domain.kinds import KINDS, ROLES

EVERYONE: Final = frozenset({*ROLES, ""})
"""Every role, and "", nobody signed in."""
_SITTING: Final = frozenset(ROLES)
_LEAD: Final = frozenset({"lead"})
_LEAD_IT: Final = frozenset({"lead", "it"})
_IT: Final = frozenset({"it"})
_TAKERS: Final = frozenset({"operator", "lead"})


class Right(Struct, frozen=True):
    """Who may write a kind: roles ("" = nobody signed in), whether the person signs it, and on which devices."""

    roles: frozenset[str] = EVERYONE
    signed: bool = False
    devices: frozenset[str] = frozenset({"desk"})


_OF_CALLS: Final = ("offer", "incident", "assignment", "link", "attachment", "")
_ANYWHERE: Final = frozenset({"desk", "hub"})
WRITES: Final[Mapping[str, Right]] = {
    **{kind: Right() for kind, row in KINDS.items() if row.entity in _OF_CALLS},
    "incident.settled": Right(_LEAD, signed=True),
    "person.signed_in": Right(_SITTING),
    "person.signed_out": Right(_SITTING),
    "person.enrolled": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "person.granted": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "person.retired": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "person.secret_changed": Right(_SITTING, signed=True, devices=_ANYWHERE),
    "device.invited": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "device.enrolled": Right(devices=_ANYWHERE),
    "device.retired": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    # Records seal their keys to what it names: whoever could name one could open a stolen desk.
    "site.recovery_named": Right(frozenset(), signed=True, devices=_ANYWHERE),
    "hold.placed": Right(_LEAD, signed=True),
    "hold.lifted": Right(_LEAD, signed=True),
    "erasure.ordered": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "record.erased": Right(_LEAD_IT, signed=True, devices=_ANYWHERE),
    "record.exported": Right(_LEAD, signed=True),
    "shift.handed_over": Right(_LEAD, signed=True),
    "shift.taken_over": Right(_LEAD, signed=True),
}  # fmt: skip

SIGNED: Final = frozenset(kind for kind, right in WRITES.items() if right.signed)
"""Kinds without effect unless a person with the role has signed them."""
ROSTER: Final = frozenset(kind for kind, row in KINDS.items() if row.entity in ("person", "device", "site")) - {
    "person.signed_in",
    "person.signed_out",
}
"""Kinds that say who may do what, which devices there are, and to which key records are sealed."""

SITE_KEY_WRITES: Final = frozenset(
    {"person.enrolled", "device.invited", "device.retired", "person.retired", "site.recovery_named"}
)
"""What IT's offline site key may sign by itself: the first lead, the first hub, the way back when both are lost, and to
whom records are sealed, which nobody else may say."""

_EVERYBODY_DOES: Final = (
    "calls.rang", "calls.answered", "calls.held", "calls.resumed", "calls.ended", "calls.classify", "calls.located",
    "calls.take_back", "calls.describe", "calls.answer", "calls.hang_up", "calls.hold", "calls.resume", "calls.mute",
    "intake.open_incident", "intake.edit", "intake.note", "intake.correct", "intake.correct_time", "intake.close",
    "intake.reopen", "dispatch.plan", "dispatch.notified", "dispatch.acknowledged", "dispatch.departed",
    "dispatch.arrived", "dispatch.done", "dispatch.cancelled", "dispatch.refused", "duplicates.link_call",
    "duplicates.merge", "duplicates.tie", "duplicates.undo", "unfinished.keep_line", "unfinished.take_up_line",
    "people.sign_in", "people.sign_out", "people.signatory", "people.visitor", "courier.export", "courier.take_in",
    "attachments.attach", "attachments.shown", "attachments.open_file", "attachments.put_away",
)  # fmt: skip
DOES: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_EVERYBODY_DOES, EVERYONE),
    "people.enrol": _LEAD_IT,
    "site.invite": _LEAD_IT,
    "review.settle": _LEAD,
    "review.bring_back": _LEAD,
    "retention.place_hold": _LEAD,
    "retention.lift_hold": _LEAD,
    "retention.apply": _LEAD_IT,
    "export.export": _LEAD,
}
"""Roles that may call a function of `workstation.service` ("" = with nobody signed in)."""


class Sight(Struct, frozen=True):
    """Who may see a view, and whether each look goes into the access log (promise D6)."""

    roles: frozenset[str] = EVERYONE
    logged: bool = False


SEES: Final[Mapping[str, Sight]] = {
    # The form of a call that rings here, its own earlier calls with it, and the board: open to whoever takes the call.
    "board": Sight(),
    "call": Sight(),
    "at_ring": Sight(),
    "incident": Sight(logged=True),
    "attachments": Sight(),  # which files there are; the incident they stand with is looked at with a line
    "attachment": Sight(_TAKERS, logged=True),
    "calls_page": Sight(_TAKERS, logged=True),
    "abandoned": Sight(_TAKERS),
    "calls_and_abandoned": Sight(_TAKERS, logged=True),
    "earlier_calls": Sight(_TAKERS, logged=True),
    "search": Sight(_TAKERS, logged=True),
    "conflicts": Sight(_LEAD, logged=True),
    "queue": Sight(_LEAD),
    "desks": Sight(_LEAD),
    "shift": Sight(_LEAD, logged=True),
    "roster": Sight(),  # who may sit down here: names and roles, no more
    "find": Sight(),
    "unsent": Sight(_SITTING),
    "carried": Sight(_SITTING),
    "skewed": Sight(),  # desks and their clocks, nobody's data
    "due": Sight(_LEAD_IT),
    "holds": Sight(_LEAD_IT, logged=True),
    "access_log": Sight(_LEAD_IT, logged=True),
    "kept": Sight(),
    "outages": Sight(),
    "travelled": Sight(),
    "night": Sight(),
    "standing": Sight(),
}
"""What a role may look at, by the functions of `workstation.service` that read the record."""

PERSONAL: Final = frozenset(
    {"number", "callback", "caller_name", "caller_elsewhere", "relation", "street", "rt", "rw", "floor", "access",
     "lat", "lon", "radius_m", "sea_bearing_deg", "sea_distance_m", "point_source", "hearse_place", "notes",
     "landmark", "place", "priority_reason"}
)  # fmt: skip
"""What of an incident may say who somebody is, or where a single household lies."""
_WHERE: Final = frozenset(
    {"street", "rt", "rw", "floor", "access", "lat", "lon", "radius_m", "sea_bearing_deg", "sea_distance_m",
     "landmark", "place"}
)  # fmt: skip


class Purpose(Struct, frozen=True):
    """What an export is for: who may make it, and which of the personal fields stay in it."""

    roles: frozenset[str]
    stays: frozenset[str] = frozenset()


PURPOSES: Final[Mapping[str, Purpose]] = {
    "statistics": Purpose(_LEAD),
    "agency": Purpose(_LEAD, _WHERE | {"callback", "caller_name"}),
    "review": Purpose(_LEAD, _WHERE | {"notes", "priority_reason"}),
    "court": Purpose(_LEAD, PERSONAL),
}
"""Why a part of the record leaves it (promise D6): figures, an agency's own work, the centre's own review of its work,
and what a court or a person asks about themselves."""
