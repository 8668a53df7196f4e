"""What the writer remembers between transactions: how far each chain reaches, and the next numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sync.protocol import GENESIS
from workstation.store.cipher import Connection


@dataclass(slots=True)
class Ledger:
    """Vector and chain heads, the newest arrival number and entity number; put back after a failure."""

    vector: dict[int, int] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    arrival: int = 0
    entity: int = 0

    @classmethod
    def load(cls, connection: Connection) -> Ledger:
        """What the file says."""
        ledger = cls()
        for replica, seq, head in connection.execute("select replica, seq, head from replica"):
            ledger.vector[replica] = seq
            ledger.heads[replica] = head
        ledger.arrival = connection.execute("select coalesce(max(n), 0) from op").fetchone()[0]
        ledger.entity = connection.execute("select coalesce(max(id), 0) from entity").fetchone()[0]
        return ledger

    def copy(self) -> Ledger:
        """As it stands now."""
        return replace(self, vector=dict(self.vector), heads=dict(self.heads))

    def put_back(self, mark: Ledger) -> None:
        """As it stood then."""
        self.vector, self.heads = dict(mark.vector), dict(mark.heads)
        self.arrival, self.entity = mark.arrival, mark.entity

    def seq(self, replica: int) -> int:
        """The newest op had of a replica, 0 = none."""
        return self.vector.get(replica, 0)

    def head(self, replica: int) -> bytes:
        """The chain's hash there."""
        return self.heads.get(replica, GENESIS)
