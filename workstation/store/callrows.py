"""Offer rows and call rows: which rings were one caller (promise M11), kept up to date around what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from workstation.domain.call import (
    Offer,
    OfferStanding,
    call_standing,
    joined,
    neighbours,
    offer_of,
    offer_standing,
)
from workstation.domain.ids import Uid
from workstation.domain.merge import State, join
from workstation.domain.ops import as_text
from workstation.store.cipher import Connection
from workstation.store.rows import KEEP, Row, Table
from workstation.store.states import unpack_state

if TYPE_CHECKING:
    from workstation.store.batch import Held

_FACTS: Final = ("number", "e164", "identity", "display", "dialled")
_REGISTERS: Final = ("type", "callback", "caller_name", "relation", "language")
_OFFER: Final = (
    "id", "uid", "call", "rang_at", "answered_at", "ended_at", "reason", "status", "number", "e164", "caller",
    "identity", "display", "dialled", "key", "sip_call_id", "desk", "own_seq",
)  # fmt: skip
_CALL: Final = (
    "uid", "offer", *_FACTS, "caller", "rang_at", "answered_at", "ended_at", "reason", "status", "desk", "offers",
    *_REGISTERS, "rivals", "own_seq",
)  # fmt: skip
_WHERE: Final = {
    "key": "key = ? and key <> ''",
    "number": "caller = ? and caller <> ''",
    "neither": "caller = ? and caller = '' and key = ''",
}


_OFFERS: Final = Table("offer", _OFFER)
_CALLS: Final = Table("call", _CALL, "uid")


class _Rings:
    """The offer table as `neighbours` asks for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def near(self, trait: str, value: str, at: int, *, back: bool) -> Iterator[Offer]:
        side = "<= ? order by rang_at desc" if back else ">= ? order by rang_at"
        sql = f"select rang_at, uid, desk, caller, key from offer where {_WHERE[trait]} and rang_at {side}"  # noqa: S608
        for row in self._connection.execute(sql, [value, at]):
            yield Offer(*row)


class CallRows:
    """Writes `offer` and `call`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rings = _Rings(connection)

    def write(self, touched: Sequence[Held]) -> set[Uid]:
        """Bring the rows of these offers and their calls up to date; gives the calls that changed or ceased."""
        seeds: set[Offer] = set()
        stale: set[Offer] = set()  # how an offer stood before an earlier ring of the same name came in
        rang: list[Uid] = []
        for held in touched:
            offer = offer_of(held.uid, held.state)
            if offer is None:
                continue  # made by something that is no ring
            before = self._ring(held.uid)
            if before != offer:
                seeds.add(offer)
                stale |= {before} if before else set()
            _OFFERS.put(self._connection, _offer_row(held, offer, held.uid if before is None else KEEP))
            rang.append(held.uid)
        changed = self._rejoin(seeds, stale) if seeds else set()
        changed |= {call for uid in rang for call in self._call_of(uid)}
        for call in changed:
            self._write_call(call)
        return changed

    def _ring(self, uid: Uid) -> Offer | None:
        row = self._connection.execute(
            "select rang_at, uid, desk, caller, key from offer where uid = ?", [uid]
        ).fetchone()
        return Offer(*row) if row else None

    def _call_of(self, uid: Uid) -> list[Uid]:
        return [row[0] for row in self._connection.execute("select call from offer where uid = ?", [uid])]

    def _rejoin(self, seeds: set[Offer], stale: set[Offer]) -> set[Uid]:
        """Join anew everything the seeds can reach; gives the calls that gained or lost an offer."""
        known = neighbours(seeds | stale, self._rings) - stale
        changed: set[Uid] = set()
        for uid, call in joined(known).items():
            before = self._call_of(uid)
            if before != [call]:
                self._connection.execute("update offer set call = ? where uid = ?", [call, uid])
                changed |= {call, *before}
        return changed

    def _write_call(self, call: Uid) -> None:
        sql = """select offer.uid, offer.rang_at, offer.desk, offer.caller, offer.key, offer.status, offer.answered_at,
                 offer.ended_at, offer.reason, offer.own_seq, entity.state
                 from offer join entity on entity.id = offer.id where offer.call = ?"""
        rows = self._connection.execute(sql, [call]).fetchall()
        if not rows:
            self._connection.execute("delete from call where uid = ?", [call])
            return
        offers = [(Offer(r[1], r[0], r[2], r[3], r[4]), OfferStanding(r[5], r[6], r[7], r[8])) for r in rows]
        states = {row[0]: unpack_state(row[10]) for row in rows}
        newest = max(row[9] for row in rows)
        _CALLS.put(self._connection, _call_row(call, offers, states, newest))


def _offer_row(held: Held, offer: Offer, call: object) -> Row:
    """An offer keeps its call until the joining says otherwise."""
    facts = held.state.facts
    standing = offer_standing(held.state)
    return (
        held.id, held.uid, call, offer.rang_at, standing.answered_at, standing.ended_at, standing.reason,
        standing.status, as_text(facts.get("number")), as_text(facts.get("e164")), offer.number,
        *(as_text(facts.get(name)) for name in ("identity", "display", "dialled")), offer.key,
        as_text(facts.get("sip_call_id")), offer.desk, held.own_seq,
    )  # fmt: skip


def _call_row(call: Uid, offers: list[tuple[Offer, OfferStanding]], states: dict[Uid, State], newest: int) -> Row:
    standing = call_standing(offers)
    whole = join(states.values())
    facts = states[standing.offer].facts
    carrier = next(offer for offer, _ in offers if offer.uid == standing.offer)
    return (
        call, standing.offer, *(as_text(facts.get(name)) for name in _FACTS), carrier.number, standing.rang_at,
        standing.answered_at, standing.ended_at, standing.reason, standing.status, carrier.desk, len(offers),
        *(as_text(whole.face(name)) for name in _REGISTERS), len(whole.rivals), newest,
    )  # fmt: skip
