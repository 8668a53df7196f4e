"""The note line still being typed: kept on this machine as it grows, so that a crash loses at most its last 250 ms.

A line of the narrative is add-only (promise M5), so it becomes an op when it is whole. Until then it lies beside the
record, in the same encrypted file; the next start adds it to its incident.
"""

from __future__ import annotations

import json

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.service import intake, views
from workstation.service.desk import TEXT_MOST, Desk, Pending

KEPT_AS = "note_line"


def keep_line(desk: Desk, incident: Uid, offer: Uid, words: str) -> Pending[Changes]:
    """Keep the line as it stands, and who types it; an empty line drops it.

    `incident` is b"" while nothing else has been typed.
    """
    line = words.strip()[:TEXT_MOST]
    kept = [incident.hex(), offer.hex(), line, desk.person_uid.hex()]
    return desk.keep(KEPT_AS, json.dumps(kept) if line else "")


def take_up_line(desk: Desk) -> Pending[bool]:
    """Write down the line a crash cut short, in the name of who typed it; True when there was one."""

    def act(inside: Desk) -> bool:
        kept = inside.kept(KEPT_AS, "").result()
        if not kept:
            return False
        # A line that an earlier version kept names nobody.
        incident, offer, line, *person = json.loads(kept)
        call, by = bytes.fromhex(offer), bytes.fromhex("".join(person))
        uid = _belongs(inside, bytes.fromhex(incident), call)
        intake.open_incident(inside, uid, call, by=by).result()
        intake.note(inside, uid, line, by=by).result()
        inside.keep(KEPT_AS, "").result()
        return True

    return desk.together(act)


def _belongs(inside: Desk, incident: Uid, offer: Uid) -> Uid:
    """Give the incident the line is of: its own, else the one its call has by now, else a new one."""
    if incident and inside.knows(incident).result():
        return incident
    call = inside.ask(lambda db: views.call(db, offer)).result() if offer else None
    if call is not None and call.incidents:
        return call.incidents[0]
    return incident or inside.ids.uid()
