"""Who the hub of a database is, and when it must become another: after every restore, and on every copy (promise S5).

The database says where it lies: which server, which database, which table. A dump that was read in again and a copy
beside the original lie elsewhere than they say. A server whose files were put back says nothing of the kind; so each
process keeps, beside its key file, how many ops of its own the hub had written, and a database with fewer went back.
A number that two lives of a log shared would stand for two histories.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct

from sync.frame import sealing
from sync.hub.log import LogRefused
from sync.hub.log.pg.connection import Database
from workstation.domain.ids import Ids
from workstation.signing import Key

log = logging.getLogger("sync")
_LABEL: Final = b"tahuri hub device 1\0"
_SALT_BYTES: Final = 32
_EPOCH_BYTES: Final = 16
_RUN: Final = 100
"""Ops between two seals of what an earlier number wrote: a run fits a frame whatever is in it."""
_PLACE: Final = """select concat_ws(' ', (select system_identifier from pg_control_system()),
    (select oid from pg_database where datname = current_database()), 'arrival'::regclass::oid)"""


class Identity(Struct, frozen=True):
    """Who the hub of this database is: the same for every process that serves it."""

    replica: int
    device: Key
    epoch: bytes


class Wrote:
    """How many ops of its own the hub had written when this process last knew, in a file beside its key.

    `path` None = nothing is kept, and a server whose files were put back is not noticed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = self._read()

    def _read(self) -> tuple[int, int]:
        """(replica, seq); (0, 0) where nothing is kept, or nothing that can be read."""
        if self._path is None:
            return (0, 0)
        with contextlib.suppress(OSError, ValueError):
            replica, seq = self._path.read_text("ascii").split()
            return (int(replica), int(seq))
        return (0, 0)

    def less(self, replica: int, seq: int) -> bool:
        """Whether this hub had written more under this number than `seq` ops."""
        return self._known[0] == replica and self._known[1] > seq

    def note(self, replica: int, seq: int) -> None:
        """Keep it, where it is more than was kept. A disk that does not take it is told in the log, and no more."""
        if self._path is None or self._known == (replica, seq) or self.less(replica, seq):
            return
        self._known = (replica, seq)
        making = self._path.with_name(self._path.name + ".making")
        try:
            with making.open("w", encoding="ascii") as file:
                file.write(f"{replica} {seq}\n")
                file.flush()
                os.fsync(file.fileno())
            making.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written (%s): that this database goes back may not be noticed", making, error)


def identity(db: Database, where: str, key: bytes, ids: Ids, wrote: Wrote) -> Identity:
    """The hub's identity, in the transaction that is open; another one where the database was restored or copied.

    Made of `key` and something in the database: neither alone can speak as the hub. Raises LogRefused.
    """
    sql = "select k, v from meta where k in ('replica', 'epoch', 'device', 'salt', 'place')"
    kept: dict[str, bytes] = dict(db.execute(sql).fetchall())
    place = _place(db)
    if "replica" not in kept:
        return _another(db, key, ids, place)
    device = _device(key, kept["salt"])
    if device.public != kept["device"]:
        raise LogRefused(
            f"{where}: the key file is not that of the hub that made this database; "
            "bring a copy of it, and name it with --key-file"
        )
    replica = int.from_bytes(kept["replica"], "big")
    (seq,) = db.execute("select coalesce(max(seq), 0) from op where replica = ?", [replica]).fetchone() or (0,)
    if kept.get("place", place) != place or wrote.less(replica, seq):
        log.warning("%s was restored, or is a copy: this hub goes on under a new number, and is to be enrolled", where)
        _seal(db, replica, device)
        return _another(db, key, ids, place)
    if "place" not in kept:
        _keep(db, {"place": place})
    return Identity(replica, device, kept["epoch"])


def _place(db: Database) -> bytes:
    """Where this database lies, by numbers that no dump brings along."""
    try:
        with db.raw.transaction():
            (said,) = db.execute(_PLACE).fetchone() or ("",)
    except psycopg.errors.InsufficientPrivilege:  # a server that tells nobody which one it is
        sql = _PLACE.replace("(select system_identifier from pg_control_system())", "'-'")
        (said,) = db.execute(sql).fetchone() or ("",)
    return str(said).encode()


def _another(db: Database, key: bytes, ids: Ids, place: bytes) -> Identity:
    """A number nobody has written under, with a key and a life of its own."""
    salt, epoch, replica = ids.secret(_SALT_BYTES), ids.secret(_EPOCH_BYTES), ids.replica()
    device = _device(key, salt)
    _keep(db, {"replica": replica.to_bytes(4, "big"), "epoch": epoch, "device": device.public, "salt": salt,
               "place": place})  # fmt: skip
    db.execute("delete from meta where k = 'refused'")
    return Identity(replica, device, epoch)


def _keep(db: Database, facts: dict[str, bytes]) -> None:
    sql = "insert into meta (k, v) values (?, ?) on conflict (k) do update set v = excluded.v"
    db.executemany(sql, list(facts.items()))


def _seal(db: Database, replica: int, device: Key) -> None:
    """Sign what this hub wrote under its earlier number, once and for all: from now on it travels like any peer's."""
    sql = "select seq, head from op where replica = ? and seal is null order by seq"
    rows = db.execute(sql, [replica]).fetchall()
    for at, (seq, head) in enumerate(rows):
        if at + 1 == len(rows) or at % _RUN == _RUN - 1:
            seal = device.sign(sealing(replica, seq, bytes(head)))
            db.execute("update op set seal = ? where replica = ? and seq = ?", [seal, replica, seq])
    db.execute("update replica set sealed = seq where replica = ?", [replica])


def _device(key: bytes, salt: bytes) -> Key:
    return Key(hmac.new(key, _LABEL + salt, hashlib.sha256).digest())
