"""Ops of peers on their way into a record: what is missing before them, and what of them is new."""

from __future__ import annotations

from collections.abc import Sequence

from sync.protocol import Admitted, ChainBroken, Gap
from workstation.domain.hlc import skewed
from workstation.store.batch import Batch
from workstation.store.ledger import Ledger
from workstation.store.tx import Author


def gap_in(ops: Sequence[Admitted], ledger: Ledger) -> Gap | None:
    """What is missing in between, looked for before anything is taken in, so that nothing of such ops is applied."""
    reached: dict[int, int] = {}
    for admitted in ops:
        op = admitted.op
        replica, seq = op.replica, op.seq
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
    vector = ledger.vector
    fresh = [admitted for admitted in ops if admitted.op.seq > vector.get(admitted.op.replica, 0)]
    if not fresh:
        return
    batch.load({admitted.op.entity for admitted in fresh})
    newest, now_ms = max(admitted.op.hlc for admitted in fresh), author.clock.now_ms()
    some_skewed = skewed(newest, now_ms)
    for admitted in fresh:
        op = admitted.op
        if op.seq <= vector.get(op.replica, 0):
            continue  # twice in one arrival
        if admitted.before != ledger.head(op.replica):
            raise ChainBroken(op.replica, op.seq)
        batch.add(admitted, skewed=some_skewed and skewed(op.hlc, now_ms))
    author.hlc.merge(newest)
