"""Reads of the screen walk an index: none may grow with the years a record holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.desks import NOW, opened, ring
from workstation.service import views
from workstation.service.desk import Desk

BIG = ("op", "entity", "incident", "offer", "call", "assignment", "link")
READS = {
    "board": lambda db: views.board(db, NOW),
    "incident": lambda db: views.incident(db, db.execute("select uid from incident").fetchone()[0]),
    "call": lambda db: views.call(db, db.execute("select uid from offer").fetchone()[0]),
    "earlier_calls": lambda db: views.earlier_calls(db, "081200004417", NOW + 1),
    "calls_page": lambda db: views.calls_page(db),
    "calls_page_below": lambda db: views.calls_page(db, NOW + 1),
    "abandoned": lambda db: views.abandoned(db, NOW + 1),
    "conflicts": views.conflicts,
    "unsent": views.unsent,
    "skewed": views.skewed,
    "queue": lambda db: views.queue(db, NOW + 1),
    "desks": lambda db: views.desks(db, NOW + 1),
}


class Watched:
    """A connection that writes down how each statement is carried out."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def execute(self, sql: str, values: Any = ()) -> Any:
        plan = self._connection.execute(f"explain query plan {sql}", values)
        self.plans += [row[3] for row in plan if "select uid from" not in sql]
        return self._connection.execute(sql, values)


@pytest.mark.parametrize("name", READS)
def test_a_read_walks_an_index(desk: Desk, name: str) -> None:
    opened(desk, ring(desk))

    def watched(db: Any) -> list[str]:
        watch = Watched(db)
        READS[name](watch)
        return watch.plans

    plans = desk.ask(watched).result()
    assert plans
    scans = [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan]
    assert not [plan for plan in scans if plan.split()[1] in BIG], plans
