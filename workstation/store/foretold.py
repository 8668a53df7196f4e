"""Entities that are told before their ops are here: a hub's snapshot, taken in and later proven (promise S6).

Such an entity's row names a vector (`entity.told`): its state has every op up to there folded in, by the hub's word.
An op up to there is kept as any op and not folded once more, whichever way it comes; one beyond is folded. So state and
ops fit at every moment, and once all ops are here the entity is folded from them alone: what the hub said is proven, or
put right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Final, TypeVar

from sync.opwire import parse
from sync.snapshot.form import Folded, Foretold, Part
from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.store.arriving import Told
from workstation.store.cipher import Connection
from workstation.store.ledger import REACHED
from workstation.store.reader import Reader
from workstation.store.schema import VOID
from workstation.store.states import pack_state
from workstation.store.writer import Arrival, Writer

log = logging.getLogger("store")
T = TypeVar("T")
PROVEN_AT_ONCE: Final = 100
"""Entities that are folded again in one step: some milliseconds of a reader's time."""
_DAY_MS: Final = 86_400_000
_AT_WORK: Final = f"""
    select uid from incident where open = 1
    union select uid from incident where head in (select uid from incident where open = 1)
    union select uid from assignment where incident in (select uid from incident where open = 1)
    union select uid from link where source in (select uid from incident where open = 1)
    union select uid from link where target in (select uid from incident where open = 1)
    union select uid from offer where call in (select offer.call from link join offer on offer.uid = link.target
        join incident on incident.uid = link.source where incident.open = 1)
    union select uid from offer where call in (select uid from call where status in ('ringing', 'talking', 'held'))
    union select uid from offer where call in (select uid from call where status = 'abandoned'
        and rang_at > (select max(rang_at) from call) - {_DAY_MS})
    union select uid from entity where type in ('person', 'device', 'site', 'handover', 'hold')"""  # noqa: S608 - a number of ours
"""What is being worked on, and who works here."""
_OF: Final[Mapping[Part, str]] = {
    "open": f"select uid, erased, state from entity where uid in ({_AT_WORK}) order by id desc",  # noqa: S608
    "all": "select uid, erased, state from entity order by id desc",
}
Rows = Callable[[str], Iterable[tuple[Uid, int, bytes]]]


def folded(db: Connection, part: Part, rows: Rows) -> tuple[dict[int, int], Iterator[Folded]]:
    """The vector of this moment and the entities of a part; `rows` runs a statement without holding all it finds.

    Raises LookupError where states here are themselves only told.
    """
    if db.execute("select 1 from entity where told <> 0 limit 1").fetchone():
        raise LookupError("states of this record are not proven yet")
    vector = {replica: seq for replica, seq, _ in db.execute(REACHED).fetchall()}
    return vector, (Folded(uid, bool(erased), bytes(state)) for uid, erased, state in rows(_OF[part]))


class Snapshots:
    """What a record does with snapshots; a part of the store, and as free of threads."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def folded(self, part: Part, visit: Callable[[Mapping[int, int], Iterable[Folded]], T]) -> T:
        """What `visit` makes of the vector and the entities of a part. Waits for the disk. Raises as `folded`."""
        return self._reader.ask(lambda db: visit(*folded(db, part, db.execute)))

    def take(self, entities: Sequence[Foretold], vector: Mapping[int, int], note: bytes) -> Future[Changes]:
        """Take in entities of which nothing is here, with every op up to `vector` in their states, as ops of peers are.

        Done when all are on disk, and `note`, how far this has come. `result()` raises ValueError where the vector has
        ops of this record's own that it does not have itself.
        """
        arrival = Arrival(entities, Future(), told=Told(dict(vector), note))
        self._writer.submit(arrival)
        return arrival.future

    def prove(self, most: int = PROVEN_AT_ONCE) -> int:
        """Fold told entities from their ops, to be called when these are here; 0 = none is left. Waits for the disk."""
        looked = self._reader.ask(lambda db: _look(db, most))
        if not looked:
            return 0
        right = [uid for uid, (same, _) in looked.items() if same]
        wrong = {uid: erased for uid, (same, erased) in looked.items() if not same}
        if surprises := len(wrong) - sum(wrong.values()):
            log.error("of a snapshot's states %d are not what their ops say: the ops count", surprises)
        self._writer.beside(lambda tx: tx.proven(right, wrong)).result()
        return len(looked)


def _look(db: Connection, most: int) -> dict[Uid, tuple[bool, bool]]:
    """Told entities, each with whether it is what the ops here say, and whether its bodies were taken away."""
    sql = "select uid, id, state, erased from entity where told <> 0 limit ?"
    found = {}
    for uid, entity, kept, erased in db.execute(sql, [most]).fetchall():
        state = State()
        for raw, flags in db.execute("select raw, flags from op where entity = ? order by n", [entity]).fetchall():
            op = parse(raw).op
            if flags & VOID:
                state.keep_salt(op)
            else:
                state.apply(op)
        found[uid] = (pack_state(state) == kept, bool(erased))
    return found
