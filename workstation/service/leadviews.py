"""What the shift lead reads: rival values, what has not travelled yet, the figures of the shift, who sits where."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from sync.log import CARRIED_AS
from workstation.domain.kinds import INCIDENT_REGISTERS
from workstation.domain.rows import (
    BoardRow,
    Carried,
    ConflictRow,
    DeskRow,
    Person,
    QueueFigures,
    SkewedDesk,
    Sync,
    UnsentRow,
)
from workstation.service import clocks as clocks_of
from workstation.service.incidentviews import Names, board
from workstation.service.status import outages, travelled
from workstation.store import Connection, reads

HOUR_MS: Final = 3_600_000
SHIFT_HOURS: Final = 8
CONFLICTS_MOST: Final = 200
UNSENT_MOST: Final = 500
UNSENT_OPS: Final = 5000
SKEWED_OPS: Final = 5000
LIVE_MS: Final = 12 * HOUR_MS
"""A call that never ended in the record (a desk lost its power) counts as live for at most this long."""


def conflicts(db: Connection, limit: int = CONFLICTS_MOST) -> list[ConflictRow]:
    """Give every field with rival values, the one that waits longest first (promise M4)."""
    sql = "select uid, number, type from incident where rivals > 0 order by id limit ?"
    incidents = db.execute(sql, [limit]).fetchall()
    states = reads.states(db, [uid for uid, _, _ in incidents])
    names = Names(db)
    rows = []
    for uid, number, kind in incidents:
        for name in states[uid].rivals:
            if name in INCIDENT_REGISTERS:
                field = names.field(name, states[uid].registers[name])
                # They differ since the second one was written.
                since_at = sorted(value.at for value in field.values)[1]
                rows.append(ConflictRow(uid, number, kind, field, since_at))
    return sorted(rows, key=lambda row: row.since_at)[:limit]


def unsent(db: Connection, limit: int = UNSENT_MOST) -> list[UnsentRow]:
    """Give what this desk wrote and the hub has not acknowledged, the oldest first: a row per thing and kind of op.

    After hours offline only the oldest `UNSENT_OPS` ops are looked at; how many there are in all is in `LinkStatus`.
    """
    far = travelled(db)
    sql = """select min(op.at), op.kind, count(*), min(op.seq), max(op.seq), entity.type, entity.uid from op
             join entity on entity.id = op.entity where op.replica = ? and op.seq > ? and op.seq <= ?
             group by op.entity, op.kind order by min(op.seq) limit ?"""
    rows: list[UnsentRow] = []
    for replica, acked in (*far.former.items(), (far.own, far.acked)):
        span = [replica, acked, acked + UNSENT_OPS, limit - len(rows)]
        for at, kind, count, first, last, of, uid in db.execute(sql, span).fetchall():
            number, detail = _named(db, of, uid)
            refused = replica == far.own and first <= far.refused <= last
            stand = Sync.REFUSED if refused else far.entry((replica, last))
            rows.append(UnsentRow(at, kind, number, detail, count, stand, far.why if refused else ""))
    return rows


def carried(db: Connection) -> Carried | None:
    """Give what of the unsent is on its way by hand, None where nothing is: it stays unsent until the hub has it."""
    kept, far = reads.kept(db, CARRIED_AS), travelled(db)
    told = json.loads(kept) if kept else {"seq": 0, "replica": 0}
    if told["replica"] != far.own or told["seq"] <= far.acked:
        return None
    return Carried(told["since"], told["seq"] - far.acked)


_NAMED: Final = {
    "incident": "select number, type from incident where uid = ?",
    "offer": "select coalesce(nullif(number, ''), e164), identity from offer where uid = ?",
    "assignment": """select coalesce(incident.number, ''), agency from assignment
                     left join incident on incident.uid = assignment.incident where assignment.uid = ?""",
    "person": "select '', role from person where uid = ?",
}


def _named(db: Connection, of: str, uid: bytes) -> tuple[str, str]:
    row = db.execute(_NAMED[of], [uid]).fetchone() if of in _NAMED else None
    return (row[0] or "", row[1] or "") if row else ("", "")


def queue(db: Connection, now: int, hours: int = SHIFT_HOURS) -> QueueFigures:
    """Give the lead's figures over the last hours, and beside them how long this desk heard nothing of the others.

    Calls to other desks in such a time are not in the figures until they arrive; `offline_s` and `offline` say so.
    """
    from_at = now - hours * HOUR_MS
    clocks = clocks_of.kept(db)
    in_time_ms = clocks.target_ms("answer")
    sql = "select rang_at, answered_at, status, type from call where rang_at >= ? and rang_at < ?"
    calls = db.execute(sql, [from_at, now]).fetchall()
    answered = [(rang, at, kind) for rang, at, _, kind in calls if at is not None]
    in_time = [rang for rang, at, _ in answered if at - rang <= in_time_ms]
    waits = _call_to_agency(db, from_at, now)
    sent, oldest = reads.unsent(db, travelled(db).own)
    silent = outages(db, from_at, now)
    return QueueFigures(
        from_at=from_at,
        to_at=now,
        calls=len(calls),
        answered=len(answered),
        answered_in_15_s=len(in_time),
        abandoned=sum(status == "abandoned" for _, _, status, _ in calls),
        noise=sum(kind in clocks.noise for _, _, kind in answered),
        untyped=sum(not kind for _, _, kind in answered),
        call_to_agency_p90_s=percentile(waits, 90),
        call_to_agency_n=len(waits),
        unsent=sent,
        oldest_unsent_at=oldest,
        conflicts=db.execute("select count(*) from incident where rivals > 0").fetchone()[0],
        by_type=tuple(Counter(kind for _, _, kind in answered if kind).most_common()),
        by_hour=_by_hour([rang for rang, _, _ in answered], in_time),
        call_to_agency_s=tuple(waits),
        call_to_agency_p50_s=percentile(waits, 50),
        offline_s=sum(end - start for start, end in silent) / 1000,
        offline=silent,
    )


def shift(db: Connection, now: int) -> tuple[QueueFigures, list[BoardRow], list[ConflictRow], list[DeskRow]]:
    """Give all that the lead's page shows, as of one moment."""
    return queue(db, now), board(db, now), conflicts(db), desks(db, now)


