"""A part of the record leaves it: redacted by what it is for, named in an op, noted in the access log (promise D6).

A file of JSON lines: first what it is, then an incident a line. What a purpose does not need of the personal fields is
not in it (`rights.PURPOSES`); telephone numbers in what stays of free text are hidden unless the purpose keeps numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from workstation.domain.ids import Uid
from workstation.domain.rights import PERSONAL, PURPOSES, Purpose
from workstation.domain.rows import AssignmentRow, IncidentView
from workstation.domain.sentence import say
from workstation.log import veil
from workstation.recovery import sync_folder
from workstation.service import access
from workstation.service.desk import BadValue, Desk, Pending, Refused, not_one_of
from workstation.service.incidentviews import incident as view_of
from workstation.site import Signatory
from workstation.store import Connection, Tx

INCIDENTS_MOST: Final = 100_000
_PAGE: Final = 200
_STAMPS: Final = (
    "planned_at", "notified_at", "acknowledged_at", "departed_at", "arrived_at", "done_at", "refused_at",
)  # fmt: skip


class Exported(Struct, frozen=True):
    """What was written: the file, how many incidents, and the digest that the op names."""

    path: Path
    incidents: int
    digest: bytes


def export(
    desk: Desk,
    path: Path,
    purpose: str,
    from_at: int,
    to_at: int,
    reason: str,
) -> Pending[Exported]:
    """Write the incidents opened in a span (ms UTC) to a new file, as far as the purpose needs them.

    For the roles the purpose names; raises `NotAllowed`, `BadValue` (no reason, no such purpose, a file that is there
    or can't be written). The file has its name only once the op that tells of it, and the line in the access log, are
    durable.
    """
    try:
        signatory = desk.signatory("export.export")
        meant = _meant(desk, purpose)
        why = reason.strip()
        if not why:
            raise BadValue(say("refused.say_why"))
        if path.exists():
            raise BadValue(say("refused.export_there", file=str(path)))
    except Refused as error:
        return desk.refuse(error)
    partial = path.with_name(path.name + ".partial")

    def written() -> Exported:
        try:
            with _private(partial) as file:
                head = {"purpose": purpose, "site": desk.store.site, "from_at": from_at, "to_at": to_at, "reason": why}
                digest, count = hashlib.sha256(), 0
                for line in _lines(desk, head, meant, from_at, to_at):
                    data = (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode()
                    digest.update(data)
                    file.write(data)
                    count += 1
                file.flush()
                os.fsync(file.fileno())
            made = Exported(path, count - 1, digest.digest())
            desk.store.write(lambda tx: _tell(tx, desk, signatory, made, purpose, why)).result()
            partial.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            raise BadValue(say("refused.export_failed", file=str(path), error=error.strerror or str(error))) from error
        finally:
            partial.unlink(missing_ok=True)
        return made

    return desk.later(written)


def _meant(desk: Desk, purpose: str) -> Purpose:
    if purpose not in PURPOSES:
        raise BadValue(not_one_of("purpose", purpose, PURPOSES))
    desk.require(*PURPOSES[purpose].roles)
    return PURPOSES[purpose]


def _private(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _tell(tx: Tx, desk: Desk, by: Signatory, made: Exported, purpose: str, why: str) -> None:
    body = {"what": f"{purpose}: {made.incidents}", "digest": made.digest, "reason": why, "at": tx.now()}
    tx.append("record.exported", tx.uid(), body, by.person, signer=by.signer)
    role = desk.person.role if desk.person else ""
    access.note(tx, by.person, role, "export", f"{purpose} {made.digest.hex()[:16]}", made.incidents, why)


def _lines(
    desk: Desk, head: Mapping[str, object], meant: Purpose, from_at: int, to_at: int
) -> Iterator[Mapping[str, object]]:
    yield head
    found: list[Uid] = desk.ask(lambda db: _opened(db, from_at, to_at)).result()
    for start in range(0, len(found), _PAGE):
        some = found[start : start + _PAGE]
        views = desk.ask(lambda db, some=some: [view_of(db, uid) for uid in some]).result()  # type: ignore[misc]
        yield from (_incident(view, meant) for view in views if view is not None)


def _opened(db: Connection, from_at: int, to_at: int) -> list[Uid]:
    sql = """select incident.uid from incident join entity on entity.uid = incident.uid
             where opened_at >= ? and opened_at < ? and erased = 0 order by opened_at limit ?"""
    return [uid for (uid,) in db.execute(sql, [from_at, to_at, INCIDENTS_MOST])]


def _incident(view: IncidentView, meant: Purpose) -> dict[str, object]:
    """An incident as it leaves: `fields` are faces, those of the personal ones that stay included."""
    row = view.row
    gone = PERSONAL - meant.stays
    numbers_stay = "callback" in meant.stays
    fields = {
        name: _text(field.values[0].value, numbers_stay or name not in PERSONAL)
        for name, field in view.fields.items()
        if field.values and name not in gone and field.values[0].value not in (None, "")
    }
    told: dict[str, object] = {
        "incident": row.number,
        "opened_at": row.opened_at,
        "status": row.status,
        "disposition": view.disposition,
        "fields": fields,
        "assignments": [_assignment(one) for one in view.assignments],
    }
    if "notes" in meant.stays:
        told["notes"] = [{"at": note.at, "text": _text(note.text, numbers_stay)} for note in view.notes]
    return told


def _assignment(row: AssignmentRow) -> dict[str, object]:
    stamps = {name: getattr(row, name) for name in _STAMPS if getattr(row, name) is not None}
    return {"agency": row.agency, "unit": row.unit, "step": str(row.step), **stamps}


def _text(value: object, numbers_stay: bool) -> object:
    return veil(value) if isinstance(value, str) and not numbers_stay else value
