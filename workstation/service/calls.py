"""Calls: what the phone tells of an offer, what the operator asks of the line, and the one key that types a call."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.kinds import CALL_REGISTERS, IDENTITIES, REASONS
from workstation.domain.merge import State
from workstation.domain.ops import Dot, as_text
from workstation.domain.sentence import say
from workstation.service import callviews
from workstation.service.desk import BadValue, Desk, Edit, Pending, Phone, Refused, TooLate, named, not_one_of
from workstation.service.numbers import read_number
from workstation.service.registers import fitted, known, writes
from workstation.store import Tx

STAYS = frozenset({"emergency", "report", "information", "follow_up"})
"""Types that a typed location does not turn into an emergency."""
LONGEST = 512
"""Characters kept of anything a caller's network wrote; the rest is noise or an attack."""
TAKE_BACK_S = 30.0
"""How long a type can be taken back (promise U7)."""


class Ring(Struct, frozen=True):
    """One offer as the engine saw it: `number` as shown by the network or "", `key` the join header's value or "",
    `at` ms UTC. `identity` is what the network said of the caller, "" = judge it by the number."""

    offer: Uid
    number: str
    at: int
    display: str = ""
    dialled: str = ""
    key: str = ""
    sip_call_id: str = ""
    identity: str = ""


def rang(desk: Desk, ring: Ring) -> Pending[Changes]:
    """Write that an offer rings at this desk; told twice (the engine replays its journal), it is written once.

    An incident that was opened before this was on record gets its caller's number now.
    """
    caller = read_number(ring.number, desk.settings.phone.region)
    told = ring.identity if ring.identity in IDENTITIES and ring.identity != "unknown" else caller.identity
    body = {
        "number": ring.number[:LONGEST],
        "e164": caller.e164,
        "identity": told,
        "display": ring.display[:LONGEST],
        "dialled": ring.dialled[:LONGEST],
        "key": ring.key[:LONGEST],
        "sip_call_id": ring.sip_call_id[:LONGEST],
        "desk": desk.name,
        "at": int(ring.at),
    }
    person = desk.person_uid

    def act(tx: Tx) -> None:
        state = tx.state(ring.offer)
        if state is None or state.created is None:
            tx.append("offer.rang", ring.offer, body, person)
            if caller.e164:
                _number_follows(tx, ring.offer, body["number"], person)

    return desk.write(act)


def _number_follows(tx: Tx, offer: Uid, number: object, person: Uid) -> None:
    """Give the number to incidents of this call that have none; what was typed there stands."""
    sql = "select source from link where target = ? and kind = 'call' and live = 1"
    for (incident,) in tx.db.execute(sql, [offer]).fetchall():
        state = tx.state(incident)
        if state is not None and "callback" not in state.registers:
            tx.append("incident.edited", incident, {"set": {"callback": [number, []]}}, person)


def answered(desk: Desk, offer: Uid, at: int) -> Pending[Changes]:
    """Write that this desk answered the offer; told twice, it is written once."""
    return _stamp(desk, offer, "offer.answered", {"at": int(at)})


def held(desk: Desk, offer: Uid, at: int) -> Pending[Changes]:
    """Write that the caller was put on hold."""
    return _stamp(desk, offer, "offer.held", {"at": int(at)})


def resumed(desk: Desk, offer: Uid, at: int) -> Pending[Changes]:
    """Write that the caller was taken off hold."""
    return _stamp(desk, offer, "offer.resumed", {"at": int(at)})


def ended(desk: Desk, offer: Uid, reason: str, at: int) -> Pending[Changes]:
    """Write how the offer ended; an unknown reason is refused."""
    if reason not in REASONS:
        return desk.refuse(BadValue(not_one_of("reason", reason, REASONS)))
    return _stamp(desk, offer, "offer.ended", {"at": int(at), "reason": reason})


