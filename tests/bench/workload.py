"""The workload W: incidents as an operator writes them, seeded, so that every run and every peer gets the same.

10,000 incidents of 12 fields and about 1.6 kB, each with 4 edits and notes, are 80,000 ops.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workstation.domain.hlc import stamp
from workstation.domain.ids import SeededIds, Uid
from workstation.domain.ops import Dot, Op

START_MS = 1_767_225_600_000
_SYLLABLES = [consonant + vowel for consonant in "bdghjklmnprstwy" for vowel in "aeiou"]
_SYLLABLES += ["ang", "eng", "ing", "ar", "un"]
_TYPES = ("medis.trauma", "bencana.landslide", "bencana.flood", "keamanan.brawl", "lain.tree", "bencana.fire")
_EDITED = ("landmark", "street", "priority", "caller_name", "injured", "families", "callback", "place")


@dataclass
class Workload:
    """Writes ops of one replica in time order; `seed` decides everything."""

    seed: int = 112
    replica: int = 7
    ids: SeededIds = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.ids = SeededIds(self.seed)
        self.seq = 0
        self.now_ms = START_MS
        self.live: dict[tuple[Uid, str], Dot] = {}

    def sentence(self, words: int) -> str:
        """Text with the entropy of real notes: made of syllables, none of it repeated in blocks."""
        return " ".join("".join(self.random.choices(_SYLLABLES, k=self.random.randint(1, 4))) for _ in range(words))

    def value(self, name: str) -> Any:
        """A value of the right shape for a register."""
        if name in ("priority", "injured", "families"):
            return self.random.randint(1, 4)
        if name in ("lat", "lon"):
            return round(self.random.uniform(-4, 129), 6)
        if name == "type":
            return self.random.choice(_TYPES)
        if name == "callback":
            return f"+62811{self.random.randrange(10**7):07d}"
        return self.sentence({"place": 6, "landmark": 10, "street": 6}.get(name, 2))

    def op(self, entity: Uid, kind: str, body: dict[str, Any]) -> Op:
        """The next op of the replica."""
        self.seq += 1
        self.now_ms += self.random.randint(5, 400)
        return Op(self.replica, self.seq, stamp(self.now_ms), entity, kind, 1, b"", "AMB", self.now_ms, body)

    def edit(self, entity: Uid, names: tuple[str, ...]) -> Op:
        """Write registers, naming the writes this replica saw."""
        seen = {name: self.live.get((entity, name)) for name in names}
        body = {"set": {name: [self.value(name), [dot] if (dot := seen[name]) else []] for name in names}}
        op = self.op(entity, "incident.edited", body)
        for name in names:
            self.live[(entity, name)] = op.dot
        return op

    def incident(self) -> Iterator[Op]:
        """One incident: opened, its fields at once, 4 edits, 3 notes but one with the opening = 8 ops."""
        entity = self.ids.uid()
        number = f"AMB-{self.replica}-{self.seq:06d}"
        yield self.op(entity, "incident.opened", {"number": number, "call": b"", "desk": "Meja 1", "at": self.now_ms})
        yield self.edit(entity, ("village", "place", "landmark", "street", "lat", "lon", "type", "priority",
                                 "callback", "caller_name", "injured", "families"))  # fmt: skip
        for name in self.random.sample(_EDITED, 4):
            yield self.edit(entity, (name,))
        for _ in range(2):
            yield self.op(entity, "incident.noted", {"text": self.sentence(14), "at": self.now_ms})

    def ops(self, incidents: int) -> Iterator[Op]:
        """That many incidents, one after another."""
        for _ in range(incidents):
            yield from self.incident()
