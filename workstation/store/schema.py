"""The tables, as steps; `migrate` has sqlite-utils apply those a file does not have yet.

`op` is the record; everything else is made from it and can be made again. Face columns are copies for the screen: what
does not fit a column shows empty there and stays in the state. A released step is never edited; a change is a new
step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from workstation.store.cipher import Connection

STEPS_OF: Final = "tahuri"
"""The name of this set of steps in the file's table of them."""
STEPS_TABLE: Final = "_sqlite_migrations"
"""Where sqlite-utils writes the steps it has made."""


class Step(Struct, frozen=True):
    """One change of the tables; its name stands in the file once it is made, and sorts after those before it."""

    name: str
    make: Callable[[Connection], None]


_FIRST = (
    "create table meta (k text primary key, v) without rowid",
    # acked: how far the hub has its ops; desk: what they call it. How far they reach here, the ops say.
    "create table replica (replica integer primary key, acked integer not null, desk text not null)",
    # own_seq: this desk's newest op on it, for "still to be sent".
    """create table entity (id integer primary key, uid blob not null unique, type text not null,
       rivals integer not null, own_seq integer not null, state blob not null)""",
    # n: order of arrival here; raw: the author's exact bytes; head: the chain after it; skewed: its clock ran ahead.
    """create table op (n integer primary key, replica integer not null, seq integer not null, entity integer not null,
       kind text not null, at integer not null, skewed integer not null, raw blob not null, head blob not null)""",
    "create unique index op_dot on op (replica, seq)",
    "create index op_entity on op (entity)",
    "create index op_skewed on op (n) where skewed = 1",
    """create table incident (id integer primary key, uid blob not null unique, number text not null,
       desk text not null, opened_at integer not null, closed_at integer, status text not null, open integer not null,
       complete integer not null, type text not null, priority integer, village text not null, place text not null,
       landmark text not null, street text not null, lat real, lon real, callback text not null,
       caller_name text not null, disposition text not null, rivals integer not null, own_seq integer not null)""",
    "create index incident_board on incident (priority, opened_at) where open = 1",
    "create index incident_opened on incident (opened_at)",
    "create index incident_number on incident (number)",
    "create index incident_rivals on incident (id) where rivals > 0",
    # call: the offer as the op named it; its call is found through offer.call.
    "create table link (incident blob not null, call blob not null, primary key (incident, call)) without rowid",
    "create index link_call on link (call)",
    """create table offer (id integer primary key, uid blob not null unique, call blob not null,
       rang_at integer not null, answered_at integer, ended_at integer, reason text not null, status text not null,
       number text not null, e164 text not null, caller text not null, identity text not null, display text not null,
       dialled text not null, key text not null, sip_call_id text not null, desk text not null,
       own_seq integer not null)""",
    "create index offer_call on offer (call)",
    "create index offer_number on offer (caller, rang_at) where caller <> ''",
    "create index offer_key on offer (key, rang_at) where key <> ''",
    "create index offer_neither on offer (rang_at) where caller = '' and key = ''",
    # uid: the first offer of the call; offer: the answered one, else the first; caller: what calls are grouped by.
    """create table call (uid blob primary key, offer blob not null, number text not null, e164 text not null,
       caller text not null, identity text not null, display text not null, dialled text not null,
       rang_at integer not null, answered_at integer, ended_at integer, reason text not null, status text not null,
       desk text not null, offers integer not null, type text not null, callback text not null,
       caller_name text not null, relation text not null, language text not null, rivals integer not null,
       own_seq integer not null)""",
    "create index call_rang on call (rang_at)",
    "create index call_caller on call (caller, rang_at)",
    "create index call_live on call (status, rang_at) where status in ('ringing', 'talking', 'held', 'abandoned')",
    """create table assignment (id integer primary key, uid blob not null unique, incident blob not null,
       agency text not null, channel text not null, unit text not null, step text not null, planned_at integer,
       notified_at integer, acknowledged_at integer, departed_at integer, arrived_at integer, done_at integer,
       cancelled_at integer, refused_at integer, reason text not null, own_seq integer not null)""",
    "create index assignment_incident on assignment (incident)",
    """create table person (id integer primary key, uid blob not null unique, login text not null, name text not null,
       role text not null, verifier text not null, desk text not null, since_at integer, own_seq integer not null)""",
    "create index person_login on person (login)",
    # rowid = entity << 32 | op.n: a hit names the entity and the op; newest first is rowid order.
    # No sizes, for nothing is ranked: a table less to write. What must go is deleted by its words, which the op has.
    """create virtual table search using fts5 (words, content='', columnsize=0,
       tokenize='unicode61 remove_diacritics 2')""",
    # Automatic merges stall a commit by tens of milliseconds; the writer merges in small steps when idle.
    "insert into search (search, rank) values ('automerge', 0)",
    "insert into search (search, rank) values ('crisismerge', 500)",
)


def _first(db: Connection) -> None:
    # One statement at a time: executescript would commit the transaction sqlite-utils has opened.
    for statement in _FIRST:
        db.execute(statement)


def _search_follows(db: Connection) -> None:
    # Up to here each op was indexed in its own transaction.
    db.execute("insert or replace into meta select 'searched', coalesce(max(n), 0) from op")


STEPS: Final = (Step("0001_first", _first), Step("0002_search_follows", _search_follows))
