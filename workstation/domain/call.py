"""Calls out of offers: which rings at which desks were one caller, and what became of the call (promise M11).

Pure functions of the set of offers. `neighbours` bounds the set to look at after one offer changed: whatever lies
outside it cannot change its call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Protocol

from msgspec import Struct

from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import as_name, as_text

WINDOW_MS: Final = 2_000
"""Rings of one caller at several desks begin within this of the first."""
KEY_GAP_MS: Final = 3_600_000
"""A join header seen again after this long is another call: exchanges count from the start again after a restart."""


class Offer(Struct, frozen=True, order=True):
    """What joining looks at.

    `number` is E.164 where known, else as shown; "" = none came. `key` is the join header's value.
    """

    rang_at: int
    uid: Uid
    desk: str
    number: str
    key: str


def offer_of(uid: Uid, state: State) -> Offer | None:
    """The offer an entity's state tells of; None before its `offer.rang` has arrived."""
    if state.created is None or state.created.kind != "offer.rang":
        return None
    facts = state.facts
    number = as_name(facts.get("e164")) or as_name(facts.get("number"))
    if not any(character.isdigit() for character in number):
        number = ""
    return Offer(state.created.at, uid, as_name(facts.get("desk")), number, as_name(facts.get("key")))


def chains(offers: Iterable[Offer], gap_ms: int) -> Iterator[list[Offer]]:
    """Cut offers, ordered by time, wherever the next one rang more than `gap_ms` later."""
    chain: list[Offer] = []
    for offer in sorted(offers):
        if chain and offer.rang_at - chain[-1].rang_at > gap_ms:
            yield chain
            chain = []
        chain.append(offer)
    if chain:
        yield chain


def joined(offers: Iterable[Offer]) -> dict[Uid, Uid]:
    """The call of each offer: offer uid to the uid of the first offer of its call.

    Equal headers join. Without a header an equal number joins within `WINDOW_MS` of the first; without a number too,
    different desks within the same window, never two rings at one desk.
    """
    everyone = sorted(offers)
    parents: dict[Uid, Offer] = {}

    def root(offer: Offer) -> Offer:
        while (parent := parents.get(offer.uid, offer)).uid != offer.uid:
            offer = parent
        return offer

    def unite(members: list[Offer]) -> None:
        first = min(root(member) for member in members)
        for member in members:
            parents[root(member).uid] = first

    for alike in _alike(everyone, lambda offer: offer.key).values():
        for chain in chains(alike, KEY_GAP_MS):
            unite(chain)
    for alike in _alike(everyone, lambda offer: offer.number).values():
        for chain in chains(alike, WINDOW_MS):
            for group in _windows(chain, _same_caller):
                unite(group)
    for chain in chains((o for o in everyone if not o.number and not o.key), WINDOW_MS):
        for group in _windows(chain, _other_desk):
            unite(group)
    return {offer.uid: root(offer).uid for offer in everyone}


def _alike(offers: list[Offer], trait: Callable[[Offer], str]) -> dict[str, list[Offer]]:
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        if trait(offer):
            found.setdefault(trait(offer), []).append(offer)
    return found


def _windows(chain: list[Offer], fits: Callable[[list[Offer], Offer], bool]) -> list[list[Offer]]:
    """Each offer joins the earliest group that began within the window and that it fits, else it begins one."""
    groups: list[list[Offer]] = []
    within: list[list[Offer]] = []
    for offer in chain:
        within = [group for group in within if offer.rang_at - group[0].rang_at <= WINDOW_MS]
        home = next((group for group in within if fits(group, offer)), None)
        if home is None:
            home = []
            groups.append(home)
            within.append(home)
        home.append(offer)
    return groups


def _same_caller(group: list[Offer], offer: Offer) -> bool:
    """An equal number joins unless headers say otherwise."""
    return all(not member.key or not offer.key or member.key == offer.key for member in group)


