"""The rows the screen reads, made from states: one function per entity type, and what hangs together with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import CALL_REGISTERS, as_at, as_count, as_number, as_text, as_uid
from workstation.domain.rows import Step
from workstation.domain.standing import assignment_step, disposition, incident_closed, incident_status, saveable
from workstation.store.callrows import CallRows
from workstation.store.cipher import Connection

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


def upsert(table: str, columns: Sequence[str], key: str = "id") -> str:
    """The statement that writes a whole row, new or not. Names come from this package only."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    return (
        f"insert into {table} ({', '.join(columns)}) values ({','.join('?' * len(columns))}) "  # noqa: S608
        f"on conflict ({key}) do update set {changes}"
    )


def marks(values: Sequence[object]) -> str:
    """As many question marks as there are values."""
    return ",".join("?" * len(values))


_PUT_INCIDENT: Final = upsert("incident", _INCIDENT)
_PUT_ASSIGNMENT: Final = upsert("assignment", _ASSIGNMENT)
_PUT_PERSON: Final = upsert("person", _PERSON)


class Projection:
    """Writes the rows of touched entities and says what changed by it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._calls = CallRows(connection)

    def write(self, touched: Sequence[Held]) -> Changes:
        """Bring the rows of these entities, and of what depends on them, up to their states."""
        by_type: dict[str, list[Held]] = {}
        for held in touched:
            by_type.setdefault(held.state.type, []).append(held)
            if held.was in TABLES and held.was != held.state.type:
                self._connection.execute(f"delete from {held.was} where id = ?", [held.id])  # noqa: S608
        incidents, assignments = by_type.get("incident", []), by_type.get("assignment", [])
        offers, people = by_type.get("offer", []), by_type.get("person", [])
        concerned = {held.uid for held in incidents}
        concerned |= {uid for held in assignments if (uid := as_uid(held.state.facts.get("incident")))}
        self._many(_PUT_ASSIGNMENT, (_assignment(held) for held in assignments))
        self._many(_PUT_INCIDENT, (_incident(held) for held in incidents))
        self._many("insert or ignore into link values (?,?)", (link for held in incidents for link in _links(held)))
        self._stand(concerned)
        self._many(_PUT_PERSON, (_person(held) for held in people))
        calls = self._calls.write(offers) if offers else set()
        return Changes(
            offers=frozenset(held.uid for held in offers),
            calls=frozenset(calls | self._linked(concerned)),
            incidents=frozenset(concerned),
            assignments=frozenset(held.uid for held in assignments),
            people=frozenset(held.uid for held in people),
        )

    def _many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(sql, rows)

    def _stand(self, incidents: set[Uid]) -> None:
        """Derive the status of incidents from their own rows and those of their assignments."""
        for uid in incidents:
            own = self._connection.execute("select closed_at, complete from incident where uid = ?", [uid]).fetchone()
            if own is None:
                continue
            rows = self._connection.execute("select step, own_seq from assignment where incident = ?", [uid]).fetchall()
            status = incident_status(own[0] is not None, bool(own[1]), [Step(step) for step, _ in rows])
            newest = max((seq for _, seq in rows), default=0)
            self._connection.execute(
                "update incident set status = ?, own_seq = max(own_seq, ?) where uid = ?", [status, newest, uid]
            )

    def _linked(self, incidents: set[Uid]) -> set[Uid]:
        """Calls whose rows show something of these incidents."""
        found: set[Uid] = set()
        for uid in incidents:
            sql = "select distinct offer.call from link join offer on offer.uid = link.call where link.incident = ?"
            found.update(row[0] for row in self._connection.execute(sql, [uid]))
        return found


def _incident(held: Held) -> tuple[Any, ...]:
    state, facts = held.state, held.state.facts
    closed = state.stamp("incident.closed") if incident_closed(state) else None
    opened = state.stamp("incident.opened")
    return (
        held.id, held.uid, as_text(facts.get("number")), as_text(facts.get("desk")), opened or 0, closed, "",
        int(closed is None), int(saveable(state)), *(as_text(state.face("type")),), as_count(state.face("priority")),
        *(as_text(state.face(name)) for name in ("village", "place", "landmark", "street")),
        as_number(state.face("lat")), as_number(state.face("lon")),
        *(as_text(state.face(name)) for name in ("callback", "caller_name")),
        disposition(state), len(state.rivals), held.own_seq,
    )  # fmt: skip


def _links(held: Held) -> set[tuple[Uid, Uid]]:
    named = [held.state.facts.get("call"), *(entry.body.get("call") for entry in held.state.of("incident.linked"))]
    return {(held.uid, uid) for value in named if (uid := as_uid(value))}


def _assignment(held: Held) -> tuple[Any, ...]:
    state, facts = held.state, held.state.facts
    steps = ("planned", "notified", "acknowledged", "departed", "arrived", "done", "cancelled", "refused")
    ended = state.first("assignment.refused") or state.first("assignment.cancelled")
    return (
        held.id, held.uid, as_uid(facts.get("incident")),
        *(as_text(facts.get(name)) for name in ("agency", "channel", "unit")), assignment_step(state).value,
        *(state.stamp(f"assignment.{step}") for step in steps), as_text(ended.body.get("reason")) if ended else "",
        held.own_seq,
    )  # fmt: skip


def _person(held: Held) -> tuple[Any, ...]:
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


CALL_FIELDS: Final = tuple(CALL_REGISTERS)
