"""Ties: another call of an incident, incidents that are the same or belong together; every tie can be undone.

Merging keeps both incidents, their calls, notes and agencies: one counts as the other from then on, and does so no more
once the tie is undone. Closing the one closes all that count as it (promise M6).
"""

from __future__ import annotations

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.kinds import LINKS
from workstation.domain.merge import LIFE
from workstation.domain.sentence import say
from workstation.service.desk import BadValue, Desk, Pending, Refused, not_one_of, text
from workstation.service.registers import known
from workstation.store import Tx


def link_call(desk: Desk, incident: Uid, offer: Uid) -> Pending[Changes]:
    """Tie another call to an incident: the caller rings again, a neighbour reports the same. Twice is once."""
    return tie(desk, "call", incident, offer)


def merge(desk: Desk, incident: Uid, into: Uid) -> Pending[Changes]:
    """Let an incident count as another: one caller's fire is the other caller's fire. Twice is once."""
    return tie(desk, "duplicate", incident, into)


def tie(desk: Desk, kind: str, source: Uid, target: Uid) -> Pending[Changes]:
    """Tie two entities of the record; a tie that was undone comes back, one that stands is not made a second time.

    Raises `NotFound`, `BadValue` where a thing would be tied to itself or the kind is none of `kinds.LINKS`.
    """
    try:
        if kind not in LINKS:
            raise BadValue(not_one_of("link", kind, LINKS))
        if source == target:
            raise BadValue(say("refused.tied_to_itself"))
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        known(tx, source, "incident")
        known(tx, target, "call" if kind == "call" else "incident")
        sql = "select uid, live from link where source = ? and target = ? and kind = ? order by live desc limit 1"
        row = tx.db.execute(sql, [source, target, kind]).fetchone()
        if row is None:
            body = {"kind": kind, "from": source, "to": target, "at": tx.now()}
            tx.append("link.made", tx.uid(), body, person)
        elif not row[1]:
            tx.append("link.restored", row[0], {"at": tx.now(), "reason": ""}, person)

    return desk.write(act)


def undo(desk: Desk, link: Uid, reason: str = "") -> Pending[Changes]:
    """Undo a tie; what it tied is as it was before. Raises `NotFound`."""
    try:
        why = text(reason, "reason").strip()
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        live = known(tx, link, "link").live(LIFE)
        if not live or live[0].value != "link.undone":
            tx.append("link.undone", link, {"at": tx.now(), "reason": why}, person)

    return desk.write(act)
