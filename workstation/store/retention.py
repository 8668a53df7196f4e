"""Retention: bodies and salts taken away for ever, while the chain over them still verifies (promise M2)."""

from __future__ import annotations

from sync.opwire import erase, parse
from workstation.domain.ids import Uid
from workstation.domain.kinds import KINDS, Effect
from workstation.domain.merge import LIFE, State
from workstation.domain.ops import Op, as_uid
from workstation.store.cipher import Connection
from workstation.store.held import Held
from workstation.store.words import words

_ALL_BODY = (Effect.SET, Effect.CORRECT)
"""What leaves nothing in a state once its body is gone."""


def erasures(op: Op) -> list[Uid]:
    """The entities whose bodies an op takes away."""
    entities = op.body.get("entities") if op.kind == "record.erased" else None
    return [uid for entity in entities if (uid := as_uid(entity))] if isinstance(entities, list) else []


def blanked(state: State) -> State:
    """A state without what its ops' bodies and salts say, for an entity whose ops are not all here."""
    made = state.created._replace(body={}) if state.created else None
    kept = [entry._replace(body={}) for entry in state.entries if KINDS[entry.kind].effect not in _ALL_BODY]
    life = {LIFE: state.registers[LIFE]} if LIFE in state.registers else {}
    return State(seen=state.seen, created=made, registers=life, entries=kept)


def erase_bodies(db: Connection, held: Held, indexed: int) -> None:
    """Write an entity's ops anew without bodies and salts, and take their words out of the search index.

    What they leave behind in the file is overwritten with zeros.
    """
    db.execute("pragma secure_delete = on")
    try:
        _erase_bodies(db, held, indexed)
    finally:
        db.execute("pragma secure_delete = off")


def _erase_bodies(db: Connection, held: Held, indexed: int) -> None:
    for n, op in erase_ops(db, held):
        if n <= indexed and (text := words(op)):
            db.execute("insert into search (search, rowid, words) values ('delete', ?, ?)", [held.id << 32 | n, text])


def erase_ops(db: Connection, held: Held) -> list[tuple[int, Op]]:
    """Write an entity's ops anew without bodies and salts; gives each as it was, with its number of arrival."""
    gone: list[tuple[int, Op]] = []
    erased: list[tuple[bytes, int]] = []
    for n, raw in db.execute("select n, raw from op where entity = ? order by n", [held.id]).fetchall():
        parsed = parse(raw)
        if not parsed.op.erased:
            gone.append((n, parsed.op))
            erased.append((erase(parsed, parsed.op.salt or held.state.salt(parsed.op.replica)), n))
    db.executemany("update op set raw = ? where n = ?", erased)
    return gone
