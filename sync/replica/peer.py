"""What the desk knows of the peer it exchanges with; the durable part of it lies in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from sync import protocol

BATCH: Final = protocol.FRAME_OPS
PIECE: Final = 64 * 1024
_GROW_AFTER: Final = 4


class Peer(Struct):
    """The other side, as last heard. `vector` is only ever what the peer itself said."""

    epoch: bytes = b""
    vector: dict[int, int] = field(default_factory=dict)
    authored: list[int] = field(default_factory=list)  # the replicas whose ops are this desk's
    noted: int = 0  # how many of this desk's ops the store was told the peer holds
    heartbeat_s: float = 5.0
    event_id: str = ""
    told: int = 0  # how many ops its newest event counted
    stale: bool = True  # it may hold more than `vector` says, and did not say how many
    settled: bool = False  # this session came into step with it
    batch: int = BATCH  # ops a frame has at most, either way
    piece: int = PIECE  # bytes of an attachment at once, as the wire carries in about a second
    last_contact_at: int | None = None
    offset_ms: int | None = None
    verified: dict[int, int] | None = None  # the vector at which both digests were last found equal
    suspect: tuple[dict[int, int], bytes, bytes] | None = None  # vector and both digests, when they were unequal
    arrived: float | None = None  # how much of its snapshot is here, of 1; None = none is taken
    parted: dict[int, int] = field(default_factory=dict)
    """Replicas of which it has another history than we: how far both have the same one (promise S5)."""
    strange: set[int] = field(default_factory=set)
    """Replicas one of us does not know, for what says who they are stands in a parted history; until the next hello."""
    _good: int = 0

    @property
    def left_out(self) -> set[int]:
        """Replicas whose ops neither go there nor come from there."""
        return self.strange | self.parted.keys()

    def of_ours(self, vector: Mapping[int, int]) -> dict[int, int]:
        """What a vector of the peer's tells of our histories: where two have parted, only what both share."""
        return {replica: min(seq, self.parted.get(replica, seq)) for replica, seq in vector.items()}

    def told_of(self, vector: Mapping[int, int]) -> int:
        """How many of this desk's ops a vector tells of."""
        ours = self.of_ours(vector)
        return sum(ours.get(replica, 0) for replica in self.authored)

    def learn(self, vector: dict[int, int]) -> None:
        """Take its word of what it holds; where it went back to what both share, nothing is parted any more."""
        self.vector = vector
        self.parted = {replica: seq for replica, seq in self.parted.items() if vector.get(replica, 0) > seq}

    def holds(self, vector: Mapping[int, int]) -> bool:
        """Whether the peer said it holds everything up to `vector`."""
        return all(self.vector.get(replica, 0) >= seq for replica, seq in vector.items())

    def lacks(self, vector: Mapping[int, int]) -> int:
        """How many ops up to `vector` the peer has not said it holds."""
        out = self.left_out
        return sum(max(0, seq - self.vector.get(replica, 0)) for replica, seq in vector.items() if replica not in out)

    def ahead(self, vector: Mapping[int, int]) -> bool:
        """Whether the peer said it holds ops that `vector` does not."""
        out = self.left_out
        return any(seq > vector.get(replica, 0) for replica, seq in self.vector.items() if replica not in out)

    @property
    def grown(self) -> bool:
        """Whether the peer may hold more than `vector` says; asked late, since an event overtakes our push's answer."""
        return self.stale or self.told > sum(self.vector.values())

    def hear(self, event_id: str, new: bool) -> None:
        """Take an event in."""
        if event_id:
            self.event_id = event_id
        if new:
            epoch, self.told = protocol.read_event_id(event_id)
            self.stale = self.stale or epoch != self.epoch

    def asked(self) -> None:
        """A pull is on its way; what it brings answers all that was heard before."""
        self.stale, self.told = False, 0

    def shrink(self) -> bool:
        """Halve the batch after one that was too large, or too slow; false when it can't get smaller."""
        self._good = 0
        if self.batch <= 1:
            return False
        self.batch //= 2
        return True

    def grow(self) -> None:
        """Let the batch come back slowly after frames that went through."""
        self._good += 1
        if self._good >= _GROW_AFTER and self.batch < BATCH:
            self.batch, self._good = min(BATCH, self.batch * 2), 0
