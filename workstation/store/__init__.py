"""The record on disk: one encrypted SQLite file of ops and the rows made from them; writer thread, readers, digest."""

from workstation.domain.changes import Changes
from workstation.domain.kinds import OpInvalid
from workstation.domain.merge import Entry, State, Write
from workstation.domain.ops import Dot
from workstation.store import reads
from workstation.store.cipher import Connection
from workstation.store.errors import StoreClosed, StoreFailed, StoreRefused
from workstation.store.reads import read_digest, read_vector
from workstation.store.store import Store
from workstation.store.tx import Tx
from workstation.store.writer import Written

__all__ = [
    "Changes", "Connection", "Dot", "Entry", "OpInvalid", "State", "Store", "StoreClosed", "StoreFailed",
    "StoreRefused", "Tx", "Write", "Written", "read_digest", "read_vector", "reads",
]  # fmt: skip
