"""Incidents as the board and the form read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workstation.domain.ids import Uid
from workstation.domain.merge import Entry, Write
from workstation.domain.narrative import narrative
from workstation.domain.ops import as_dot, as_text
from workstation.domain.rows import AssignmentRow, BoardRow, Field, IncidentView, Note, Step, Value
from workstation.service import clocks as clocks_of
from workstation.service.clocks import Clocks
from workstation.service.deadlines import Report, Stamps, following, late, running
from workstation.service.status import Travelled, travelled
from workstation.store import Connection, reads

BOARD_MOST = 200
_ROW = """id, uid, number, type, coalesce(priority, 0) as priority, village, place, landmark, lat, lon, opened_at, desk,
          status, rivals, own_seq, open, disposition"""
_ASSIGNMENT = """uid, incident, agency, channel, unit, step, planned_at, notified_at, acknowledged_at, departed_at,
                 arrived_at, done_at, refused_at, reason"""


def board(db: Connection, now: int, limit: int = BOARD_MOST) -> list[BoardRow]:
    """Give the open incidents, priority first, then the oldest; those without a priority come last."""
    # Two walks of the board's index, because its nulls sort before red.
    sql = f"select {_ROW} from incident where open = 1 and priority {{}} order by priority, opened_at limit ?"  # noqa: S608
    found = _dicts(db, sql.format("> 0"), [limit])
    found += _dicts(db, sql.format("is null or open = 1 and priority <= 0"), [limit - len(found)])
    return _board_rows(db, found, now)


def incident(db: Connection, uid: Uid, now: int = 0) -> IncidentView | None:
    """Give one incident whole; None when this desk has not heard of it. Without `now` no assignment is called late."""
    found = _dicts(db, f"select {_ROW} from incident where uid = ?", [uid])  # noqa: S608
    state = reads.state(db, uid)
    if not found or state is None:
        return None
    row = _board_rows(db, found, now)[0]
    names = Names(db)
    calls = """select distinct coalesce(offer.call, link.target) from link left join offer on offer.uid = link.target
               where link.source = ? and link.kind = 'call' and link.live = 1"""
    return IncidentView(
        row=row,
        fields={name: names.field(name, live) for name, live in state.registers.items() if not name.startswith("_")},
        notes=tuple(names.note(entry) for entry in narrative(reads.ops_of(db, uid))),
        assignments=row.assignments,
        calls=tuple(call for (call,) in db.execute(calls, [uid])),
        disposition=found[0]["disposition"],
    )


class Names:
    """Who and which desk stand behind the numbers and uids of ops; looked up once for a read."""

    def __init__(self, db: Connection) -> None:
        self._people = dict(db.execute("select uid, name from person").fetchall())
        self._desks = reads.desks(db)
        self._travelled = travelled(db)

    def field(self, name: str, live: Sequence[Write]) -> Field:
        """Give a register as the form shows it, the face first."""
        values = tuple(
            Value(
                tuple(write.value) if isinstance(write.value, list) else write.value,
                write.dot, write.at, self.desk(write.replica), self.person(write.person),
                write.replica == self._travelled.own,
            )
            for write in live
        )  # fmt: skip
        return Field(name, values)

    def note(self, entry: Entry) -> Note:
        """Give a line of the narrative, or a correction of one, as it was written."""
        words = as_text(entry.body.get("text"))
        corrects = as_dot(entry.body.get("entry"))
        desk, person = self.desk(entry.replica), self.person(entry.person)
        return Note(entry.dot, words, entry.at, desk, person, corrects, self._travelled.entry(entry.dot))

    def desk(self, replica: int) -> str:
        return self._desks.get(replica, "")

    def person(self, uid: Uid) -> str:
        return str(self._people.get(uid, ""))


def _board_rows(db: Connection, found: Sequence[dict[str, Any]], now: int) -> list[BoardRow]:
    if not found:
        return []
    clocks, far = clocks_of.kept(db), travelled(db)
    uids = [row["uid"] for row in found]
    reports = _reports(db, found)
    assignments: dict[Uid, list[AssignmentRow]] = {uid: [] for uid in uids}
    for row in _in(db, f"select {_ASSIGNMENT} from assignment where incident in ({{}}) order by id", uids):  # noqa: S608
        assignments[row["incident"]].append(_assignment(row, reports[row["incident"]], clocks, now))
    return [_board_row(row, tuple(assignments[row["uid"]]), reports[row["uid"]], clocks, far) for row in found]


def _board_row(
    row: dict[str, Any], assignments: tuple[AssignmentRow, ...], report: Report, clocks: Clocks, far: Travelled
) -> BoardRow:
    due = following(report, [_stamps(item) for item in assignments], clocks) if row["open"] else None
    names = ("uid", "number", "type", "priority", "village", "place", "landmark", "lat", "lon", "opened_at")
    return BoardRow(
        **{name: row[name] for name in names},
        deadline=due.target if due else "",
        deadline_from_at=due.since if due else None,
        deadline_at=due.at if due else None,
        deadline_agency=due.agency if due else "",
        assignments=assignments,
        desk=row["desk"],
        status=row["status"],
        rivals=row["rivals"],
        sync=far.row(row["own_seq"], row["rivals"]),
    )


def _assignment(row: dict[str, Any], report: Report, clocks: Clocks, now: int) -> AssignmentRow:
    made = AssignmentRow(**{**row, "step": Step(row["step"])}, late=False)
    if late(running(report, _stamps(made), clocks), now):
        return AssignmentRow(**{**row, "step": made.step}, late=True)
    return made


def _stamps(row: AssignmentRow) -> Stamps:
    return Stamps(
        row.agency, row.step, row.planned_at, row.notified_at, row.acknowledged_at, row.departed_at, row.arrived_at
    )


def _reports(db: Connection, found: Sequence[dict[str, Any]]) -> dict[Uid, Report]:
    """The first call of each incident; where there is none the incident's own opening stands for it."""
    rang: dict[Uid, tuple[int, int]] = {}
    sql = """select link.source as incident, min(call.rang_at) as rang_at, min(call.answered_at) as answered_at
             from link join offer on offer.uid = link.target join call on call.uid = offer.call
             where link.kind = 'call' and link.live = 1 and link.source in ({}) group by link.source"""
    for row in _in(db, sql, [row["uid"] for row in found]):
        rang[row["incident"]] = (row["rang_at"], row["answered_at"] or row["rang_at"])
    made = {}
    for row in found:
        rang_at, answered_at = rang.get(row["uid"], (row["opened_at"], row["opened_at"]))
        made[row["uid"]] = Report(rang_at, answered_at, row["type"])
    return made


def _dicts(db: Connection, sql: str, values: Sequence[object]) -> list[dict[str, Any]]:
    cursor = db.execute(sql, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _in(db: Connection, sql: str, uids: Sequence[Uid]) -> list[dict[str, Any]]:
    """Run a statement with `in ({})` over uids, 500 at a time."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(uids), 500):
        some = uids[start : start + 500]
        found += _dicts(db, sql.format(",".join("?" * len(some))), some)
    return found
