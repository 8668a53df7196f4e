"""Calls as the screen reads them: one, a page, those before from the same number, and those nobody answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workstation.domain.ids import Uid
from workstation.domain.rows import AbandonedRow, CallRow
from workstation.service import clocks
from workstation.service.numbers import read_number
from workstation.service.status import travelled
from workstation.store import Connection

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PAGE = 200
_CALL = """uid, offer, number, e164, identity, display, dialled, rang_at, answered_at, ended_at, reason, status, type,
           desk, offers, rivals, own_seq"""


def call(db: Connection, offer: Uid) -> CallRow | None:
    """Give the call an offer belongs to; None when this desk has not heard of it."""
    sql = f"select {_CALL} from call where uid = (select call from offer where uid = ?)"  # noqa: S608
    rows = _calls(db, sql, [offer])
    return rows[0] if rows else None


def calls_page(db: Connection, before_at: int | None = None, limit: int = PAGE) -> list[CallRow]:
    """Give calls, the newest first; `before_at` is the last `rang_at` of the page above."""
    if before_at is None:
        return _calls(db, f"select {_CALL} from call order by rang_at desc limit ?", [limit])  # noqa: S608
    sql = f"select {_CALL} from call where rang_at < ? order by rang_at desc limit ?"  # noqa: S608
    return _calls(db, sql, [before_at, limit])


def earlier_calls(db: Connection, number: str, now: int, days: int = 30, limit: int = 50) -> list[CallRow]:
    """Give the calls of a number in the last 30 days, the newest first; none where there is no number.

    Raw and international writing find the same calls. How many fall in the last 24 h is read from `rang_at`.
    """
    if not any(character.isdigit() for character in number):
        return []
    sql = f"""select {_CALL} from call where caller in (?, ?) and rang_at >= ? and rang_at < ?
              order by rang_at desc limit ?"""  # noqa: S608
    e164 = read_number(number).e164 or number
    return _calls(db, sql, [number, e164, now - days * DAY_MS, now, limit])


def calls_and_abandoned(db: Connection, now: int) -> tuple[list[CallRow], list[AbandonedRow]]:
    """Give the newest calls, and those nobody answered, as of one moment."""
    return calls_page(db), abandoned(db, now)


def at_ring(db: Connection, offer: Uid, number: str, now: int) -> tuple[CallRow | None, tuple[CallRow, ...]]:
    """Give the call of an offer, and the earlier calls of its number; `number` and `now` stand in until it is here."""
    found = call(db, offer)
    if found is not None:
        number, now = found.e164 or found.number, found.rang_at
    earlier = earlier_calls(db, number, now) if number else []
    return found, tuple(row for row in earlier if found is None or row.uid != found.uid)


def abandoned(db: Connection, now: int, hours: int = 24, limit: int = 500) -> list[AbandonedRow]:
    """Give abandoned calls by number, those to call back first, the longest overdue first (promise M11).

    A number that was answered after it gave up needs no calling back and is left out. Those without a number stand in
    one row that cannot be called back.
    """
    sql = """select caller, rang_at, coalesce(ended_at, rang_at) from call where status = 'abandoned' and rang_at > ?
             and (caller = '' or not exists (select 1 from call later where later.caller = call.caller
             and later.rang_at > call.rang_at and later.answered_at is not null)) order by rang_at desc limit ?"""
    by_number: dict[str, list[tuple[int, int]]] = {}
    for caller, rang_at, ended_at in db.execute(sql, [now - hours * HOUR_MS, limit]):
        by_number.setdefault(caller, []).append((rang_at, ended_at))
    due_ms = clocks.kept(db).target_ms("call_back") if by_number else 0
    rows = [_abandoned(number, rings, due_ms) for number, rings in by_number.items()]
    return sorted(rows, key=lambda row: (row.call_back_due_at is None, row.call_back_due_at or 0))


def _abandoned(number: str, rings: Sequence[tuple[int, int]], due_ms: int) -> AbandonedRow:
    return AbandonedRow(
        number=number,
        calls=len(rings),
        at=tuple(rang_at for rang_at, _ in rings),
        last_at=rings[0][0],
        longest_ring_s=max(ended_at - rang_at for rang_at, ended_at in rings) / 1000,
        call_back_due_at=max(ended_at for _, ended_at in rings) + due_ms if number else None,
    )


def _calls(db: Connection, sql: str, values: Sequence[object]) -> list[CallRow]:
    cursor = db.execute(sql, list(values))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    incidents = _incidents(db, [row["uid"] for row in rows])
    far = travelled(db)
    made = []
    for row in rows:
        rivals, own_seq = row.pop("rivals"), row.pop("own_seq")
        tied = incidents.get(row["uid"], [])
        _, number, kind = tied[0] if tied else (b"", "", "")
        uids = tuple(uid for uid, _, _ in tied)
        made.append(
            CallRow(**row, incidents=uids, incident_number=number, incident_type=kind, sync=far.row(own_seq, rivals))
        )
    return made


def _incidents(db: Connection, calls: Sequence[Uid]) -> dict[Uid, list[tuple[Any, ...]]]:
    """The incidents of calls, the oldest first: (uid, number, type) by call."""
    found: dict[Uid, list[tuple[Any, ...]]] = {}
    for start in range(0, len(calls), 500):
        some = list(calls[start : start + 500])
        sql = f"""select distinct offer.call, incident.uid, incident.number, incident.type, incident.opened_at
                  from offer join link on link.target = offer.uid join incident on incident.uid = link.source
                  where offer.call in ({",".join("?" * len(some))}) order by incident.opened_at"""  # noqa: S608
        for row in db.execute(sql, some):
            found.setdefault(row[0], []).append(row[1:4])
    return found