def classify(desk: Desk, offer: Uid, type: str, seen: tuple[Dot, ...] = ()) -> Pending[Changes]:
    """Type the call with one key; the line stays open (promise U7). `type` is a key of the catalogue's call types."""
    if type not in desk.catalogue.call_types:
        return desk.refuse(BadValue(say("refused.not_in_catalogue", field=named("type"), value=type)))
    person = desk.person_uid

    def act(tx: Tx) -> None:
        state = known(tx, offer, "call")
        put = writes(desk.store.replica, state, {"type": (type, seen)})
        if put:
            desk.typed[offer] = (state.face("type"), desk.clock.monotonic_s())
            tx.append("call.classified", offer, {"set": put}, person)

    return desk.write(act)


def located(desk: Desk, offer: Uid) -> Pending[Changes]:
    """Type the call as emergency, which a location typed says at the gate, unless its type is one of `STAYS`.

    Also where the record has not heard of the call yet (the disk was full while it rang, the screen came back in the
    middle of it): the type lies ready and is the call's once it arrives.
    """
    person = desk.person_uid

    def act(tx: Tx) -> None:
        state, call = tx.state(offer) or State(), callviews.call(tx.db, offer)
        if (call.type if call is not None else as_text(state.face("type"))) in STAYS:
            return
        put = writes(desk.store.replica, state, {"type": ("emergency", ())})
        if put:
            desk.typed[offer] = (state.face("type"), desk.clock.monotonic_s())
            tx.append("call.classified", offer, {"set": put}, person)

    return desk.write(act)


def take_back(desk: Desk, offer: Uid) -> Pending[Changes]:
    """Give the call the type it had before this desk's last one; after 30 s raises `TooLate` (promise U7)."""
    person = desk.person_uid

    def act(tx: Tx) -> None:
        before, typed_s = desk.typed.get(offer, (None, float("-inf")))
        if desk.clock.monotonic_s() - typed_s > TAKE_BACK_S:
            raise TooLate(say("refused.take_back_over", s=round(TAKE_BACK_S)))
        put = writes(desk.store.replica, known(tx, offer, "call"), {"type": (before, ())})
        if put:
            tx.append("call.classified", offer, {"set": put}, person)
        desk.typed.pop(offer)

    return desk.write(act)


def describe(desk: Desk, offer: Uid, edits: Mapping[str, Edit]) -> Pending[Changes]:
    """Write what is known of the caller: call-back number, name, relation, language."""
    try:
        values = fitted({name: kind for name, kind in CALL_REGISTERS.items() if name != "type"}, edits)
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx) -> None:
        put = writes(desk.store.replica, known(tx, offer, "call"), values)
        if put:
            tx.append("call.described", offer, {"set": put}, person)

    return desk.write(act)


def _stamp(desk: Desk, offer: Uid, kind: str, body: dict[str, object]) -> Pending[Changes]:
    """Add one clock stamp; the same stamp told again adds nothing."""
    person = desk.person_uid

    def act(tx: Tx) -> None:
        state = tx.state(offer)
        if state is None or all(entry.body != body for entry in state.of(kind)):
            tx.append(kind, offer, body, person)

    return desk.write(act)


def answer(desk: Desk, offer: Uid) -> None:
    """Ask the line to answer; the answer itself is written when the engine reports it."""
    _line(desk).answer(offer)


def hang_up(desk: Desk) -> None:
    """Ask the line to hang up."""
    _line(desk).hang_up()


def hold(desk: Desk) -> None:
    """Ask the line to hold the caller."""
    _line(desk).hold()


def resume(desk: Desk) -> None:
    """Ask the line to take the caller off hold."""
    _line(desk).resume()


def mute(desk: Desk, on: bool) -> None:
    """Ask the line to mute the operator's microphone, or open it."""
    _line(desk).mute(on)


def _line(desk: Desk) -> Phone:
    if desk.phone is None:
        raise Refused(say("refused.no_line"))
    return desk.phone
