"""Incidents that are the same: one head, everything kept, closed together, and apart again when it is undone (M6)."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.store.desks import admitted, desk, desks, edits, exchange, opens, rings, rows
from workstation.domain.ids import Uid
from workstation.store import Store, Tx

STANDING = "select number, status, open, disposition from incident order by number"


def ties(kind: str, source: Uid, target: Uid) -> Callable[[Tx], Uid]:
    def act(tx: Tx) -> Uid:
        link = tx.uid()
        tx.append("link.made", link, {"kind": kind, "from": source, "to": target, "at": tx.now()})
        return link

    return act


def undoes(link: Uid) -> Callable[[Tx], object]:
    return lambda tx: tx.append("link.undone", link, {"at": tx.now(), "reason": "two fires"})


def closes(incident: Uid) -> Callable[[Tx], object]:
    return lambda tx: tx.append("incident.closed", incident, {"at": tx.now(), "disposition": "handled"})


def plans(incident: Uid) -> Callable[[Tx], Uid]:
    def act(tx: Tx) -> Uid:
        uid = tx.uid()
        body = {"incident": incident, "agency": "damkar", "channel": "phone", "unit": "", "at": tx.now()}
        tx.append("assignment.planned", uid, body)
        tx.append("assignment.notified", uid, {"at": tx.now(), "proof": "call"})
        return uid

    return act


def standing(store: Store) -> dict[str, tuple[str, int, str]]:
    return {row["number"]: (row["status"], row["open"], row["disposition"]) for row in rows(store, STANDING)}


def a_fire(store: Store, number: str) -> Uid:
    incident: Uid = store.write(opens(number)).result(10).value
    store.write(edits(incident, type="fire", village="Batu Merah")).result(10)
    return incident


@pytest.mark.promise("M6")
def test_a_merged_incident_counts_as_the_other_is_closed_with_it_and_comes_apart_again(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        first, second = a_fire(store, "1"), a_fire(store, "2")
        link = store.write(ties("duplicate", second, first)).result(10)
        assert {first, second} <= link.changes.incidents
        assert standing(store) == {"1": ("open", 1, ""), "2": ("duplicate", 0, "duplicate")}
        store.write(plans(second)).result(10)
        assert standing(store)["1"][0] == "dispatched", "its agencies are the head's agencies"
        store.write(undoes(link.value)).result(10)
        assert standing(store) == {"1": ("open", 1, ""), "2": ("dispatched", 1, "")}
        store.write(lambda tx: tx.append("link.restored", link.value, {"at": 9, "reason": ""})).result(10)
        assert standing(store) == {"1": ("dispatched", 1, ""), "2": ("duplicate", 0, "duplicate")}


@pytest.mark.promise("M6")
def test_closing_the_head_closes_all_that_count_as_it_and_reopening_opens_it_alone(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        first, second, third = (a_fire(store, number) for number in "123")
        store.write(ties("duplicate", second, first)).result(10)
        store.write(ties("duplicate", third, second)).result(10)
        done = store.write(closes(first)).result(10)
        assert done.changes.incidents >= {first, second, third}
        assert standing(store) == {
            "1": ("closed", 0, "handled"), "2": ("closed", 0, "duplicate"), "3": ("closed", 0, "duplicate")
        }  # fmt: skip
        store.write(lambda tx: tx.append("incident.reopened", first, {"at": 9, "reason": "again"})).result(10)
        assert {number: row[0] for number, row in standing(store).items()} == {
            "1": "open", "2": "duplicate", "3": "duplicate"
        }  # fmt: skip


@pytest.mark.promise("M6")
def test_a_close_counts_once_nobody_is_on_the_way_any_more(tmp_path: Path) -> None:
    """Two desks: one closes, the other sends somebody at the same time."""
    with desks(tmp_path, 2) as (one, two):
        incident = a_fire(one, "1")
        exchange(one, two)
        one.write(closes(incident)).result(10)
        assignment = two.write(plans(incident)).result(10).value
        exchange(one, two)
        assert standing(one) == standing(two) == {"1": ("dispatched", 1, "handled")}
        one.write(lambda tx: tx.append("assignment.done", assignment, {"at": 99})).result(10)
        exchange(one, two)
        assert standing(one) == standing(two) == {"1": ("closed", 0, "handled")}


@pytest.mark.promise("M6", "M8")
def test_two_desks_that_merge_crosswise_agree(tmp_path: Path) -> None:
    with desks(tmp_path, 2) as (one, two):
        first, second = a_fire(one, "1"), a_fire(two, "2")
        exchange(one, two)
        one.write(ties("duplicate", first, second)).result(10)
        two.write(ties("duplicate", second, first)).result(10)
        exchange(one, two)
        assert standing(one) == standing(two)
        assert sorted(status for status, _, _ in standing(one).values()) == ["duplicate", "open"]
        assert one.digest() == two.digest()


@pytest.mark.promise("M8", "M6")
@pytest.mark.parametrize("seed", range(4))
def test_rows_of_tied_incidents_do_not_depend_on_the_order_of_arrival(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with desks(tmp_path, 3) as authors:
        incidents = [a_fire(author, str(number)) for number, author in enumerate(authors)]
        exchange(*authors)
        links: list[Uid] = []
        for _ in range(14):
            author = chance.choice(authors)
            act: Any = chance.choice(["tie", "tie", "undo", "close", "plan"])
            source, target = chance.sample(incidents, 2)
            if act == "tie":
                links.append(author.write(ties("duplicate", source, target)).result(10).value)
            elif act == "undo" and links:
                link = chance.choice(links)
                if rows(author, "select 1 from link where uid = ?", link):
                    author.write(undoes(link)).result(10)
            elif act == "close":
                author.write(closes(source)).result(10)
            elif act == "plan":
                author.write(plans(source)).result(10)
            if chance.random() < 0.3:
                exchange(*authors)
        found = []
        for turn, order in enumerate(permutations(authors)):
            with desk(tmp_path, 20 + turn) as reader:
                while any(author.page(reader.vector(), 1, {author.replica}) for author in order):
                    for author in order:
                        page = author.page(reader.vector(), chance.randint(1, 4), {author.replica})
                        reader.merge(admitted(reader, page)).result(10)
                columns = "number, status, open, disposition, closed_at, hex(head) as head"
                found.append(rows(reader, f"select {columns} from incident order by number"))
        assert all(each == found[0] for each in found)
        exchange(*authors)
        assert rows(authors[0], f"select {columns} from incident order by number") == found[0]


@pytest.mark.promise("M5")
def test_a_call_is_tied_to_its_incident_from_the_opening_and_by_hand(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        offer, other = (store.write(rings(number=n)).result(10).value for n in ("+62811", "+62812"))
        incident = store.write(opens("1", offer)).result(10).value
        made = store.write(ties("call", incident, other)).result(10)
        assert made.changes.calls >= {other}
        sql = "select target from link where source = ? and kind = 'call' and live = 1 order by id"
        assert [row["target"] for row in rows(store, sql, incident)] == [offer, other]
        store.write(undoes(made.value)).result(10)
        assert [row["target"] for row in rows(store, sql, incident)] == [offer]
