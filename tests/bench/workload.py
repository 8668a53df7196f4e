"""The workload W: incidents as an operator writes them, seeded, so that every run and every peer gets the same.

10,000 incidents of 12 fields and about 1.6 kB, each written in 4 edits and with 3 notes, are 80,000 ops.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from sync.frame import sealing
from sync.opwire import GENESIS, SALT_BYTES, next_head, pack, parse
from sync.protocol import FRAME_OPS, Stored
from workstation.domain.hlc import stamp
from workstation.domain.ids import SeededIds, Uid
from workstation.domain.ops import Dot, Op
from workstation.signing import Key

START_MS = 1_767_225_600_000
_SYLLABLES = [consonant + vowel for consonant in "bdghjklmnprstwy" for vowel in "aeiou"]
_SYLLABLES += ["ang", "eng", "ing", "ar", "un"]


def _words(count: int) -> tuple[list[str], list[float]]:
    """Made-up words and how often they come (Zipf's law): what gzip leaves of W is a quarter."""
    chance = random.Random(3)
    made = ("".join(chance.choices(_SYLLABLES, k=chance.choice((2, 2, 3, 3, 4)))) for _ in range(2 * count))
    return list(dict.fromkeys(made))[:count], list(accumulate(1 / (rank + 2) for rank in range(count)))


WORDS, _WEIGHTS = _words(1000)
"""The words of all texts, the most frequent first."""
_TYPES = ("medis.trauma", "bencana.landslide", "bencana.flood", "keamanan.brawl", "lain.tree", "bencana.fire")
_LONG = {"place": 60, "landmark": 100, "street": 40}
_SHORT = {"place": 6, "landmark": 10, "street": 6}
_EDITED = ("landmark", "street", "priority", "caller_name", "injured", "families", "callback", "place")


@dataclass
class Workload:
    """Writes ops of one replica in time order; `seed` decides everything."""

    seed: int = 112
    replica: int = 7
    ids: SeededIds = field(init=False)

    def monotonic_s(self) -> float:
        """Seconds of the clock by which its ops are written; with `now_ms` what names are ordered by."""
        return self.at_ms / 1000

    def now_ms(self) -> int:
        return self.at_ms

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.ids = SeededIds(self.seed, self)  # in order of time, as those of a real desk are
        self.seq = 0
        self.at_ms = START_MS
        self.live: dict[tuple[Uid, str], Dot] = {}

    def sentence(self, words: int) -> str:
        """Text with the entropy of real notes: words of a control room, the frequent ones as frequent as in speech."""
        return " ".join(self.random.choices(WORDS, cum_weights=_WEIGHTS, k=words))

    def value(self, name: str, words: dict[str, int]) -> Any:
        """A value of the right shape for a register."""
        if name in ("priority", "injured", "families"):
            return self.random.randint(1, 4)
        if name in ("lat", "lon"):
            return round(self.random.uniform(-4, 129), 6)
        if name == "type":
            return self.random.choice(_TYPES)
        if name == "callback":
            return f"+62811{self.random.randrange(10**7):07d}"
        return self.sentence(words.get(name, 2))

    def op(self, entity: Uid, kind: str, body: dict[str, Any]) -> Op:
        """The next op of the replica; its first on an entity brings the salt."""
        self.seq += 1
        self.at_ms += self.random.randint(5, 400)
        salt = self.ids.secret(SALT_BYTES) if kind == "incident.opened" else b""
        return Op(self.replica, self.seq, stamp(self.at_ms), entity, kind, 1, b"", "AMB", self.at_ms, body, salt)

    def edit(self, entity: Uid, names: tuple[str, ...], words: dict[str, int] = _SHORT) -> Op:
        """Write registers, naming the writes this replica saw."""
        seen = {name: self.live.get((entity, name)) for name in names}
        body = {"set": {name: [self.value(name, words), [dot] if (dot := seen[name]) else []] for name in names}}
        op = self.op(entity, "incident.edited", body)
        for name in names:
            self.live[(entity, name)] = op.dot
        return op

    def incident(self) -> Iterator[Op]:
        """One incident: opened, its 12 fields at once, 3 edits of one field, 3 notes = 8 ops."""
        entity = self.ids.uid()
        number = f"AMB-{self.replica}-{self.seq:06d}"
        yield self.op(entity, "incident.opened", {"number": number, "call": b"", "desk": "Meja 1", "at": self.at_ms})
        yield self.edit(entity, ("village", "place", "landmark", "street", "lat", "lon", "type", "priority",
                                 "callback", "caller_name", "injured", "families"), _LONG)  # fmt: skip
        for name in self.random.sample(_EDITED, 3):
            yield self.edit(entity, (name,))
        for _ in range(3):
            yield self.op(entity, "incident.noted", {"text": self.sentence(14), "at": self.at_ms})

    def stored(self, incidents: int, device: Key) -> Iterator[Stored]:
        """Those ops as they lie in their author's log, sealed by its device where a frame ends."""
        head = GENESIS
        salt = b""
        for n, op in enumerate(self.ops(incidents), 1):
            raw = pack(op)
            salt = op.salt or salt  # an incident's ops come together
            head = next_head(head, parse(raw), salt)
            seal = device.sign(sealing(op.replica, op.seq, head)) if n % FRAME_OPS == 0 or n == incidents * 8 else b""
            yield Stored(op.replica, op.seq, raw, seal)

    def ops(self, incidents: int) -> Iterator[Op]:
        """That many incidents, one after another."""
        for _ in range(incidents):
            yield from self.incident()
