"""Two histories of one replica: whether the peer has another one than we, and how far both have the same (promise S5).

A disk that was copied into a second PC writes one replica twice, and its key signs both. Ops that do not follow ours
may also have been altered on the way; so nobody is believed to have another history before both chains were compared.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sync import protocol
from sync.log import Log
from sync.replica.faults import Refused

if TYPE_CHECKING:
    from sync.replica.link import Link

_NO_SUCH_ROUTE: Final = 404
_POINTS: Final = 32
"""Places of a chain compared at once: four requests find one op among a million."""
_REPLICAS: Final = 500
"""Replicas compared at once: what a server takes of one who asks."""


async def shared(source: Log, link: Link, replica: int, theirs: int) -> int | None:
    """How far both have the same history of a replica of which the peer has `theirs` ops; None = it is the same one.

    A peer of a version that does not compare proves nothing. Raises LinkFault.
    """
    low, high = 0, min(source.vector().get(replica, 0), theirs)
    found = False
    while high > low:
        step = max(1, (high - low) // _POINTS)
        compared = await _compared(source, link, {replica: [*range(high, low, -step)]})
        before, low = low, max(low, compared.same.get(replica, 0))
        if (other := compared.other.get(replica)) is not None:
            found, high = True, other - 1
        elif not found or low == before:
            return None
    return low if found else None


async def elsewhere(source: Log, link: Link, vector: dict[int, int]) -> list[int]:
    """Replicas of which the peer has as many ops as we, `vector`, and others."""
    replicas, apart = sorted(vector), set[int]()
    for start in range(0, len(replicas), _REPLICAS):
        some = {replica: [vector[replica]] for replica in replicas[start : start + _REPLICAS]}
        apart |= (await _compared(source, link, some)).other.keys()
    return sorted(apart)


async def _compared(source: Log, link: Link, seqs: dict[int, list[int]]) -> protocol.Compared:
    heads = await asyncio.to_thread(source.heads_at, seqs)
    try:
        return await link.compare(protocol.Compare(heads))
    except Refused as refusal:
        if refusal.status != _NO_SUCH_ROUTE:
            raise
        return protocol.Compared()