def percentile(ordered: list[float], share: int) -> float | None:
    """Give the smallest value that `share` percent of the ordered values do not exceed (nearest rank)."""
    return ordered[max(0, -(-share * len(ordered) // 100) - 1)] if ordered else None


def _call_to_agency(db: Connection, from_at: int, to_at: int) -> list[float]:
    """Seconds from the answer to the first agency that was told, sorted, for incidents whose call rang in the span."""
    sql = """select min(assignment.notified_at) - min(call.answered_at) from call
             cross join offer on offer.call = call.uid cross join link on link.target = offer.uid
             cross join assignment on assignment.incident = link.source
             where call.rang_at >= ? and call.rang_at < ? and call.answered_at is not null
             and assignment.notified_at is not null group by link.source"""
    # `cross join` keeps the order: from the span's calls outward, never from all links there are.
    found = (waited for (waited,) in db.execute(sql, [from_at, to_at]))
    # Two desks' clocks may differ by a little: a negative wait is none.
    return sorted(max(0, waited) / 1000 for waited in found)


def _by_hour(answered: list[int], in_time: list[int]) -> tuple[tuple[int, int, int], ...]:
    hours = Counter(rang // HOUR_MS * HOUR_MS for rang in answered)
    good = Counter(rang // HOUR_MS * HOUR_MS for rang in in_time)
    return tuple((hour, count, good[hour]) for hour, count in sorted(hours.items()))


def skewed(db: Connection, limit: int = 100) -> list[SkewedDesk]:
    """Give the desks whose clock ran ahead, the furthest first (promise M9); only the newest `SKEWED_OPS` count."""
    sql = """select coalesce(nullif(replica.desk, ''), cast(replica as text)), count(*), max(late.at) from
             (select replica, at from op where flags & 1 and flags <> 0 order by n desc limit ?) late
             left join replica using (replica) group by replica order by max(late.at) desc limit ?"""
    return [SkewedDesk(*row) for row in db.execute(sql, [SKEWED_OPS, limit])]


def roster(db: Connection, limit: int = 1000) -> list[Person]:
    """Give everyone enrolled, by name, and where they sit."""
    sql = "select uid, login, name, role, desk, since_at from person order by name, uid limit ?"
    return [Person(*row) for row in db.execute(sql, [limit])]


def desks(db: Connection, now: int) -> list[DeskRow]:
    """Give every desk the record names, with who sits there and what it is doing as far as this desk has heard."""
    seated = {desk: (name, since) for name, desk, since in db.execute(
        "select name, desk, since_at from person where desk <> '' order by since_at")}  # fmt: skip
    live = {}
    sql = """select desk, status, coalesce(answered_at, rang_at) from call
             where status in ('ringing', 'talking', 'held', 'abandoned') and rang_at > ?
             order by status = 'ringing' desc"""
    for desk, status, since in db.execute(sql, [now - LIVE_MS]):
        if status != "abandoned":
            live[desk] = ("ringing" if status == "ringing" else "talking", since)
    sql = "select desk, count(*) from call where rang_at >= ? and answered_at is not null group by desk"
    load = dict(db.execute(sql, [now - HOUR_MS]).fetchall())
    rows = []
    for name in sorted({name for name in reads.desks(db).values() if name} | seated.keys() | live.keys()):
        person, since = seated.get(name, ("", None))
        state, since = live.get(name, ("ready" if person else "empty", since))
        rows.append(DeskRow(name, person, state, since, load.get(name, 0)))
    return rows
