"""The rows the screen reads, made from states: one function per entity type, and what hangs together with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import as_at, as_count, as_digest, as_text, as_uid
from workstation.domain.standing import assignment_flags, assignment_step
from workstation.store import keeping
from workstation.store.authority import Authority
from workstation.store.callrows import CallRows
from workstation.store.cipher import Connection
from workstation.store.held import Held
from workstation.store.incidentrows import CALL, IncidentRows, Load
from workstation.store.rows import Row, Rows, Table, select_in

TABLES: Final = ("incident", "offer", "assignment", "person", "link", "hold", "erasure", "attachment")
_ASSIGNMENTS: Final = Table("assignment", (
    "id", "uid", "incident", "agency", "channel", "unit", "step", "flags", "planned_at", "notified_at",
    "acknowledged_at", "departed_at", "arrived_at", "done_at", "cancelled_at", "refused_at", "reason", "own_seq",
))  # fmt: skip
_PEOPLE: Final = Table("person", (
    "id", "uid", "login", "name", "role", "sealed", "desk", "since_at", "own_seq",
))  # fmt: skip
_ATTACHMENTS: Final = Table("attachment", (
    "id", "uid", "about", "name", "size", "digest", "added_at", "person", "own_seq",
))  # fmt: skip
_LINKS: Final = Table("link", ("id", "uid", "kind", "source", "target", "live", "own_seq"))
_STEPS: Final = ("planned", "notified", "acknowledged", "departed", "arrived", "done", "cancelled", "refused")


class Projection:
    """Writes the rows of touched entities and says what changed by it."""

    def __init__(self, connection: Connection, rows: Rows, authority: Authority, load: Load) -> None:
        self._connection, self._rows, self._authority = connection, rows, authority
        self._calls = CallRows(connection, rows)
        self._incidents = IncidentRows(connection, rows, load)

    def write(self, touched: Sequence[Held]) -> Changes:
        """Bring the rows of these entities, and of what depends on them, up to their states."""
        by_type: dict[str, list[Held]] = {}
        for held in touched:
            if held.state.created is None:
                keeping.forget(self._connection, held)
                continue  # what makes it has not arrived; all the rest waits in its state
            by_type.setdefault(held.state.type, []).append(held)
            if held.was in TABLES and held.was != held.state.type:
                keeping.forget(self._connection, held)
                self._connection.execute(f"delete from {held.was} where id = ?", [held.id])  # noqa: S608
        incidents, assignments = by_type.get("incident", ()), by_type.get("assignment", ())
        offers, people, links = by_type.get("offer", ()), by_type.get("person", ()), by_type.get("link", ())
        tied = self._before(links, "source", "target") | (self._link(links, incidents) if links or incidents else set())
        was_assigned = self._before(assignments, "incident")
        self._put(_ASSIGNMENTS, assignments, _assignment)
        self._put(_PEOPLE, people, self._person)
        attachments = by_type.get("attachment", ())
        shown = self._before(attachments, "about") | {as_uid(held.state.facts.get("about")) for held in attachments}
        self._put(_ATTACHMENTS, attachments, _attachment)
        keeping.write(self._connection, self._rows, by_type.get("hold", ()), by_type.get("erasure", ()))
        assigned = was_assigned | {uid for held in assignments if (uid := as_uid(held.state.facts.get("incident")))}
        concerned = self._incidents.write(incidents, assigned, tied) if incidents or assigned or tied else set()
        calls = self._calls.write(offers) if offers else set()
        return Changes(
            offers=frozenset(held.uid for held in offers),
            calls=frozenset(calls | self._told_of(incidents, assigned | tied) if concerned else calls),
            incidents=frozenset(concerned | shown) - {b""},
            assignments=frozenset(held.uid for held in assignments),
            people=frozenset(held.uid for held in people),
        )

    def _put(self, table: Table, touched: Sequence[Held], row_of: Callable[[Held], Row]) -> None:
        if touched:
            self._rows.put(table, [(row_of(held), None, held.was is None) for held in touched])

    def _before(self, touched: Sequence[Held], *columns: str) -> set[Uid]:
        """The incidents that the rows of erased ties and assignments still name: their states name nobody any more."""
        found: set[Uid] = set()
        for held in touched:
            if held.erased and held.was == held.state.type:
                sql = f"select {', '.join(columns)} from {held.was} where id = ?"  # noqa: S608 - names of this module
                found.update(uid for row in self._connection.execute(sql, [held.id]) for uid in row if uid)
        return found

    def _link(self, links: Sequence[Held], incidents: Sequence[Held]) -> set[Uid]:
        """Write ties; gives the incidents at their ends. An incident is tied to the call it was opened for."""
        rows = [(_link(held), None, held.was is None) for held in links]
        rows += [
            ((held.id, held.uid, "call", held.uid, call, 1, held.own_seq), None, held.was is None)
            for held in incidents
            if (call := as_uid(held.state.facts.get("call"))) and (held.row is None or held.row[CALL] != call)
        ]
        if rows:
            self._rows.put(_LINKS, rows)
        for held in incidents:
            if held.erased and (held.row is None or held.row[CALL]):  # whom it was about went with its bodies
                self._connection.execute("delete from link where id = ?", [held.id])
        return {end for held in links for name in ("from", "to") if (end := as_uid(held.state.facts.get(name)))}

    def _told_of(self, incidents: Sequence[Held], others: set[Uid]) -> set[Uid]:
        """Calls whose rows show something of these incidents."""
        uids = {held.uid for held in incidents if held.state.facts.get("call")} | others
        sql = """select distinct offer.call from link join offer on offer.uid = link.target
                 where link.source in ({0}) and link.kind = 'call' and link.live = 1"""
        return {call for (call,) in select_in(self._connection, sql, uids)}

    def _person(self, held: Held) -> Row:
        state, facts = held.state, held.state.facts
        created = state.created
        assert created is not None
        secret = max((entry for entry in state.of("person.secret_changed")), default=created)
        role = self._authority.role(held.uid)
        desk, since = seat(state)
        sealed = secret.body.get("sealed")
        return (
            held.id, held.uid, as_text(facts.get("login")), as_text(facts.get("name")), role,
            sealed if isinstance(sealed, bytes) else b"", desk, since, held.own_seq,
        )  # fmt: skip


def _assignment(held: Held) -> Row:
    state, facts = held.state, held.state.facts
    ended = state.first("assignment.refused") or state.first("assignment.cancelled")
    return (
        held.id, held.uid, as_uid(facts.get("incident")),
        *(as_text(facts.get(name)) for name in ("agency", "channel", "unit")), assignment_step(state).value,
        len(assignment_flags(state)), *(state.stamp(f"assignment.{step}") for step in _STEPS),
        as_text(ended.body.get("reason")) if ended else "", held.own_seq,
    )  # fmt: skip


def _attachment(held: Held) -> Row:
    created, facts = held.state.created, held.state.facts
    assert created is not None
    size = as_count(facts.get("size")) or 0
    return (
        held.id, held.uid, as_uid(facts.get("about")), as_text(facts.get("name")), max(0, size),
        as_digest(facts.get("digest")), created.at, created.person, held.own_seq,
    )  # fmt: skip


def _link(held: Held) -> Row:
    facts = held.state.facts
    live = held.state.live(LIFE)
    source, target = as_uid(facts.get("from")), as_uid(facts.get("to"))
    whole = bool(source and target and source != target) and not (live and live[0].value == "link.undone")
    return (held.id, held.uid, as_text(facts.get("kind")), source, target, int(whole), held.own_seq)


def seat(state: State) -> tuple[str, int | None]:
    """Where a person is signed in, and since when: the newest sign-in that no sign-out at its desk has followed."""
    left = {as_text(entry.body.get("desk")): (entry.hlc, entry.replica) for entry in state.of("person.signed_out")}
    for entry in reversed(state.of("person.signed_in")):
        desk = as_text(entry.body.get("desk"))
        if left.get(desk, (-1, 0)) < (entry.hlc, entry.replica):
            return desk, as_at(entry.at)
    return "", None
