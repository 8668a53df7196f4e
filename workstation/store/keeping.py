"""Rows of what is kept on purpose and what is to go: legal holds, and orders to erase (promises M2, D6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workstation.domain.ids import Uid
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import as_text, as_uid
from workstation.store.cipher import Connection
from workstation.store.held import Held
from workstation.store.rows import Rows, Table

_HOLDS: Final = Table("hold", ("id", "uid", "reason", "placed_at", "person", "live", "own_seq"))
_ERASURES: Final = Table("erasure", ("id", "uid", "reason", "ordered_at", "person", "own_seq"))
_OF: Final = {"hold": "hold_on", "erasure": "erasure_of"}


def write(db: Connection, rows: Rows, holds: Sequence[Held], erasures: Sequence[Held]) -> None:
    """Bring the rows of these holds and orders up to their states."""
    for held in holds:
        created = held.state.created
        assert created is not None
        reason, live = as_text(created.body.get("reason")), int(not _lifted(held.state))
        hold = (held.id, held.uid, reason, created.at, created.person, live, held.own_seq)
        rows.put(_HOLDS, [(hold, None, held.was != "hold")])
        _concerns(db, "hold", held, created.body.get("on"))
    for held in erasures:
        created = held.state.created
        assert created is not None
        reason = as_text(created.body.get("reason"))
        order = (held.id, held.uid, reason, created.at, created.person, held.own_seq)
        rows.put(_ERASURES, [(order, None, held.was != "erasure")])
        _concerns(db, "erasure", held, created.body.get("entities"))


def forget(db: Connection, held: Held) -> None:
    """Drop the rows of a hold or an order that counts no longer: whoever wrote it had no right to."""
    if held.was in _OF:
        db.execute(f"delete from {_OF[held.was]} where {held.was} = ?", [held.id])  # noqa: S608 - names of this module
        db.execute(f"delete from {held.was} where id = ?", [held.id])  # noqa: S608


def _lifted(state: State) -> bool:
    live = state.live(LIFE)
    return bool(live) and live[0].value == "hold.lifted"


def _concerns(db: Connection, name: str, held: Held, named: object) -> None:
    """What a hold keeps, or an order takes: said once, when it is made."""
    if held.was != name:
        uids = {uid for entity in named if (uid := as_uid(entity))} if isinstance(named, list | tuple) else set[Uid]()
        db.executemany(
            f"insert into {_OF[name]} values (?, ?) on conflict do nothing",  # noqa: S608
            [(held.id, uid) for uid in sorted(uids)],
        )
