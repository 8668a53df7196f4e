"""How the record itself is: what the nightly look found, whether copies are made, whether it was made anew (D5)."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.store import Connection

NIGHT: Final = "night"
"""Under this name `meta` keeps what the last nightly look found."""
RECOVERED: Final = "recovered"
"""Under this name `meta` keeps what is to be said of a record that was made anew."""
DAY_MS: Final = 86_400_000
COPY_OLD_MS: Final = 3 * DAY_MS
"""Copies older than this are told of."""


class Night(Struct, frozen=True):
    """A nightly look: `at` when, ms UTC; `faults` of the record; `copied_at` the newest copy, 0 = never; `failed` why
    the last one could not be made.
    """

    at: int
    faults: tuple[str, ...] = ()
    copied_at: int = 0
    failed: Sentence = NOTHING

    def packed(self) -> str:
        """As `meta` keeps it."""
        return msgspec.json.encode(self).decode()


def night(db: Connection) -> Night:
    """Give the last nightly look; of a record that was never looked at, the moment it was made."""
    kept = dict(db.execute("select k, v from meta where k in (?, 'created_at')", [NIGHT]).fetchall())
    if NIGHT in kept:
        return msgspec.json.decode(kept[NIGHT], type=Night)
    return Night(int(kept.get("created_at", 0)))


def standing(db: Connection, now: int, *, enrolled: bool, outbox_fault: str = "") -> Sentence:
    """Say what the person at the desk is to know of the record, the gravest first; NOTHING where all is well."""
    found = night(db)
    row = db.execute("select v from meta where k = ?", [RECOVERED]).fetchone()
    if found.faults:
        return say("care.damaged")
    if row is not None and not enrolled:
        return msgspec.json.decode(row[0], type=Sentence)
    if outbox_fault:
        return say("care.outbox", error=outbox_fault)
    if found.failed:
        return found.failed
    made = found.copied_at or db.execute("select v from meta where k = 'created_at'").fetchone()[0]
    if now - made > COPY_OLD_MS:
        return say("care.no_copy", n=(now - made) // DAY_MS)
    return NOTHING


def recovered(ops: int, unsent: int) -> str:
    """What `RECOVERED` keeps of a record that was made anew: said at the desk until it is enrolled again."""
    return msgspec.json.encode(say("care.recovered", ops=ops, unsent=unsent)).decode()
