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


SKEWED, VOID, LATE = 1, 2, 4
"""Flags of an op: its clock ran ahead of this machine's; it has no effect, for nobody with the right signed it; its
device had been retired, and another brought it."""
RECORD: Final = (
    "create table meta (k text primary key, v) without rowid",
    # acked: how far the hub has its ops, beside: how far another desk has them; desk: what they call it. How far they
    # reach here, the ops say.
    """create table replica (replica integer primary key, acked integer not null, desk text not null,
       beside integer not null default 0)""",
    # own_seq: this desk's newest op on it, for "still to be sent"; erased: retention took its bodies; told: the
    # snapshot up to whose vector its ops are in the state, whether they are here or not; 0 = its ops here made it.
    """create table entity (id integer primary key, uid blob not null unique, type text not null,
       rivals integer not null, own_seq integer not null, erased integer not null, told integer not null,
       state blob not null)""",
    "create index entity_told on entity (id) where told <> 0",
    # n: order of arrival here; raw: the author's exact bytes; head: the chain after it; seal: its device's signature
    # of that head, where a run of its ops ends.
    """create table op (n integer primary key, replica integer not null, seq integer not null, entity integer not null,
       kind text not null, at integer not null, flags integer not null, raw blob not null, head blob not null,
       seal blob)""",
    "create unique index op_dot on op (replica, seq)",
    "create index op_entity on op (entity)",
    "create index op_flagged on op (n) where flags <> 0",
    # Ops that count only with a signature, and those of devices: looked at again whenever the roster changes.
    """create table signed (n integer primary key, entity integer not null, kind text not null, site text not null,
       void integer not null)""",
    # Ops brought back out of a damaged record or its journal, whose forerunners the hub has yet to bring.
    """create table waiting (replica integer not null, seq integer not null, raw blob not null, head blob not null,
       salt blob not null, seal blob not null, primary key (replica, seq))""",
)
FACES: Final = (
    # call: the offer it was opened for; head: the incident it counts as, where it was merged into another.
    """create table incident (id integer primary key, uid blob not null unique, number text not null,
       desk text not null, call blob not null, head blob not null, opened_at integer not null, closed_at integer,
       status text not null, open integer not null, complete integer not null, flags integer not null,
       type text not null, priority integer, village text not null, place text not null, landmark text not null,
       street text not null, lat real, lon real, callback text not null, caller_name text not null,
       disposition text not null, rivals integer not null, own_seq integer not null)""",
    "create index incident_board on incident (priority, opened_at) where open = 1",
    "create index incident_opened on incident (opened_at)",
    "create index incident_number on incident (number)",
    "create index incident_rivals on incident (id) where rivals > 0",
    "create index incident_merged on incident (head) where head <> uid",
    # A tie of two entities; the call an incident was opened for is one too, under the incident's own id.
    """create table link (id integer primary key, uid blob not null, kind text not null, source blob not null,
       target blob not null, live integer not null, own_seq integer not null)""",
    "create index link_source on link (source)",
    "create index link_target on link (target)",
    # call: the first offer of its call.
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
       agency text not null, channel text not null, unit text not null, step text not null, flags integer not null,
       planned_at integer, notified_at integer, acknowledged_at integer, departed_at integer, arrived_at integer,
       done_at integer, cancelled_at integer, refused_at integer, reason text not null, own_seq integer not null)""",
    "create index assignment_incident on assignment (incident)",
    """create table person (id integer primary key, uid blob not null unique, login text not null, name text not null,
       role text not null, sealed blob not null, desk text not null, since_at integer,
       own_seq integer not null)""",
    "create index person_login on person (login)",
    # about: what it belongs to; digest: of the sealed file that lies beside the record. Its key is in the state alone.
    """create table attachment (id integer primary key, uid blob not null unique, about blob not null,
       name text not null, size integer not null, digest blob not null, added_at integer not null,
       person blob not null, own_seq integer not null)""",
    "create index attachment_about on attachment (about)",
    "create index attachment_digest on attachment (digest)",
    """create table hold (id integer primary key, uid blob not null unique, reason text not null,
       placed_at integer not null, person blob not null, live integer not null, own_seq integer not null)""",
    "create table hold_on (hold integer not null, entity blob not null, primary key (hold, entity))",
    "create index hold_entity on hold_on (entity)",
    # What is to be erased, by whom ordered; what has been, the entities themselves say.
    """create table erasure (id integer primary key, uid blob not null unique, reason text not null,
       ordered_at integer not null, person blob not null, own_seq integer not null)""",
    "create table erasure_of (erasure integer not null, entity blob not null, primary key (erasure, entity))",
    "create index erasure_entity on erasure_of (entity)",
)
_OWN: Final = (
    # Who looked at whose data: a line a person, view, thing and minute; head: the hash of all lines so far. It never
    # travels, and is only added to; what is older than `meta.access_from` may go.
    """create table access (n integer primary key autoincrement, at integer not null, person blob not null,
       role text not null, view text not null, about text not null, rows integer not null, why text not null,
       head blob not null)""",
    "create unique index access_once on access (person, view, about, why, at / 60000)",
    "create index access_at on access (at)",
    """create trigger access_stays before update on access
       begin select raise(abort, 'the access log is only added to'); end""",
    """create trigger access_kept before delete on access
       when old.at >= coalesce((select v from meta where k = 'access_from'), 0)
       begin select raise(abort, 'the access log is only added to'); end""",
)
"""What a desk, or a hub whose record is a file, has for itself."""
TOKENIZE: Final = "unicode61 remove_diacritics 2"
"""How the search index cuts a text into words: case and accents do not count."""
_SEARCH: Final = (
    # rowid = entity << 32 | op.n: a hit names the entity and the op; newest first is rowid order.
    # No sizes, for nothing is ranked: a table less to write. What must go is deleted by its words, which the op has.
    f"""create virtual table search using fts5 (words, content='', columnsize=0,
       tokenize='{TOKENIZE}')""",
    # Automatic merges stall a commit by tens of milliseconds; the writer merges in small steps when idle.
    "insert into search (search, rank) values ('automerge', 0)",
    "insert into search (search, rank) values ('crisismerge', 500)",
    # Words go only where retention takes them, and then for good.
    "insert into search (search, rank) values ('secure-delete', 1)",
)


def _first(db: Connection) -> None:
    # One statement at a time: executescript would commit the transaction sqlite-utils has opened.
    for statement in (*RECORD, *FACES, *_OWN, *_SEARCH):
        db.execute(statement)


STEPS: Final = (Step("0001_first", _first),)
