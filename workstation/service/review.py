"""The shift lead's decisions over what desks wrote apart."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.kinds import INCIDENT_REGISTERS
from workstation.domain.ops import Dot
from workstation.domain.sentence import say
from workstation.service.desk import Desk, Edit, Pending, Refused, TooLate
from workstation.service.registers import fitted, known, replaced
from workstation.store import Tx


def settle(desk: Desk, incident: Uid, field: str, value: object, seen: tuple[Dot, ...]) -> Pending[Changes]:
    """Decide which value a field has where desks differ: the one write that replaces all that were seen (promise M4).

    For the role lead only; raises `NotAllowed`. A rival written meanwhile stays, and stays shown.
    """
    try:
        lead = desk.signatory("review.settle")
        values = fitted(INCIDENT_REGISTERS, {field: Edit(value, seen)})
    except Refused as error:
        return desk.refuse(error)

    def act(tx: Tx) -> None:
        state = known(tx, incident, "incident")
        chosen, shown = values[field]
        put = {field: [chosen, replaced(desk.store.replica, state, field, shown)]}
        tx.append("incident.settled", incident, {"set": put}, lead.person, signer=lead.signer)

    return desk.write(act)


def bring_back(desk: Desk, incident: Uid, field: str, rivals: Sequence[object]) -> Pending[Changes]:
    """Undo a decision: the values that differed before it are rivals again, the face first as it was.

    For the role lead only; raises `NotAllowed`, and `TooLate` when somebody has written the field since.
    """
    try:
        lead = desk.signatory("review.bring_back")
        values = [fitted(INCIDENT_REGISTERS, {field: Edit(rival)})[field][0] for rival in rivals]
    except Refused as error:
        return desk.refuse(error)

    def act(tx: Tx) -> None:
        live = known(tx, incident, "incident").live(field)
        if len(live) != 1 or live[0].dot[0] != desk.store.replica or live[0].person != lead.person:
            raise TooLate(say("refused.written_since"))
        instead = [list(live[0].dot)]
        # The face is the last one written, so the order turns round; none but the first replaces anything.
        for value in reversed(values):
            put = {field: [value, instead]}
            tx.append("incident.settled", incident, {"set": put}, lead.person, signer=lead.signer)
            instead = []

    return desk.write(act)
