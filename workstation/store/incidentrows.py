"""Incident rows: what each incident's state, its agencies and its ties to others make of it (promise M6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workstation.domain.ids import Uid
from workstation.domain.ops import as_count, as_number, as_text, as_uid
from workstation.domain.rows import Step
from workstation.domain.standing import closing, heads, incident_flags, incident_status, saveable
from workstation.store.cipher import Connection
from workstation.store.held import Around, Held
from workstation.store.rows import Row, Rows, Table, select_in

_COLUMNS = (
    "id", "uid", "number", "desk", "call", "head", "opened_at", "closed_at", "status", "open", "complete", "flags",
    "type", "priority", "village", "place", "landmark", "street", "lat", "lon", "callback", "caller_name",
    "disposition", "rivals", "own_seq",
)  # fmt: skip
_INCIDENTS = Table("incident", _COLUMNS)
CALL = _COLUMNS.index("call")
MERGED, DUPLICATE = "duplicate", "duplicate"
"""The status and the disposition of an incident that counts as another."""
Load = Callable[[Iterable[Uid]], dict[Uid, Held]]


class IncidentRows:
    """Writes `incident`."""

    def __init__(self, connection: Connection, rows: Rows, load: Load) -> None:
        self._connection, self._rows, self._load = connection, rows, load

    def write(self, touched: Sequence[Held], assigned: Iterable[Uid], tied: Iterable[Uid]) -> set[Uid]:
        """Bring the rows of touched incidents up to date, of those whose assignments were, and of those tied anew.

        Gives the incidents concerned.
        """
        concerned = {held.uid for held in touched}
        if apart := {*assigned, *tied}:
            concerned |= self._moved(apart)
        found = self._incidents(concerned)
        if wanted := [uid for uid, held in found.items() if held.around is None]:
            found |= self._gather(wanted)
        for held in list(found.values()):
            if held.around is not None and len(held.around.members) > 1:
                found |= self._together(held.around)
        rows = [(held, _row(held, found)) for held in found.values()]
        self._rows.put(_INCIDENTS, [(row, held.row, held.was is None) for held, row in rows])
        for held, row in rows:
            held.row = row
        return concerned | found.keys()

    def _incidents(self, uids: Iterable[Uid]) -> dict[Uid, Held]:
        """Those of the entities that are incidents and have been opened."""
        loaded = self._load(uids)
        return {uid: held for uid, held in loaded.items() if held.state.created and held.state.type == "incident"}

    def _together(self, around: Around) -> dict[Uid, Held]:
        """All incidents that count as one."""
        found = self._incidents(around.members)
        for held in found.values():
            held.around = around
        return found

    def _moved(self, apart: set[Uid]) -> set[Uid]:
        """Those around whom something moved, and all they were counted together with until now."""
        known = self._load(apart)
        near = set(apart)
        for held in known.values():
            if held.around is not None:
                near |= {held.around.head, *held.around.members}
        merged = select_in(self._connection, "select uid, head from incident where uid in ({0}) and head <> uid", near)
        near |= {uid for pair in merged for uid in pair}
        near |= {uid for (uid,) in select_in(self._connection, "select uid from incident where head in ({0})", near)}
        for held in self._load(near).values():
            held.around = None
        return near

    def _gather(self, wanted: Iterable[Uid]) -> dict[Uid, Held]:
        """Look around these incidents; gives all that are counted together with them."""
        ties, members = self._ties(set(wanted))
        found = self._incidents(members)
        opened = {uid: held.state.stamp("incident.opened") or 0 for uid, held in found.items()}
        head_of = heads(opened, ties)
        steps: dict[Uid, list[tuple[Step, int]]] = {}
        sql = "select incident, step, own_seq from assignment where incident in ({0})"
        for incident, step, own_seq in select_in(self._connection, sql, found):
            if incident in head_of:
                steps.setdefault(head_of[incident], []).append((Step(step), own_seq))
        together: dict[Uid, list[Uid]] = {}
        for uid, head in head_of.items():
            together.setdefault(head, []).append(uid)
        for head, uids in together.items():
            taken = steps.get(head, [])
            newest = max((own_seq for _, own_seq in taken), default=0)
            around = Around(head, tuple(sorted(uids)), tuple(step for step, _ in taken), newest)
            for uid in uids:
                found[uid].around = around
        return found

    def _ties(self, wanted: set[Uid]) -> tuple[set[tuple[Uid, Uid]], set[Uid]]:
        """The live ties of sameness that can be reached from these incidents, and whom they reach."""
        ties: set[tuple[Uid, Uid]] = set()
        members, frontier = set(wanted), set(wanted)
        sql = "select source, target from link where kind = 'duplicate' and live = 1 and {1} in ({0})"
        while frontier:
            new = {pair for side in ("source", "target") for pair in select_in(self._connection, sql, frontier, side)}
            ties |= new
            frontier = {uid for pair in new for uid in pair} - members
            members |= frontier
        return ties, members


def _row(held: Held, found: dict[Uid, Held]) -> Row:
    state, facts, around = held.state, held.state.facts, held.around
    assert around is not None
    complete = saveable(state)
    head = found[around.head]
    closed, how = _closed(head)
    status = incident_status(closed is not None, saveable(head.state) if head is not held else complete, around.steps)
    if head is not held:
        status, how = (status if status == "closed" else MERGED), DUPLICATE
    if status != "closed":
        closed = None
    face = state.face
    return (
        held.id, held.uid, as_text(facts.get("number")), as_text(facts.get("desk")), as_uid(facts.get("call")),
        around.head, state.stamp("incident.opened") or 0, closed, status, int(status not in ("closed", MERGED)),
        int(complete), len(incident_flags(state)) if state.entries else 0, as_text(face("type")),
        as_count(face("priority")), as_text(face("village")), as_text(face("place")), as_text(face("landmark")),
        as_text(face("street")), as_number(face("lat")), as_number(face("lon")), as_text(face("callback")),
        as_text(face("caller_name")), how, len(state.rivals), max(held.own_seq, around.newest),
    )  # fmt: skip


def _closed(head: Held) -> tuple[int | None, str]:
    """When and how the head was closed."""
    close = closing(head.state)
    return (head.state.corrected_at(close), as_text(close.body.get("disposition"))) if close else (None, "")
