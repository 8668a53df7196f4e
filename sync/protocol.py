"""What two logs say to each other: the messages around frames of ops, their limits, and the versions understood.

One op's bytes are `sync.opwire`, a frame of them `sync.frame`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

from sync.opwire import GENESIS, OP_LIMIT, ProtocolError
from workstation.domain.ops import Op

__all__ = ["GENESIS", "OP_LIMIT", "ProtocolError"]

PROTOCOL: Final = 2
"""Version of the exchange this program speaks."""
OLDEST: Final = 1
"""The oldest version it still speaks: one back, so that a fleet can be updated desk by desk."""
FRAME_OPS: Final = 1_000
FRAME_BYTES: Final = 1024 * 1024
"""Most ops and most bytes of ops in a frame, before compression (promise S3)."""
FRAME_OVERHEAD: Final = 256 * 1024
"""What seals and lengths may add to `FRAME_BYTES`."""

Vector = Mapping[int, int]
"""replica to the greatest seq had of it."""
Heads = Mapping[int, bytes]
"""replica to the hash of its chain at that seq."""


PARTED_AS: Final = "parted"
"""Under which name a desk keeps of which replicas its hub has another history: JSON, replica to how far both share it;
`recover` then leaves out what lies beyond, for the hub to bring its own."""


class ChainBroken(ProtocolError):
    """The ops of a replica do not lead to what its device signed: altered, left out, or two histories (S5, S11)."""

    def __init__(self, replica: int, seq: int) -> None:
        super().__init__(f"replica {replica}: the ops up to {seq} do not match what its device signed")
        self.replica, self.seq = replica, seq


class Gap(ProtocolError):
    """Ops of a replica are missing in between; `vector` says what the receiver has (promise S3)."""

    def __init__(self, replica: int, expected: int, got: int, vector: Vector) -> None:
        super().__init__(f"replica {replica}: op {expected} is missing, {got} came")
        self.replica, self.expected, self.got = replica, expected, got
        self.vector = dict(vector)


class Stranger(ProtocolError):
    """Ops of a replica that no device of the site was enrolled for, or past its retirement (S9, S11)."""

    def __init__(self, replica: int, why: str) -> None:
        super().__init__(f"replica {replica}: {why}")
        self.replica = replica


class SaltMissing(ProtocolError):
    """An op's salt came with an op whose body is erased here: the sender is to bring it along (promise M2)."""

    def __init__(self, replica: int, entity: bytes) -> None:
        super().__init__(f"replica {replica}: its salt for the entity {entity.hex()} is not known here")
        self.replica, self.entity = replica, entity


class Stored(NamedTuple):
    """One op as it lies in a log: its dot, the author's exact bytes, and its device's signature of the chain there.

    `seal` is b"" within a run of ops that were signed together.
    """

    replica: int
    seq: int
    raw: bytes
    seal: bytes = b""


class Admitted(NamedTuple):
    """An op on its way into a log, checked: read out of its bytes, and the chain's hash before and after it.

    `salt` is its replica's on its entity, b"" where the body is erased.
    """

    op: Op
    raw: bytes
    before: bytes
    head: bytes
    seal: bytes = b""
    salt: bytes = b""


class Hello(msgspec.Struct, frozen=True):
    """Who asks, and what they have.

    `epoch` is the hub's last known life (b"" = none), `now_ms` the asker's wall clock.
    """

    protocol: int
    site: str
    desk: str
    replica: int
    vector: dict[int, int]
    digest: bytes = b""
    epoch: bytes = b""
    now_ms: int = 0
    head: bytes = b""
    """The hash of the asker's own chain at its newest op: two PCs may write one replica equally far (promise S5)."""


class Welcome(msgspec.Struct, frozen=True):
    """The hub's answer to a hello: what it has, which life it is in, and its wall clock."""

    protocol: int
    epoch: bytes
    vector: dict[int, int]
    digest: bytes = b""
    now_ms: int = 0
    heartbeat_s: float = 5.0
    """How often its stream of events gives a sign of life."""
    chains: bytes = b""
    """`chains_of` all it holds, where it may show all that: equal vectors may stand for other ops (promise S5)."""


class Ack(msgspec.Struct, frozen=True):
    """What the hub has on disk after the commit, never before (promise S2)."""

    epoch: bytes
    vector: dict[int, int]


class Pull(msgspec.Struct, frozen=True):
    """What the asker has, how many ops it takes at once, and of what (`scope`: a site, "" = all the asker may see)."""

    vector: dict[int, int]
    limit: Annotated[int, msgspec.Meta(ge=1, le=FRAME_OPS)] = FRAME_OPS
    scope: str = ""
    salts: bool = False
    """Whether the salts of ops whose first is not in the frame are to come along."""
    without: list[int] = []
    """Replicas of which nothing is wanted: the two have other histories of them (promise S5)."""


class Page(msgspec.Struct, frozen=True):
    """The answer to a pull: a frame of the next ops the asker lacks (b"" = none), and what the hub has."""

    epoch: bytes
    vector: dict[int, int]
    frame: bytes = b""


class Refusal(msgspec.Struct, frozen=True):
    """Why something was not taken: a sentence for IT, a word for the program, and the vector to go on from."""

    sentence: str
    vector: dict[int, int] = {}
    error: str = ""
    replica: int = 0
    """Whose ops it is about, where a push met another history or a stranger; 0 = of nobody in particular."""


class Compare(msgspec.Struct, frozen=True):
    """How the asker's chains stand: replica to seq to the chain's hash there."""

    heads: dict[int, dict[int, bytes]]


class Compared(msgspec.Struct, frozen=True):
    """Of the seqs asked about, by replica: the last at which both chains are the same, the first where they are not.

    Left out where there is none; what the one who answers does not hold, or may not show, says nothing.
    """

    same: dict[int, int] = {}
    other: dict[int, int] = {}


GAP: Final = "gap"
CHAIN: Final = "chain"
SALT: Final = "salt"
RETIRED: Final = "retired"
STRANGER: Final = "stranger"
"""`Refusal.error` of the conflicts a push can meet: ops missing in between, two histories of one replica, and salts
that are to come along."""


def compared(asked: Compare, held: Mapping[int, Mapping[int, bytes]]) -> Compared:
    """The answer to who asked, by what is held of the places it names."""
    same: dict[int, int] = {}
    other: dict[int, int] = {}
    for replica, heads in held.items():
        for seq, head in sorted(heads.items()):
            if asked.heads[replica][seq] == head:
                same[replica] = seq
            else:
                other.setdefault(replica, seq)
    return Compared(same, other)


def chains_of(vector: Vector, heads: Heads) -> bytes:
    """One hash over all chains: which ops these are, not only how many."""
    whole = hashlib.sha256()
    for replica, seq in sorted(vector.items()):
        whole.update(b"%d %d " % (replica, seq) + heads[replica])
    return whole.digest()


def event_id(epoch: bytes, vector: Vector) -> str:
    """Names a moment of a log: its life and the number of ops had, which only grows while seqs have no gaps."""
    return f"{epoch.hex()}-{sum(vector.values())}"


def read_event_id(text: str) -> tuple[bytes, int]:
    """The life and count in an event's id; (b"", 0) for a stranger's: then everything is new."""
    epoch, _, count = text.partition("-")
    try:
        return bytes.fromhex(epoch), int(count) if len(count) < 20 else 0
    except ValueError:
        return b"", 0
