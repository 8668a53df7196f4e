"""Which rings were one caller: ring-all, headers, strangers; a function of the set, found from any corner of it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.call import (
    Offer,
    OfferStanding,
    call_standing,
    joined,
    neighbours,
)

UIDS = [bytes([n]) * 16 for n in range(40)]


def offer(n: int, at: int, desk: str = "Meja 1", number: str = "+628111", key: str = "") -> Offer:
    return Offer(at, UIDS[n], desk, number, key)


def calls(*offers: Offer) -> list[set[int]]:
    groups: dict[bytes, set[int]] = {}
    for uid, call in joined(offers).items():
        groups.setdefault(call, set()).add(uid[0])
    return sorted(groups.values(), key=min)


@pytest.mark.promise("M11")
def test_ring_all_without_a_header_is_one_call() -> None:
    assert calls(offer(1, 0, "Meja 1"), offer(2, 120, "Meja 2"), offer(3, 2000, "Meja 3")) == [{1, 2, 3}]


@pytest.mark.promise("M11")
def test_the_window_is_anchored_at_the_first_ring() -> None:
    assert calls(offer(1, 0), offer(2, 1500), offer(3, 2500), offer(4, 4400)) == [{1, 2}, {3, 4}]


@pytest.mark.promise("M11")
def test_equal_headers_join_across_time_and_numbers() -> None:
    assert calls(offer(1, 0, key="k"), offer(2, 40_000, number="", key="k")) == [{1, 2}]
    assert calls(offer(1, 0, key="k"), offer(2, 100, key="other")) == [{1}, {2}]
    assert calls(offer(1, 0, key="k"), offer(2, 3_600_001, key="k")) == [{1}, {2}]


@pytest.mark.promise("M11")
def test_a_ring_without_header_joins_the_number_that_has_one() -> None:
    assert calls(offer(1, 0, key="k"), offer(2, 100), offer(3, 150, key="j"), offer(4, 30_000, key="k")) == [
        {1, 2, 4},
        {3},
    ]


@pytest.mark.promise("M11")
def test_strangers_join_at_different_desks_and_never_at_one() -> None:
    assert calls(offer(1, 0, "Meja 1", ""), offer(2, 900, "Meja 2", "")) == [{1, 2}]
    assert calls(offer(1, 0, "Meja 1", ""), offer(2, 900, "Meja 1", "")) == [{1}, {2}]
    pairs = calls(
        offer(1, 0, "Meja 1", ""), offer(2, 5, "Meja 2", ""), offer(3, 900, "Meja 1", ""), offer(4, 905, "Meja 2", "")
    )
    assert pairs == [{1, 2}, {3, 4}]
    assert calls(offer(1, 0, "Meja 1", ""), offer(2, 900, "Meja 2", "", key="k")) == [{1}, {2}]


OFFERS = st.lists(
    st.builds(
        lambda at, desk, number, key: (at, desk, number, key),
        st.integers(0, 12_000) | st.integers(0, 8_000_000),
        st.sampled_from(["Meja 1", "Meja 2", "Meja 3"]),
        st.sampled_from(["", "", "+621", "+622"]),
        st.sampled_from(["", "", "", "a", "b"]),
    ),
    max_size=30,
).map(lambda rows: [Offer(at, UIDS[n], desk, number, key) for n, (at, desk, number, key) in enumerate(rows)])


class Listed:
    """Offers in memory, as the table answers."""

    def __init__(self, offers: list[Offer]) -> None:
        self.offers = offers

    def around(self, trait: str, wanted: Collection[tuple[str, int]], gap_ms: int) -> Iterator[Offer]:
        for one in self.offers:
            neither = not one.number and not one.key
            for value, at in wanted:
                fits = neither if trait == "neither" else getattr(one, trait) == value
                if fits and abs(one.rang_at - at) <= gap_ms:
                    yield one


@pytest.mark.promise("M11")
@given(OFFERS, st.randoms(use_true_random=False))
def test_joining_is_free_of_order_and_the_call_is_its_first_ring(offers: list[Offer], chance: random.Random) -> None:
    expected = joined(offers)
    shuffled = offers + offers
    chance.shuffle(shuffled)
    assert joined(shuffled) == expected
    by_uid = {one.uid: one for one in offers}
    for uid, call in expected.items():
        assert by_uid[call] == min(by_uid[o] for o, c in expected.items() if c == expected[uid])
        keys = {by_uid[o].key for o, c in expected.items() if c == call} - {""}
        assert len(keys) <= 1


@pytest.mark.promise("M11")
@given(OFFERS)
def test_the_neighbourhood_of_an_offer_decides_its_call(offers: list[Offer]) -> None:
    everything = joined(offers)
    for one in offers:
        around = joined(neighbours([one], Listed(offers)))
        assert {uid: everything[uid] for uid in around} == around


def standing(status: str, answered: int | None = None, ended: int | None = None, reason: str = "") -> OfferStanding:
    return OfferStanding(status, answered, ended, reason)


@pytest.mark.promise("M11")
@pytest.mark.parametrize(
    ("standings", "status", "reason"),
    [
        (
            [standing("ended", 5, 90, "caller_hung_up"), standing("ended", None, 6, "cancelled")],
            "ended",
            "caller_hung_up",
        ),
        ([standing("ended", None, 6, "cancelled"), standing("talking", 5)], "talking", ""),
        ([standing("ended", None, 6, "answered_elsewhere")], "ended", "answered_elsewhere"),
        ([standing("ended", None, 6, "answered_elsewhere"), standing("ringing")], "ended", "answered_elsewhere"),
        ([standing("ended", None, 6, "cancelled"), standing("ringing")], "ringing", ""),
        ([standing("ended", None, 6, "cancelled"), standing("ended", None, 7, "cancelled")], "abandoned", "cancelled"),
        ([standing("ended", None, 6, "refused"), standing("ended", None, 5, "lost")], "abandoned", "refused"),
        ([standing("held", 5), standing("ended", 4, 6, "failed")], "held", ""),
    ],
)
def test_only_a_call_nobody_answered_is_abandoned(standings: list[OfferStanding], status: str, reason: str) -> None:
    whole = call_standing([(offer(n, n), one) for n, one in enumerate(standings)])
    assert (whole.status, whole.reason) == (status, reason)
