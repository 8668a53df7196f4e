"""What the writer remembers between transactions: how far each chain reaches, and the next numbers."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from sync.opwire import GENESIS
from workstation.store.cipher import Connection

REACHED: Final = """select replica, seq, head from (select replica.replica as replica,
    (select max(seq) from op where op.replica = replica.replica) as seq,
    (select head from op where op.replica = replica.replica order by seq desc limit 1) as head
    from replica) as reached where seq is not null"""
"""(replica, newest seq, head there) of each replica; a few look-ups a replica. Not a join: left to choose, SQLite and
PostgreSQL go through all ops instead."""


SEALED: Final = "select (select seq from op where replica = ? and seal is not null order by seq desc limit 1)"
"""The newest op of a replica that ends a run."""


FORETOLD: Final = "foretold"
"""Under this name `meta` keeps the vectors of the snapshots taken in, by number (`workstation.store.foretold`)."""


class Ledger(Struct):
    """Vector, chain heads and desk names, the newest arrival and entity numbers; put back after a failure.

    `sealed` is how far each replica's ops end in a seal: what can be passed on; of our own that is all of them.

    `indexed` is the newest arrival whose words are in the search index. `foretold` is up to where each snapshot's
    states have their ops folded in; never changed, only replaced.
    """

    vector: dict[int, int] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    sealed: dict[int, int] = field(default_factory=dict)
    desks: dict[int, str] = field(default_factory=dict)
    arrival: int = 0
    entity: int = 0
    indexed: int = 0
    foretold: dict[int, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def load(cls, connection: Connection, own: int) -> Ledger:
        """What the file says; `own` is the replica that is written here."""
        ledger = cls()
        for replica, seq, head in connection.execute(REACHED):
            ledger.vector[replica] = seq
            ledger.heads[replica] = head
            ledger.sealed[replica] = connection.execute(SEALED, [replica]).fetchone()[0] or 0
        if own in ledger.vector:
            ledger.sealed[own] = ledger.vector[own]
        ledger.desks = dict(connection.execute("select replica, desk from replica").fetchall())
        ledger.arrival = connection.execute("select coalesce(max(n), 0) from op").fetchone()[0]
        ledger.entity = connection.execute("select coalesce(max(id), 0) from entity").fetchone()[0]
        row = connection.execute("select v from meta where k = 'searched'").fetchone()
        ledger.indexed = row[0] if row else 0
        row = connection.execute("select v from meta where k = ?", [FORETOLD]).fetchone()
        ledger.foretold = msgspec.msgpack.decode(row[0], type=dict[int, dict[int, int]]) if row else {}
        return ledger

    def copy(self) -> Ledger:
        """As it stands now."""
        vector, heads, sealed, desks = dict(self.vector), dict(self.heads), dict(self.sealed), dict(self.desks)
        return replace(self, vector=vector, heads=heads, sealed=sealed, desks=desks)

    def put_back(self, mark: Ledger) -> None:
        """As it stood then."""
        self.vector, self.heads = dict(mark.vector), dict(mark.heads)
        self.sealed, self.desks = dict(mark.sealed), dict(mark.desks)
        self.arrival, self.entity, self.indexed = mark.arrival, mark.entity, mark.indexed
        self.foretold = mark.foretold

    def seq(self, replica: int) -> int:
        """The newest op had of a replica, 0 = none."""
        return self.vector.get(replica, 0)

    def head(self, replica: int) -> bytes:
        """The chain's hash there."""
        return self.heads.get(replica, GENESIS)
