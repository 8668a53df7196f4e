"""Ops of peers on their way into a record: what is missing before them, and what of them is new."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from sync.opwire import GENESIS
from sync.protocol import Admitted, ChainBroken, Gap
from sync.snapshot.form import KEPT_AS, Foretold
from workstation.domain.hlc import skewed
from workstation.domain.merge import State
from workstation.store.batch import Batch
from workstation.store.ledger import Ledger
from workstation.store.tx import Author


def gap_in(ops: Sequence[Admitted], ledger: Ledger) -> Gap | None:
    """What is missing in between, looked for before anything is taken in, so that nothing of such ops is applied."""
    reached: dict[int, int] = {}
    for admitted in ops:
        replica, seq = admitted.op[:2]
        have = reached[replica] if replica in reached else ledger.seq(replica)
        if seq > have:
            if seq != have + 1:
                return Gap(replica, have + 1, seq, ledger.vector)
            reached[replica] = seq
    return None


def take_in(batch: Batch, ledger: Ledger, author: Author, ops: Sequence[Admitted]) -> None:
    """Apply what is new. Raises ChainBroken where it follows another history than this one (promise S5).

    Both may be signed by the device: a cloned disk has its key. Another peer may have brought the other one since these
    were admitted.
    """
    vector, heads = ledger.vector, ledger.heads
    fresh, entities, newest = [], set(), 0
    for admitted in ops:
        replica, seq, hlc, entity = admitted.op[:4]
        if seq > vector.get(replica, 0):
            fresh.append(admitted)
            entities.add(entity)
            if hlc > newest:
                newest = hlc
    if not fresh:
        return
    batch.load(entities)
    now_ms = author.clock.now_ms()
    some_skewed = skewed(newest, now_ms)
    for admitted in fresh:
        replica, seq, hlc = admitted.op[:3]
        if seq <= vector.get(replica, 0):
            continue  # twice in one arrival
        if admitted.before != heads.get(replica, GENESIS):
            raise ChainBroken(replica, seq)
        batch.add(admitted, skewed=some_skewed and skewed(hlc, now_ms))
    author.hlc.merge(newest)


class Told(Struct, frozen=True):
    """What goes with entities that come before their ops: up to where these are in the states, and a note to keep."""

    vector: dict[int, int]
    note: bytes


def take_told(batch: Batch, author: Author, entities: Sequence[Foretold], told: Told, *, last: bool) -> None:
    """Write entities as a snapshot has them; one of which something is here already stays as it is.

    With the last the note is kept. Raises ValueError where the snapshot knows more of our own ops than we do.
    """
    number = batch.foretold(told.vector)
    known = batch.load(entity.uid for entity in entities)
    fresh = {entity.uid: entity for entity in entities if entity.uid not in known}
    written = [batch.tell(entity, number) for entity in fresh.values()]
    batch.write(written)
    if last:
        batch.keep_meta(KEPT_AS, told.note)
    author.hlc.merge(max((_newest(held.state) for held in written), default=0))


def _newest(state: State) -> int:
    """The newest stamp in a state: what is written here next comes after what it answers."""
    stamps = [entry.hlc for entry in state.entries]
    stamps += [write.hlc for live in state.registers.values() for write in live]
    return max(stamps, default=0)