def _other_desk(group: list[Offer], offer: Offer) -> bool:
    return all(member.desk != offer.desk for member in group)


class Rings(Protocol):
    """Where offers are looked up: by header, by number among all, and the ones that have neither."""

    def around(self, trait: str, wanted: Collection[tuple[str, int]], gap_ms: int) -> Iterable[Offer]:
        """Offers whose `key`, `number` or (`neither`, "") is one of these values, within `gap_ms` of the time by it."""
        ...


def neighbours(seeds: Iterable[Offer], rings: Rings) -> set[Offer]:
    """All offers whose call may depend on the seeds, whole: `joined` of them says what `joined` of all would."""
    found: set[Offer] = set()
    waiting = set(seeds)
    while waiting:
        found |= waiting
        near: set[Offer] = set()
        for trait, gap_ms, value_of in _TRAITS:
            wanted = {(value, offer.rang_at) for offer in waiting if (value := value_of(offer)) is not None}
            if wanted:
                near.update(rings.around(trait, wanted, gap_ms))
        waiting = near - found
    return found


_TRAITS: Final[tuple[tuple[str, int, Callable[[Offer], str | None]], ...]] = (
    ("key", KEY_GAP_MS, lambda offer: offer.key or None),
    ("number", WINDOW_MS, lambda offer: offer.number or None),
    ("neither", WINDOW_MS, lambda offer: None if offer.number or offer.key else ""),
)


class OfferStanding(Struct, frozen=True):
    """How one ring went. `status`: ringing, talking, held, ended; `reason` why it ended."""

    status: str
    answered_at: int | None
    ended_at: int | None
    reason: str


def offer_standing(state: State) -> OfferStanding:
    """How an offer stands after its stamps."""
    answered, ended = state.stamp("offer.answered"), state.first("offer.ended")
    reason = as_text(ended.body.get("reason")) if ended else ""
    if ended:
        status = "ended"
    elif answered is None:
        status = "ringing"
    else:
        turns = [entry for entry in state.entries if entry.kind in ("offer.held", "offer.resumed")]
        newest = turns[-1] if turns else None
        status = "held" if newest and newest.kind == "offer.held" else "talking"
    return OfferStanding(status, answered, state.corrected_at(ended) if ended else None, reason)


class CallStanding(Struct, frozen=True):
    """How a call went.

    `offer` is the answered one, else the first; `status`: ringing, talking, held, ended, abandoned.
    """

    offer: Uid
    status: str
    rang_at: int
    answered_at: int | None
    ended_at: int | None
    reason: str


def call_standing(offers: Iterable[tuple[Offer, OfferStanding]]) -> CallStanding:
    """What became of a call, out of its offers (at least one).

    Abandoned is only what no desk answered and no desk still rings for; an offer that ended because the call was
    answered elsewhere proves an answer whose own op may still be on its way.
    """
    rings = sorted(offers, key=lambda pair: pair[0])
    answered = sorted(
        (pair for pair in rings if pair[1].answered_at is not None), key=lambda p: (p[1].answered_at, p[0])
    )
    carrying = [pair for pair in answered if pair[1].status != "ended"]
    first = (carrying or answered or rings)[0]
    elsewhere = any(standing.reason == "answered_elsewhere" for _, standing in rings)
    if carrying:
        status = carrying[0][1].status
    elif answered:
        status = "ended"
    elif any(standing.status == "ringing" for _, standing in rings) and not elsewhere:
        status = "ringing"
    else:
        status = "ended" if elsewhere else "abandoned"
    over = status in ("ended", "abandoned")
    last = max((standing for _, standing in answered or rings), key=lambda s: s.ended_at or 0)
    return CallStanding(
        offer=first[0].uid,
        status=status,
        rang_at=rings[0][0].rang_at,
        answered_at=answered[0][1].answered_at if answered else None,
        ended_at=last.ended_at if over else None,
        reason=last.reason if over else "",
    )
