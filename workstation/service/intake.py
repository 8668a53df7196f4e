"""The intake form: opening an incident for a call, and every change to it until it is closed."""

from __future__ import annotations

from collections.abc import Mapping

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.kinds import INCIDENT_REGISTERS, KINDS, Effect, Kind
from workstation.domain.ops import Dot
from workstation.domain.sentence import say
from workstation.service.desk import BadValue, Desk, Edit, Pending, Refused, named, text
from workstation.service.registers import fitted, known, writes
from workstation.store import Connection, Tx, reads

PRIORITIES = (1, 2, 3, 4)
_NONE = Kind("", Effect.SET)
_CORRECTABLE = frozenset({Effect.CREATE, Effect.ENTRY, Effect.LINE, Effect.LIFE, Effect.CORRECT})
"""What can be put right by a later entry; a field is simply written again."""


class StillOpen(Refused):
    """An incident whose assignments have not all ended does not close."""


def open_incident(
    desk: Desk, incident: Uid, offer: Uid = b"", at: int | None = None, by: Uid | None = None
) -> Pending[Changes]:
    """Open an incident under the uid the form was given, with this desk's next number; done twice, it is opened once.

    `offer` is the call it was reported by, b"" = none (a radio message, a walk-in). The number carries the desk's
    prefix, because no two desks that are cut off could agree on one (promise M7). `by` is who wrote it, None = who
    is signed in now.
    """
    person = desk.person_uid if by is None else by

    def act(tx: Tx) -> None:
        state = tx.state(incident)
        if state is not None and state.created is not None:
            return
        body = {
            "number": _next_number(tx, desk.settings.desk.prefix),
            "call": offer,
            "desk": desk.name,
            "at": tx.now() if at is None else int(at),
        }
        tx.append("incident.opened", incident, body, person)

    return desk.write(act)


def edit(desk: Desk, incident: Uid, edits: Mapping[str, Edit]) -> Pending[Changes]:
    """Write fields of an incident; each replaces what its form showed and nothing else (promise M3).

    Values that are already the field's only one make no op. Raises `BadValue`, `NotFound`.
    """
    try:
        values = _values(desk, edits)
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        put = writes(desk.store.replica, known(tx, incident, "incident"), values)
        if put:
            tx.append("incident.edited", incident, {"set": put}, person)

    return desk.write(act)


def _values(desk: Desk, edits: Mapping[str, Edit]) -> dict[str, tuple[object, tuple[Dot, ...]]]:
    values = fitted(INCIDENT_REGISTERS, edits)
    chosen = values.get("type", (None, ()))[0]
    if chosen and chosen not in desk.catalogue.types:
        raise BadValue(say("refused.not_in_catalogue", field=named("type"), value=str(chosen)))
    priority = values.get("priority", (None, ()))[0]
    if priority is not None and priority not in PRIORITIES:
        raise BadValue(say("refused.priority"))
    for field, most in (("lat", 90.0), ("lon", 180.0)):
        place = values.get(field, (None, ()))[0]
        if place is not None and abs(place) > most:
            raise BadValue(say("refused.off_globe", field=named(field), value=place))
    return values


def note(desk: Desk, incident: Uid, words: str, at: int | None = None, by: Uid | None = None) -> Pending[Changes]:
    """Add a line to the narrative; an empty one adds nothing. `by` is who wrote it, None = who is signed in now."""
    try:
        line = text(words, "note").strip()
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid if by is None else by

    def act(tx: Tx) -> None:
        known(tx, incident, "incident")
        if line:
            tx.append("incident.noted", incident, {"text": line, "at": tx.now() if at is None else int(at)}, person)

    return desk.write(act)


def correct(desk: Desk, entity: Uid, entry: Dot, words: str, reason: str = "") -> Pending[Changes]:
    """Put a line right by a new one that names it; the old one stays in the record (promise M5)."""
    try:
        body: dict[str, object] = {
            "entry": list(entry),
            "text": text(words, "correction").strip(),
            "reason": text(reason, "reason"),
        }
    except Refused as error:
        return desk.refuse(error)
    return _correction(desk, entity, entry, body)


def correct_time(desk: Desk, entity: Uid, entry: Dot, at: int, reason: str) -> Pending[Changes]:
    """Put a clock stamp right; a reason is asked, because figures rest on it."""
    if not reason.strip():
        return desk.refuse(BadValue(say("refused.time_needs_reason")))
    body: dict[str, object] = {"entry": list(entry), "at": int(at), "reason": reason.strip()}
    return _correction(desk, entity, entry, body)


def _correction(desk: Desk, entity: Uid, entry: Dot, body: dict[str, object]) -> Pending[Changes]:
    person = desk.person_uid

    def act(tx: Tx) -> None:
        known(tx, entity, "entry")
        op = reads.op(tx.db, entry)
        if op is None or op.entity != entity or KINDS.get(op.kind, _NONE).effect not in _CORRECTABLE:
            raise BadValue(say("refused.no_such_line"))
        tx.append("entry.corrected", entity, body, person)

    return desk.write(act)


def close(desk: Desk, incident: Uid, disposition: str, at: int | None = None) -> Pending[Changes]:
    """Close an incident with how it ended; raises `StillOpen` while an assignment has not ended."""
    if disposition not in desk.catalogue.dispositions:
        return desk.refuse(BadValue(say("refused.not_in_catalogue", field=named("disposition"), value=disposition)))
    person = desk.person_uid

    def act(tx: Tx) -> None:
        known(tx, incident, "incident")
        running = _running(tx.db, incident)
        if running:
            raise StillOpen(say("refused.still_open", agencies=", ".join(running)))
        body = {"at": tx.now() if at is None else int(at), "disposition": disposition}
        tx.append("incident.closed", incident, body, person)

    return desk.write(act)


def reopen(desk: Desk, incident: Uid, reason: str) -> Pending[Changes]:
    """Open a closed incident again, saying why."""
    try:
        why = text(reason, "reason").strip()
        if not why:
            raise BadValue(say("refused.say_why_again"))
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        known(tx, incident, "incident")
        tx.append("incident.reopened", incident, {"at": tx.now(), "reason": why}, person)

    return desk.write(act)


def _running(db: Connection, incident: Uid) -> list[str]:
    """Name the agencies whose part has not ended."""
    sql = "select distinct agency from assignment where incident = ? and step not in ('done', 'cancelled', 'refused')"
    return [row[0] for row in db.execute(sql, [incident])]


def _next_number(tx: Tx, prefix: str) -> str:
    """Give this desk's next number, such as AMB-3-0142.

    The count is kept beside the record; where the record holds that number already (the file was lost and came back
    from the hub), one past the greatest is taken.
    """
    kept_as = f"number.{prefix}"
    count = int(tx.meta(kept_as, 0)) + 1
    taken = "select 1 from incident where number = ?"
    # Numbers given in this transaction are in the count already, so the settled rows say enough.
    if count == 1 or tx.settled.execute(taken, [f"{prefix}-{count:04d}"]).fetchone():
        count = _greatest(tx.db, prefix) + 1
    tx.set_meta(kept_as, count)
    return f"{prefix}-{count:04d}"


def _greatest(db: Connection, prefix: str) -> int:
    # Between "AMB-3-" and "AMB-3." lie all numbers of this prefix and none of AMB-30.
    sql = """select max(cast(substr(number, ?) as integer)) from incident where number > ? and number < ?"""
    return db.execute(sql, [len(prefix) + 2, f"{prefix}-", f"{prefix}."]).fetchone()[0] or 0
