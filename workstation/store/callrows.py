"""Offer rows and call rows: which rings were one caller (promise M11), kept up to date around what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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
from workstation.store.rows import Row, Rows, Table, select_in
from workstation.store.states import unpack_state

if TYPE_CHECKING:
    from workstation.store.held import Held

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
    "key": "offer.key = near.value and offer.key <> ''",
    "number": "offer.caller = near.value and offer.caller <> ''",
    "neither": "offer.caller = near.value and offer.caller = '' and offer.key = ''",
}
_NEAR_SOME: Final = 100


_OFFERS: Final = Table("offer", _OFFER)
_CALLS: Final = Table("call", _CALL, "uid")
_UID, _CALL_OF = _OFFER.index("uid"), _OFFER.index("call")
_RING: Final = tuple(_OFFER.index(name) for name in ("rang_at", "uid", "desk", "caller", "key"))


class _Rings:
    """The offer table as `neighbours` asks for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def around(self, trait: str, wanted: Collection[tuple[str, int]], gap_ms: int) -> Iterator[Offer]:
        pairs = list(wanted)
        for start in range(0, len(pairs), _NEAR_SOME):
            some = pairs[start : start + _NEAR_SOME]
            values = ",".join(["(?,?)"] * len(some))
            # Cross join: each pair looks into the index, never the other way round.
            sql = f"""with near (value, at) as (values {values})
                select distinct offer.rang_at, offer.uid, offer.desk, offer.caller, offer.key
                from near cross join offer where {_WHERE[trait]}
                and offer.rang_at between near.at - {gap_ms:d} and near.at + {gap_ms:d}"""  # noqa: S608
            for row in self._connection.execute(sql, [part for pair in some for part in pair]).fetchall():
                yield Offer(*row)


class CallRows:
    """Writes `offer` and `call`."""

    def __init__(self, connection: Connection, rows: Rows) -> None:
        self._connection, self._rows = connection, rows
        self._rings = _Rings(connection)

    def write(self, touched: Sequence[Held]) -> set[Uid]:
        """Bring the rows of these offers and their calls up to date; gives the calls that changed or ceased."""
        offers = [(held, offer) for held in touched if (offer := offer_of(held.uid, held.state))]  # others are no rings
        olds = _OFFERS.found(self._connection, [held.id for held, _ in offers if held.was is not None])
        # How an offer stood before an earlier ring of the same name came in.
        before = {held.id: Offer(*(old[at] for at in _RING)) for held, _ in offers if (old := olds.get(held.id))}
        calls = {held.uid: olds[held.id][_CALL_OF] if held.id in olds else held.uid for held, _ in offers}
        rows = [(_offer_row(held, offer, calls[held.uid]), olds.get(held.id), held.id not in olds)
                for held, offer in offers]  # fmt: skip
        self._rows.put(_OFFERS, rows)
        moved = [(held, offer) for held, offer in offers if before.get(held.id) != offer]
        stale = {before[held.id] for held, _ in moved if held.id in before}
        changed = self._rejoin({offer for _, offer in moved}, stale, calls) if moved else set()
        changed |= set(calls.values())
        self._write_calls(changed)
        return changed

    def _rejoin(self, seeds: set[Offer], stale: set[Offer], calls: dict[Uid, Uid]) -> set[Uid]:
        """Join anew everything the seeds can reach; gives the calls that gained or lost an offer.

        `calls` says which call each touched offer is kept under, and is put right.
        """
        found = joined(neighbours(seeds | stale, self._rings) - stale)
        sql = "select uid, call from offer where uid in ({0})"
        kept = dict(select_in(self._connection, sql, found))
        moves = [(call, uid) for uid, call in found.items() if kept.get(uid) != call]
        if moves:
            self._connection.executemany("update offer set call = ? where uid = ?", moves)
        calls.update((uid, call) for call, uid in moves if uid in calls)
        return {call for call, _ in moves} | {kept[uid] for _, uid in moves if uid in kept}

    def _write_calls(self, calls: set[Uid]) -> None:
        sql = """select offer.uid, offer.rang_at, offer.desk, offer.caller, offer.key, offer.status, offer.answered_at,
                 offer.ended_at, offer.reason, offer.own_seq, entity.state, offer.call
                 from offer join entity on entity.id = offer.id where offer.call in ({0})"""
        of_call: dict[Uid, list[Row]] = {}
        for row in select_in(self._connection, sql, calls):
            of_call.setdefault(row[-1], []).append(row)
        if gone := calls - of_call.keys():
            self._connection.executemany("delete from call where uid = ?", [(call,) for call in gone])
        olds = _CALLS.found(self._connection, of_call)
        rows = [(_whole_call(call, rows), olds.get(call), call not in olds) for call, rows in of_call.items()]
        self._rows.put(_CALLS, rows)


def _whole_call(call: Uid, rows: Sequence[Row]) -> Row:
    offers = [(Offer(r[1], r[0], r[2], r[3], r[4]), OfferStanding(r[5], r[6], r[7], r[8])) for r in rows]
    states = {row[0]: unpack_state(row[10]) for row in rows}
    return _call_row(call, offers, states, max(row[9] for row in rows))


def _offer_row(held: Held, offer: Offer, call: Uid) -> Row:
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
