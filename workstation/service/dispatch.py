"""Assignments: planned by one key, notified only on proof (promise U8), then each stamp as the agency reports it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.kinds import PROOFS
from workstation.domain.sentence import say
from workstation.service.catalogue import CHANNELS
from workstation.service.desk import BadValue, Desk, Pending, Refused, not_one_of, text
from workstation.service.registers import known
from workstation.store import Connection, Tx


class Plan(Struct, frozen=True):
    """An agency to be notified, by which channel, and its unit where it is known. `uid` is given where someone already
    speaks of the assignment (an import); else it is made."""

    agency: str
    channel: str
    unit: str = ""
    uid: Uid = b""


def plan(desk: Desk, incident: Uid, plans: Sequence[Plan], at: int | None = None) -> Pending[Changes]:
    """Make assignments to notify; none of them is notified by this (promise U8).

    An agency and unit already at work on the incident is left as it is, so that the key can be pressed twice; so is an
    assignment whose uid is in the record.
    """
    try:
        for item in plans:
            if item.channel not in CHANNELS:
                raise BadValue(not_one_of("channel", item.channel, CHANNELS))
            text(item.agency, "agency", 100)
            text(item.unit, "unit", 100)
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        known(tx, incident, "incident")
        # What this same transaction planned is not pressed twice by anyone.
        taken = _at_work(tx.settled, incident)
        for item in plans:
            if (item.agency, item.unit) in taken or (item.uid and tx.state(item.uid) is not None):
                continue
            taken.add((item.agency, item.unit))
            body = {
                "incident": incident,
                "agency": item.agency,
                "channel": item.channel,
                "unit": item.unit,
                "at": tx.now() if at is None else int(at),
            }
            tx.append("assignment.planned", item.uid or tx.uid(), body, person)

    return desk.write(act)


def notified(desk: Desk, assignment: Uid, proof: str, at: int | None = None) -> Pending[Changes]:
    """Stamp that the agency knows; `proof` is call (they answered), read_out (the operator marked it) or receipt."""
    if proof not in PROOFS:
        return desk.refuse(BadValue(not_one_of("proof", proof, PROOFS)))
    return _stamp(desk, assignment, "assignment.notified", at, {"proof": proof})


def acknowledged(desk: Desk, assignment: Uid, at: int | None = None) -> Pending[Changes]:
    """Stamp that the agency took it on."""
    return _stamp(desk, assignment, "assignment.acknowledged", at)


def departed(desk: Desk, assignment: Uid, at: int | None = None) -> Pending[Changes]:
    """Stamp that the unit is on its way."""
    return _stamp(desk, assignment, "assignment.departed", at)


def arrived(desk: Desk, assignment: Uid, at: int | None = None) -> Pending[Changes]:
    """Stamp that the unit is on scene."""
    return _stamp(desk, assignment, "assignment.arrived", at)


def done(desk: Desk, assignment: Uid, at: int | None = None) -> Pending[Changes]:
    """Stamp that the agency's part is over."""
    return _stamp(desk, assignment, "assignment.done", at)


def cancelled(desk: Desk, assignment: Uid, reason: str, at: int | None = None) -> Pending[Changes]:
    """Take an assignment back, saying why."""
    return _with_reason(desk, assignment, "assignment.cancelled", reason, at)


def refused(desk: Desk, assignment: Uid, reason: str, at: int | None = None) -> Pending[Changes]:
    """Write that the agency will not come, and what it said."""
    return _with_reason(desk, assignment, "assignment.refused", reason, at)


def _with_reason(desk: Desk, assignment: Uid, kind: str, reason: str, at: int | None) -> Pending[Changes]:
    try:
        why = text(reason, "reason").strip()
        if not why:
            raise BadValue(say("refused.say_why"))
    except Refused as error:
        return desk.refuse(error)
    return _stamp(desk, assignment, kind, at, {"reason": why})


def _stamp(
    desk: Desk, assignment: Uid, kind: str, at: int | None, more: dict[str, object] | None = None
) -> Pending[Changes]:
    """Add one stamp; the first of its kind counts, a second press adds nothing."""
    person = desk.person_uid

    def act(tx: Tx) -> None:
        state = known(tx, assignment, "assignment")
        if state.stamp(kind) is None:
            tx.append(kind, assignment, {"at": tx.now() if at is None else int(at), **(more or {})}, person)

    return desk.write(act)


def _at_work(db: Connection, incident: Uid) -> set[tuple[str, str]]:
    sql = "select agency, unit from assignment where incident = ? and step not in ('done', 'cancelled', 'refused')"
    return {(agency, unit) for agency, unit in db.execute(sql, [incident])}
