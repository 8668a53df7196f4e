"""Ops brought back whose forerunners are not here yet: they join their chain as soon as those arrive (promise D5)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from sync.opwire import next_head, parse
from sync.protocol import Admitted
from workstation.domain.ids import Uid
from workstation.store.cipher import Connection
from workstation.store.ledger import Ledger

log = logging.getLogger("store")
_TOGETHER: Final = 200


class Waiting:
    """The replicas of which something waits; nearly always none."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._replicas = {replica for (replica,) in db.execute("select distinct replica from waiting")}

    def __bool__(self) -> bool:
        return bool(self._replicas)

    def next(self, ledger: Ledger, salt_of: Callable[[int, Uid], bytes]) -> list[Admitted]:
        """Ops that fit the chains as they are now, at most 200 of one replica."""
        for replica in sorted(self._replicas):
            if found := self._of(replica, ledger, salt_of):
                return found
        return []

    def _of(self, replica: int, ledger: Ledger, salt_of: Callable[[int, Uid], bytes]) -> list[Admitted]:
        seq, head = ledger.seq(replica), ledger.head(replica)
        sql = "select seq, raw, head, salt, seal from waiting where replica = ? and seq > ? order by seq limit ?"
        salts: dict[Uid, bytes] = {}
        found = []
        for at, raw, kept, salt, seal in self._db.execute(sql, [replica, seq, _TOGETHER]).fetchall():
            if at != seq + 1:
                break
            parsed = parse(raw)
            entity = parsed.op.entity
            salts.setdefault(entity, parsed.op.salt or salt or salt_of(replica, entity))
            before, head = head, next_head(head, parsed, salts[entity])
            if head != kept:
                log.error("replica %d: from op %d on what was brought back follows another history", replica, at)
                self._replicas.discard(replica)
                break
            found.append(Admitted(parsed.op, raw, before, head, seal, salts[entity]))
            seq = at
        return found

    def drop(self, ledger: Ledger) -> None:
        """Forget those that are in the record by now, in a transaction of their own."""
        for replica in list(self._replicas):
            self._db.execute("delete from waiting where replica = ? and seq <= ?", [replica, ledger.seq(replica)])
            if self._db.execute("select 1 from waiting where replica = ? limit 1", [replica]).fetchone() is None:
                self._replicas.discard(replica)
