"""The targets as reads need them: kept beside the record, so that a read needs nothing but the record."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct

from workstation.service.catalogue import Catalogue
from workstation.store import Connection

KEPT_AS = "clocks"


class Clocks(Struct, frozen=True):
    """Targets in seconds (`arrive.<type>`: a type's own), call types that are noise, agencies not awaited on scene."""

    seconds: Mapping[str, int]
    noise: frozenset[str]
    stays: frozenset[str]

    def target_ms(self, target: str, type: str = "") -> int:
        """Give a clock's length, the type's own where it has one."""
        own = self.seconds.get(f"{target}.{type}")
        return 1000 * (self.seconds[target] if own is None else own)

    def packed(self) -> str:
        """Give the text that is kept beside the record."""
        parts = {"seconds": dict(self.seconds), "noise": sorted(self.noise), "stays": sorted(self.stays)}
        return json.dumps(parts, sort_keys=True)


def of(catalogue: Catalogue) -> Clocks:
    """Give the clocks a catalogue sets."""
    seconds = {target.id: target.s for target in catalogue.targets.values()}
    seconds |= {f"arrive.{t.id}": t.arrive_s for t in catalogue.types.values() if t.arrive_s is not None}
    stays = frozenset(agency.id for agency in catalogue.agencies.values() if not agency.travels)
    return Clocks(seconds, catalogue.noise, stays)


def kept(db: Connection) -> Clocks:
    """Give the clocks the desk of this record last started with; raises LookupError where none ever did."""
    row = db.execute("select v from meta where k = ?", [KEPT_AS]).fetchone()
    if row is None:
        raise LookupError("no desk has started on this record yet: its clocks are not known")
    parts = json.loads(row[0])
    return Clocks(parts["seconds"], frozenset(parts["noise"]), frozenset(parts["stays"]))
