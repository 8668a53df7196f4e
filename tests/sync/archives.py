"""A hub with a past: incidents of weeks, most of them closed, as one desk wrote them; for who starts with nothing."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tests.store.sites import SITE_KEY, key_of, uid_of
from tests.sync.desks import Desk
from workstation.domain.ids import Uid
from workstation.store import Store, Tx

INCIDENTS, OPEN = 260, 26


class Past(Struct, frozen=True):
    """What was written: all incidents, and those that are still open."""

    incidents: Sequence[Uid]
    open: Sequence[Uid]


def past(desk: Desk, incidents: int = INCIDENTS, still_open: int = OPEN) -> Past:
    """Write a past at this desk: about ten ops an incident, in the order things happen in."""
    made: list[tuple[Uid, Uid]] = []
    for start in range(0, incidents, 50):
        numbers = range(start, min(start + 50, incidents))
        made += desk.store.write(lambda tx, some=numbers: [_incident(tx, desk.name, n) for n in some]).result().value
    # The open ones lie anywhere: what is open is not what came last.
    left = made[:: max(1, incidents // still_open)][:still_open]
    for start in range(0, incidents, 50):
        some = [pair for pair in made[start : start + 50] if pair not in left]
        desk.store.write(lambda tx, some=some: [_close(tx, *pair) for pair in some]).result()
    return Past([incident for incident, _ in made], [incident for incident, _ in left])


def _incident(tx: Tx, desk: str, n: int) -> tuple[Uid, Uid]:
    offer, incident, assignment = tx.uid(), tx.uid(), tx.uid()
    number, at = f"08110{n:06d}", tx.now()
    rang = {"number": number, "e164": f"+62{number[1:]}", "identity": "mobile", "display": "", "dialled": "112",
            "key": f"k{n}", "sip_call_id": f"c{n}", "desk": desk, "at": at}  # fmt: skip
    tx.append("offer.rang", offer, rang)
    tx.append("offer.answered", offer, {"at": at})
    tx.append("incident.opened", incident, {"number": f"{desk}-{n:04d}", "call": offer, "desk": desk, "at": at})
    fields = {"type": "medis.trauma", "village": f"Desa {n % 7}", "priority": 1 + n % 3, "landmark": "x" * (40 + n)}
    tx.append("incident.edited", incident, {"set": {name: [value, []] for name, value in fields.items()}})
    state = tx.state(incident)
    assert state is not None
    seen = [list(dot) for dot in state.seen_dots("landmark")]
    tx.append("incident.edited", incident, {"set": {"landmark": [f"Tugu {n}", seen]}})
    tx.append("incident.noted", incident, {"text": f"Catatan {n}", "at": at})
    planned = {"incident": incident, "agency": "psc", "channel": "radio", "unit": "", "at": at}
    tx.append("assignment.planned", assignment, planned)
    tx.append("assignment.notified", assignment, {"at": at, "proof": "call"})
    tx.append("offer.ended", offer, {"at": at, "reason": "caller_hung_up"})
    return incident, assignment


def _close(tx: Tx, incident: Uid, assignment: Uid) -> None:
    tx.append("assignment.done", assignment, {"at": tx.now()})
    tx.append("incident.closed", incident, {"at": tx.now(), "disposition": "handled"})


def enrol_people(hub: Store, *logins: str) -> None:
    """Put people on the roster, as the site does."""
    for login in logins:
        body = {"login": login, "name": login.title(), "role": "operator", "key": key_of(login).public,
                "sealed": b"sealed"}  # fmt: skip
        hub.append("person.enrolled", uid_of(login), body, signer=SITE_KEY).result(10)


def told(desk: Desk) -> int:
    """How many entities of a desk are not proven yet."""
    sql = "select count(*) from entity where told <> 0"
    return int(desk.store.read(lambda db: db.execute(sql).fetchone()).result()[0])


def shown(desk: Desk) -> set[Uid]:
    """The open incidents on this desk's board."""
    sql = "select uid from incident where open = 1"
    return {uid for (uid,) in desk.store.read(lambda db: db.execute(sql).fetchall()).result()}
