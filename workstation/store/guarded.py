"""Opening a record against what lies beside it: one that is gone, damaged or went back in time is not written (D5).

A record that lost its newest commits opens without a word where its log of the file was cut: what it wrote next would
be a second history under the same numbers (promise S5). The outbox journal knows how far this desk has written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workstation import recovery
from workstation.domain.sentence import say
from workstation.store import check, database, former, outbox
from workstation.store.cipher import Connection, dbapi2
from workstation.store.errors import StoreDamaged
from workstation.store.outbox import Kept, Outbox, Owner
from workstation.store.schema import Step
from workstation.store.states import unpack_state
from workstation.store.tx import Author

_SITE = "site."


def open_for_writing(path: Path, key: bytes | None, steps: Sequence[Step], journal: Path | None) -> Connection:
    """The writer's connection, as `database.open_for_writing` gives it.

    Raises what that raises; StoreDamaged where the record is gone though there was one, is damaged, or holds less than
    its own desk has written. Nothing is touched then.
    """
    there = path.exists() and path.stat().st_size
    if journal is not None and not there and (outbox.exists(journal) or recovery.place(path).exists()):
        raise StoreDamaged(say("record.gone", file=path.name))
    try:
        return database.open_for_writing(path, key, steps, lambda db: see_whole(path, key, db, journal))
    except dbapi2.DatabaseError as error:
        # On the first page, another key and damage look the same.
        if "not a database" in str(error).lower() and journal is not None and not _key_fits(path, key, journal):
            raise
        if (found := damage(path, error, journal)) is not None:
            raise found from error
        raise


def damage(path: Path, error: BaseException, journal: Path | None) -> StoreDamaged | None:
    """What an error of SQLite says of a desk's record: damage has its way back; None where it says something else."""
    text = str(error).lower()
    if journal is None or not isinstance(error, dbapi2.DatabaseError):
        return None
    if "malformed" in text or "not a database" in text or "hmac" in text:
        return StoreDamaged(say("record.damaged_at_start", file=path.name))
    return None


def _key_fits(path: Path, key: bytes | None, journal: Path) -> bool:
    """Whether this is the record's key, by what else was written with it."""
    lying = recovery.read(recovery.place(path))
    if key is not None and lying is not None and lying.of == recovery.name_of(key):
        return True
    return next(outbox.read(journal, key), None) is not None


def see_whole(path: Path, key: bytes | None, db: Connection, journal: Path | None) -> None:
    """See that nothing is missing at the end of this desk's own ops, nor broken where the nightly look says so.

    Raises StoreDamaged.
    """
    if journal is None:
        return
    suspect = db.execute("select v from meta where k = ?", [check.SUSPECT]).fetchone()
    if suspect is not None and suspect[0] and check.whole(path, key):
        raise StoreDamaged(say("record.damaged_at_start", file=path.name))
    row = db.execute("select v from meta where k = 'replica'").fetchone()
    if row is None:
        return
    have = db.execute("select coalesce(max(seq), 0) from op where replica = ?", [row[0]]).fetchone()[0]
    if outbox.reached(journal, key, row[0]) > have:
        raise StoreDamaged(say("record.went_back", file=path.name))


def went_back(path: Path, key: bytes | None, journal: Path) -> bool:
    """Whether a record holds less than its own desk has written."""
    db = database.open_for_reading(path, key)
    try:
        see_whole(path, key, db, journal)
    except StoreDamaged:
        return True
    finally:
        db.close()
    return False


def sites(db: Connection) -> dict[str, bytes]:
    """The public keys of the sites this record believes in."""
    kept = db.execute("select k, v from meta where k >= ? and k < 'site/'", [_SITE]).fetchall()
    return {name.removeprefix(_SITE): key for name, key in kept}


def open_outbox(db: Connection, folder: Path, key: bytes | None, author: Author) -> Outbox:
    """The journal of this record, with everything in it that the hub has not acknowledged."""
    own, random = author.replica, author.ids.secret
    device = db.execute("select v from meta where k = 'device'").fetchone()[0]
    newest = db.execute("select coalesce(max(seq), 0) from op where replica = ?", [own]).fetchone()[0]
    acked = dict(db.execute("select replica, acked from replica").fetchall())
    reached = outbox.reached(folder, key, own)
    outbox.end_left_open(folder, key)
    for replica in former.load(db):
        after = max(outbox.reached(folder, key, replica), acked.get(replica, 0))
        if lacking := [*_ops_of(db, replica, after), *_waiting(db, replica, after)]:
            outbox.write_segment(folder, key, Owner(replica, b"", author.site, sites(db), 0), lacking, random)
    journal = Outbox(folder, key, Owner(own, device, author.site, sites(db), newest), random)
    journal.acked(acked)
    # A killed process had committed them, and told nobody.
    journal.put_kept(_ops_of(db, own, max(reached, acked.get(own, 0))))
    return journal


def _ops_of(db: Connection, replica: int, after: int) -> list[Kept]:
    sql = """select op.seq, op.raw, op.head, op.seal, entity.state from op join entity on entity.id = op.entity
             where op.replica = ? and op.seq > ? order by op.seq"""
    found = []
    for seq, raw, head, seal, state in db.execute(sql, [replica, after]):
        found.append(Kept(replica, seq, raw, head, unpack_state(state).salt(replica), seal or b""))
    return found


def _waiting(db: Connection, replica: int, after: int) -> list[Kept]:
    sql = "select seq, raw, head, salt, seal from waiting where replica = ? and seq > ? order by seq"
    return [Kept(replica, *row) for row in db.execute(sql, [replica, after])]
