"""Opening the database: each thing that can be wrong with it is one sentence; tables are made or brought up to date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Ping

from sync.hub.log import LogRefused
from sync.hub.log.pg.connection import Database, connect
from sync.hub.log.pg.identity import Identity, Wrote, identity
from sync.hub.log.pg.schema import STEP_TABLE, STEPS, TABLES
from workstation.domain.ids import Ids

OLDEST: Final = 14
"""Of older servers none was tried; PostgreSQL itself has given them up."""
_LOCK: Final = 0x7461_6875
"""Advisory lock under which tables are made: two hubs may start at once."""
_EXAMPLE: Final = "tahuri"


def examine(url: str) -> bool:
    """Whether there is a hub's record in this database, which nothing is changed in. Raises LogRefused."""
    db = _connected(url)
    try:
        _check(db, url)
        return bool(_steps(db))
    finally:
        db.close()


def prepare(url: str, key: bytes, ids: Ids, wrote: Wrote) -> Identity:
    """Make the tables the database lacks, and the hub's identity where it has none, or was restored.

    Raises LogRefused.
    """
    db = _connected(url)
    try:
        _check(db, url)
        db.execute("begin")
        db.execute("select pg_advisory_xact_lock(?::int, hashtext(current_schema()))", [_LOCK])
        _migrate(db)
        found = identity(db, shown(url), key, ids, wrote)
        db.execute("commit")
        return found
    except errors.InsufficientPrivilege as error:
        raise LogRefused(
            f"{shown(url)}: the role {_role(db)} may not make tables there ({_words(error)}); "
            "make it the owner of the database or schema"
        ) from error
    finally:
        db.close()


def name_of(url: str) -> str:
    """The name of the database. Raises LogRefused where the URL is none, or names none."""
    name = _given(url).get("dbname")
    if not name:
        raise LogRefused(f"--store names no database; write for example postgresql://USER@HOST/{_EXAMPLE}")
    return str(name)


def shown(url: str) -> str:
    """The database as it may stand in a log or on a screen: without the password. Raises LogRefused."""
    given = _given(url)
    host = given.get("host") or "localhost"
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{host}{port}/{given.get('dbname', '')}"


def tells_secret(url: str) -> bool:
    """Whether a password stands in the URL itself. Raises LogRefused where it is none."""
    return bool({"password", "sslpassword"} & _given(url).keys())


def _given(url: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise LogRefused(  # from None: libpq repeats the URL, and the password with it
            f"--store is no address of PostgreSQL; write for example postgresql://USER@HOST/{_EXAMPLE}"
        ) from None


def _connected(url: str) -> Database:
    try:
        return connect(url)
    except psycopg.Error as error:
        raise LogRefused(_reason(url, error)) from error


def _reason(url: str, error: psycopg.Error) -> str:
    """Why nobody let us in. Before a session begins the server's answer is text alone, in its own language."""
    where, text = shown(url), _words(error)
    given = _given(url)
    name = str(given.get("dbname") or given.get("user") or "")
    if re.search(r"password|Peer authentication|no pg_hba|scram", text, re.IGNORECASE):
        return f"{where}: the user or the password is not accepted ({text}); check both, and pg_hba.conf"
    if f'database "{name}" does not exist' in text:
        return f"{where}: there is no such database; make it: createdb --encoding=UTF8 --template=template0 {name}"
    if "read-only" in text or "hot standby" in text:
        return f"{where}: this server only reads, for it is a standby; name the one that writes, or both"
    if psycopg.pq.PGconn.ping(psycopg.conninfo.make_conninfo(url, connect_timeout=2).encode()) != Ping.OK:
        return f"{where}: no server answers there ({text}); is it running, and the address right?"
    return f"{where}: the server refuses ({text})"


def _words(error: psycopg.Error) -> str:
    """The last of a message's lines: libpq puts the addresses it tried before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(r"^(connection failed: )?(connection to server .* failed: )?([A-Z]+: +)?", "", lines[-1])


def _role(db: Database) -> str:
    return db.raw.info.user


def _check(db: Database, url: str) -> None:
    info, where = db.raw.info, shown(url)
    if info.server_version < OLDEST * 10_000:
        raise LogRefused(f"{where}: PostgreSQL {info.server_version // 10_000} is too old, {OLDEST} is needed")
    settings = "select current_setting('server_encoding'), current_setting('fsync'), current_schema()"
    encoding, fsync, schema = db.execute(settings).fetchone() or ("", "", None)
    if encoding != "UTF8":
        raise LogRefused(
            f"{where}: its encoding is {encoding}, which cannot hold every text; make another database: "
            "createdb --encoding=UTF8 --template=template0 NAME"
        )
    if fsync != "on":
        raise LogRefused(f"{where}: fsync is off there, so nothing would be safe; turn it on in postgresql.conf")
    if schema is None:
        raise LogRefused(f"{where}: no schema of its search_path is there; make it: create schema NAME")
    made = _steps(db)
    if not made and (foreign := _found(db, TABLES)):
        raise LogRefused(f"{where}: it holds another program's tables ({foreign[0]}); give the hub its own database")
    known = {step.name for step in STEPS}
    if newer := [name for name in made if name not in known]:
        raise LogRefused(f"{where}: a newer version of this program made it ({newer[-1]}); update this hub")


def _found(db: Database, names: Sequence[str]) -> list[str]:
    sql = """select relname from pg_class where relnamespace = current_schema()::regnamespace
             and relkind in ('r', 'p', 'v') and relname = any(?) order by relname"""
    return [name for (name,) in db.execute(sql, [list(names)]).fetchall()]


def _steps(db: Database) -> list[str]:
    """The names of the steps this database has, in their order."""
    if not _found(db, ["step"]):
        return []
    return [name for (name,) in db.execute("select name from step order by name").fetchall()]


def _migrate(db: Database) -> None:
    made = _steps(db)
    if not made:
        db.execute(STEP_TABLE)
    for step in STEPS:
        if step.name not in made:
            for statement in step.statements:
                db.execute(statement)
            db.execute("insert into step (name) values (?)", [step.name])
