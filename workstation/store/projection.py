"""The rows the screen reads, made from states: one function per entity type, and what hangs together with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import as_at, as_count, as_number, as_text, as_uid
from workstation.domain.rows import Step
from workstation.domain.standing import assignment_step, closing, disposition, incident_status, saveable
from workstation.store.callrows import CallRows
from workstation.store.cipher import Connection
from workstation.store.rows import Row, Table

if TYPE_CHECKING:
    from workstation.store.batch import Held

TABLES: Final = ("incident", "offer", "assignment", "person")
_INCIDENT: Final = (
    "id", "uid", "number", "desk", "opened_at", "closed_at", "status", "open", "complete", "type", "priority",
    "village", "place", "landmark", "street", "lat", "lon", "callback", "caller_name", "disposition", "rivals",
    "own_seq",
)  # fmt: skip
_ASSIGNMENT: Final = (
    "id", "uid", "incident", "agency", "channel", "unit", "step", "planned_at", "notified_at", "acknowledged_at",
    "departed_at", "arrived_at", "done_at", "cancelled_at", "refused_at", "reason", "own_seq",
)  # fmt: skip
_PERSON: Final = ("id", "uid", "login", "name", "role", "verifier", "desk", "since_at", "own_seq")


_INCIDENTS: Final = Table("incident", _INCIDENT)
_ASSIGNMENTS: Final = Table("assignment", _ASSIGNMENT)
_PEOPLE: Final = Table("person", _PERSON)


class Projection:
    """Writes the rows of touched entities and says what changed by it."""

    def __init__(self, connection: Connection, held: Mapping[Uid, Held]) -> None:
        self._connection = connection
        self._held = held
        self._calls = CallRows(connection)

    def write(self, touched: Sequence[Held]) -> Changes:
        """Bring the rows of these entities, and of what depends on them, up to their states."""
        by_type: dict[str, list[Held]] = {}
        for held in touched:
            if held.state.created is None:
                continue  # what makes it has not arrived; all the rest waits in its state
            by_type.setdefault(held.state.type, []).append(held)
            if held.was in TABLES and held.was != held.state.type:
                self._connection.execute(f"delete from {held.was} where id = ?", [held.id])  # noqa: S608
        incidents, assignments = by_type.get("incident", []), by_type.get("assignment", [])
        offers, people = by_type.get("offer", []), by_type.get("person", [])
        concerned = {held.uid for held in incidents}
        concerned |= {uid for held in assignments if (uid := as_uid(held.state.facts.get("incident")))}
        for held in assignments:
            _ASSIGNMENTS.put(self._connection, _assignment(held))
        self._incidents(incidents, concerned)
        for held in people:
            _PEOPLE.put(self._connection, _person(held))
        calls = self._calls.write(offers) if offers else set()
        unlinked = {held.uid for held in incidents if not _links(held)}
        return Changes(
            offers=frozenset(held.uid for held in offers),
            calls=frozenset(calls | self._linked(concerned - unlinked)),
            incidents=frozenset(concerned),
            assignments=frozenset(held.uid for held in assignments),
            people=frozenset(held.uid for held in people),
        )

    def _incidents(self, touched: Sequence[Held], concerned: set[Uid]) -> None:
        """Rows of touched incidents, and the standing of those whose assignments were touched."""
        for held in touched:
            row = _incident(held, *self._assignments(held.uid))
            _INCIDENTS.put(self._connection, row, held.row, fresh=held.was is None)
            held.row = row
            if links := _links(held):
                self._connection.executemany("insert or ignore into link values (?,?)", links)
        for uid in concerned - {held.uid for held in touched}:
            sql = "select closed_at, complete, own_seq, status from incident where uid = ?"
            row = self._connection.execute(sql, [uid]).fetchone()
            if row is None:
                continue  # its assignments came first; it will look for them
            steps, newest = self._assignments(uid)
            standing = (incident_status(row[0] is not None, bool(row[1]), steps), max(newest, row[2]))
            if standing != (row[3], row[2]):
                sql = "update incident set status = ?, own_seq = ? where uid = ?"
                self._connection.execute(sql, [*standing, uid])
                if uid in self._held:
                    self._held[uid].row = None

    def _assignments(self, incident: Uid) -> tuple[list[Step], int]:
        """How far each assignment of an incident is, and this desk's newest op on any of them."""
        sql = "select step, own_seq from assignment where incident = ?"
        rows = self._connection.execute(sql, [incident]).fetchall()
        return [Step(step) for step, _ in rows], max((seq for _, seq in rows), default=0)

    def _linked(self, incidents: set[Uid]) -> set[Uid]:
        """Calls whose rows show something of these incidents."""
        found: set[Uid] = set()
        for uid in incidents:
            sql = "select distinct offer.call from link join offer on offer.uid = link.call where link.incident = ?"
            found.update(row[0] for row in self._connection.execute(sql, [uid]))
        return found


def _incident(held: Held, steps: Sequence[Step], newest: int) -> Row:
    state, facts = held.state, held.state.facts
    close, complete = closing(state), saveable(state)
    closed = state.corrected_at(close) if close else None
    return (
        held.id, held.uid, as_text(facts.get("number")), as_text(facts.get("desk")),
        state.stamp("incident.opened") or 0, closed,
        incident_status(closed is not None, complete, steps), int(closed is None), int(complete),
        as_text(state.face("type")), as_count(state.face("priority")),
        *(as_text(state.face(name)) for name in ("village", "place", "landmark", "street")),
        as_number(state.face("lat")), as_number(state.face("lon")),
        *(as_text(state.face(name)) for name in ("callback", "caller_name")),
        disposition(state), len(state.rivals), max(held.own_seq, newest),
    )  # fmt: skip


def _links(held: Held) -> set[tuple[Uid, Uid]]:
    named = [held.state.facts.get("call"), *(entry.body.get("call") for entry in held.state.of("incident.linked"))]
    return {(held.uid, uid) for value in named if (uid := as_uid(value))}


def _assignment(held: Held) -> Row:
    state, facts = held.state, held.state.facts
    steps = ("planned", "notified", "acknowledged", "departed", "arrived", "done", "cancelled", "refused")
    ended = state.first("assignment.refused") or state.first("assignment.cancelled")
    return (
        held.id, held.uid, as_uid(facts.get("incident")),
        *(as_text(facts.get(name)) for name in ("agency", "channel", "unit")), assignment_step(state).value,
        *(state.stamp(f"assignment.{step}") for step in steps), as_text(ended.body.get("reason")) if ended else "",
        held.own_seq,
    )  # fmt: skip


def _person(held: Held) -> Row:
    facts = held.state.facts
    desk, since = seat(held.state)
    return (
        held.id, held.uid, *(as_text(facts.get(name)) for name in ("login", "name", "role", "verifier")), desk, since,
        held.own_seq,
    )  # fmt: skip


def seat(state: State) -> tuple[str, int | None]:
    """Where a person is signed in, and since when: the newest sign-in that no sign-out at its desk has followed."""
    left = {as_text(entry.body.get("desk")): (entry.hlc, entry.replica) for entry in state.of("person.signed_out")}
    for entry in reversed(state.of("person.signed_in")):
        desk = as_text(entry.body.get("desk"))
        if left.get(desk, (-1, 0)) < (entry.hlc, entry.replica):
            return desk, as_at(entry.at)
    return "", None
