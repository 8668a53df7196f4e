"""The retention clock: what is kept too long is ordered to go, and goes unless somebody holds it (promises M2, D6).

Erasing takes two steps. An order says what is to go, and travels; after the days of grace, in which a hold can reach
every desk, what nobody holds loses its bodies and salts everywhere, while the chains over them stay valid. A hold is
an op of a lead and lies on incidents or calls; it keeps all that belongs to them. No op erases by itself: each carries
the signature of the lead or IT person who applied the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import LIFE
from workstation.domain.ops import as_uid
from workstation.domain.sentence import say
from workstation.service.desk import BadValue, Desk, Pending, Refused, TooLate, then
from workstation.service.registers import known
from workstation.settings import RetentionSettings
from workstation.store import Connection, Tx, accesslog, reads

DAY_MS: Final = 86_400_000
TOGETHER: Final = 50
"""Entities of one erasing op: what every desk takes in one transaction."""
AT_ONCE: Final = 20
"""Ops of one `apply`: it is called again while it says that there is more."""
HOLDS_MOST: Final = 1000


class Bundle(Struct, frozen=True):
    """What goes together: an incident with its agencies and calls, or a call with all its rings. `of` is its uid."""

    of: Uid
    entities: frozenset[Uid]


class Due(Struct, frozen=True):
    """What the rule says of the record as it stands.

    `fresh` is past its time and not ordered to go yet; `waiting` is ordered, and in its days of grace; `ripe` can be
    erased now; `held` would be, but somebody holds it; `erased` counts entities that are gone.
    """

    fresh: tuple[Bundle, ...] = ()
    waiting: tuple[Bundle, ...] = ()
    ripe: tuple[Bundle, ...] = ()
    held: tuple[Bundle, ...] = ()
    erased: int = 0


class HoldRow(Struct, frozen=True):
    """A hold: since when (ms UTC), why, by whom, on which incidents (by number; a call has none), whether in force."""

    uid: Uid
    placed_at: int
    reason: str
    person: str
    on: tuple[str, ...]
    live: bool


class Applied(Struct):
    """What `apply` did: entities newly ordered to go, entities erased; `more` says that it is to be called again."""

    ordered: int = 0
    erased: int = 0
    more: bool = False


def due(db: Connection, now: int, rules: RetentionSettings) -> Due:
    """Give what the rule says of the record as it stands; 0 days = kept for ever."""
    ordered = dict(
        db.execute(
            """select erasure_of.entity, min(erasure.ordered_at) from erasure_of join erasure
               on erasure.id = erasure_of.erasure group by erasure_of.entity"""
        ).fetchall()
    )
    held = _held(db)
    erased = {uid for (uid,) in db.execute("select uid from entity where erased = 1")}
    sorts: dict[str, list[Bundle]] = {"fresh": [], "waiting": [], "ripe": [], "held": []}
    for bundle in _past(db, now, rules, held, erased):
        left = bundle.entities - erased
        if left:
            sort = _sort(left, bundle, held, ordered, now - rules.grace_days * DAY_MS)
            sorts[sort].append(Bundle(bundle.of, left - ordered.keys() if sort == "fresh" else left))
    return Due(**{name: tuple(found) for name, found in sorts.items()}, erased=len(erased))


def _held(db: Connection) -> set[Uid]:
    sql = "select entity from hold_on join hold on hold.id = hold_on.hold where hold.live = 1"
    return {uid for (uid,) in db.execute(sql)}


def _sort(left: frozenset[Uid], bundle: Bundle, held: set[Uid], ordered: Mapping[Uid, int], before: int) -> str:
    if bundle.of in held or bundle.entities & held:
        return "held"
    if not left <= ordered.keys():
        return "fresh"
    return "ripe" if max(ordered[uid] for uid in left) <= before else "waiting"


def _past(db: Connection, now: int, rules: RetentionSettings, held: set[Uid], erased: set[Uid]) -> Iterator[Bundle]:
    """What is past its time: closed incidents by when they were closed, calls by when they rang."""
    closed: dict[Uid, set[Uid]] = {}
    if rules.incident_days:
        sql = "select uid from incident where head in (select uid from incident where closed_at <= ?)"
        closed = {uid: {uid} for (uid,) in db.execute(sql, [now - rules.incident_days * DAY_MS])}
    gone = closed.keys() | erased
    tied: dict[Uid, set[Uid]] = {}
    calls = """select coalesce(offer.call, link.target), link.source from link
               left join offer on offer.uid = link.target where link.kind = 'call'"""
    for call, source in db.execute(calls):
        tied.setdefault(call, set()).add(source)
    rings: dict[Uid, set[Uid]] = {}
    for uid, call in db.execute("select uid, call from offer"):
        rings.setdefault(call, set()).add(uid)
    for uid, incident in db.execute("select uid, incident from assignment"):
        if incident in closed:
            closed[incident].add(uid)
    for uid, about in _attachments(db):
        if about in closed:
            closed[about].add(uid)
    for call, sources in tied.items():
        # A call goes with its incidents: with the first of them, once all are past their time and none is held.
        if (mine := sources & closed.keys()) and sources <= gone and not sources & held:
            closed[min(mine)] |= rings.get(call, set())
    for uid, entities in closed.items():
        yield Bundle(uid, frozenset(entities))
    if rules.call_days:
        sql = "select uid from call where rang_at <= ? and status not in ('ringing', 'talking', 'held')"
        for (call,) in db.execute(sql, [now - rules.call_days * DAY_MS]):
            if call not in tied:
                yield Bundle(call, frozenset(rings.get(call, {call})))


def _attachments(db: Connection) -> Iterator[tuple[Uid, Uid]]:
    """Attachments, and what each belongs to."""
    uids = [uid for (uid,) in db.execute("select uid from entity where type = 'attachment' and erased = 0")]
    for uid, state in reads.states(db, uids).items():
        yield uid, as_uid(state.facts.get("about"))


def holds(db: Connection, limit: int = HOLDS_MOST) -> list[HoldRow]:
    """Give the holds there are and were, those in force first, the newest first."""
    sql = """select hold.id, hold.uid, hold.placed_at, hold.reason, coalesce(person.name, ''), hold.live from hold
             left join person on person.uid = hold.person order by hold.live desc, hold.placed_at desc limit ?"""
    on = """select coalesce(incident.number, '') from hold_on left join incident on incident.uid = hold_on.entity
            where hold_on.hold = ? order by 1"""
    return [
        HoldRow(uid, at, reason, person, tuple(number for (number,) in db.execute(on, [hold])), bool(live))
        for hold, uid, at, reason, person, live in db.execute(sql, [limit]).fetchall()
    ]


def place_hold(desk: Desk, on: Sequence[Uid], reason: str) -> Pending[Uid]:
    """Hold incidents or calls, with all that belongs to them, until the hold is lifted; gives the hold.

    For the role lead; raises `NotAllowed`, `BadValue` without a reason, `NotFound`.
    """
    try:
        signatory = desk.signatory("retention.place_hold")
        why = _reason(reason)
    except Refused as error:
        return desk.refuse(error)

    def act(tx: Tx) -> Uid:
        for uid in on:
            known(tx, uid, "incident")
        hold = tx.uid()
        body = {"on": list(on), "reason": why, "at": tx.now()}
        tx.append("hold.placed", hold, body, signatory.person, signer=signatory.signer)
        return hold

    return then(desk.store.write(act), lambda written: written.value)


def lift_hold(desk: Desk, hold: Uid, reason: str) -> Pending[Changes]:
    """End a hold: what it kept goes as the rule says. For the role lead; raises `NotAllowed`, `TooLate`."""
    try:
        signatory = desk.signatory("retention.lift_hold")
        why = _reason(reason)
    except Refused as error:
        return desk.refuse(error)

    def act(tx: Tx) -> None:
        live = known(tx, hold, "hold").live(LIFE)
        if live and live[0].value == "hold.lifted":
            raise TooLate(say("refused.lifted"))
        body = {"reason": why, "at": tx.now()}
        tx.append("hold.lifted", hold, body, signatory.person, signer=signatory.signer)

    return desk.write(act)


def apply(desk: Desk, reason: str) -> Pending[Applied]:
    """Order what is past its time to go, and erase what was ordered long enough ago and nobody holds.

    For the roles lead and IT; raises `NotAllowed`, `BadValue` without a reason. Bounded: where it says `more`, it is to
    be called again.
    """
    try:
        signatory = desk.signatory("retention.apply")
        why = _reason(reason)
    except Refused as error:
        return desk.refuse(error)
    rules = desk.settings.retention

    def act(tx: Tx, found: Due) -> Applied:
        told, now, held = Applied(), tx.now(), _held(tx.db)
        # A hold that came since the look.
        ripe = [bundle for bundle in found.ripe if bundle.of not in held and not bundle.entities & held]
        for some in _parts(ripe, told):
            body: dict[str, object] = {"entities": some, "at": now}
            tx.append("record.erased", tx.uid(), body, signatory.person, signer=signatory.signer)
            told.erased += len(some)
        for some in _parts(found.fresh, told):
            body = {"entities": some, "reason": why, "at": now}
            tx.append("erasure.ordered", tx.uid(), body, signatory.person, signer=signatory.signer)
            told.ordered += len(some)
        return told

    def look_and_act() -> Applied:
        # The look goes through the whole record: on the reader's thread, so that nobody waits to write.
        found = desk.ask(lambda db: due(db, desk.clock.now_ms(), rules)).result()
        return desk.store.write(lambda tx: act(tx, found)).result().value

    return desk.later(look_and_act)


def _parts(bundles: Iterable[Bundle], told: Applied) -> Iterator[list[Uid]]:
    """The entities of whole bundles, some at a time; what is beyond the bound is for the next call."""
    entities = sorted(uid for bundle in bundles for uid in bundle.entities)
    told.more = told.more or len(entities) > TOGETHER * AT_ONCE
    for start in range(0, min(len(entities), TOGETHER * AT_ONCE), TOGETHER):
        yield entities[start : start + TOGETHER]


def forget_looks(tx: Tx, rules: RetentionSettings) -> int:
    """Drop the lines of this machine's access log whose time is over; gives how many went."""
    return accesslog.forget(tx.db, tx.now() - rules.access_days * DAY_MS) if rules.access_days else 0


def _reason(reason: str) -> str:
    why = reason.strip()
    if not why:
        raise BadValue(say("refused.say_why"))
    return why
