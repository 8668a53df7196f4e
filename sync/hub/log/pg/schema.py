"""The tables in PostgreSQL: those of `workstation.store.schema` in its words, and what several writers need besides.

    arrival   one row, the turn to write: whoever commits has it locked, so numbers of arrival have no gap and become
              visible in their order. It also says how far numbers, the rosters and the clock have come.
    replica   with how far each chain reaches, so that nobody has to look for it among the ops
    search    follows behind; `follower` says how far

Steps are made once, each with its name in `step`; a released one is never edited.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from workstation.domain.merge import FOLD_VERSION
from workstation.store.schema import FACES, RECORD

_WORDS: Final = {"integer": "bigint", "blob": "bytea", "real": "double precision", "text": 'text collate "C"'}
"""SQLite's types in PostgreSQL's words. Collation "C": no update of the system's locales may turn an index wrong."""
_OURS: Final = {
    # Its values are bytes alone here: numbers stand in `arrival`.
    "create table meta": 'create table meta (k text collate "C" primary key, v bytea not null)',
    # Texts of any length: an index takes no more than 2,700 bytes.
    "create index incident_number": "create index incident_number on incident (left(number, 64))",
    "create index person_login": "create index person_login on person (left(login, 64))",
}
_MORE: Final = (
    """create table arrival (one boolean primary key default true check (one), n bigint not null,
       entity bigint not null, roster bigint not null, hlc bigint not null, fold bigint not null)""",
    f"insert into arrival (n, entity, roster, hlc, fold) values (0, 0, 0, 0, {FOLD_VERSION})",  # noqa: S608 - a number of ours
    # n: the arrival of its newest op.
    """alter table replica add seq bigint not null default 0, add head bytea not null default '',
       add sealed bigint not null default 0, add n bigint not null default 0""",
    "create table search (n bigint primary key, entity bigint not null, words tsvector not null)",
    "create index search_words on search using gin (words)",
    "create index search_entity on search (entity)",
    "create table follower (name text primary key, n bigint not null)",
    "insert into follower (name, n) values ('search', 0)",
    # Room for a row to change where it lies.
    *(f"alter table {name} set (fillfactor = 80)" for name in ("entity", "incident", "offer", "call", "assignment")),
    # Compressing them would cost more than it saves: they are packed already.
    "alter table entity alter column state set storage external",
    "alter table op alter column raw set storage external",
)


class Step(Struct, frozen=True):
    """One change of the tables, by statements; its name sorts after those before it."""

    name: str
    statements: tuple[str, ...]


def translated(statement: str) -> str:
    """A statement of `workstation.store.schema` as PostgreSQL has it."""
    for start, ours in _OURS.items():
        if statement.startswith(start):
            return ours
    return re.sub(r"\b(integer|blob|real|text)\b", lambda found: _WORDS[found[0]], statement)


STEPS: Final[Sequence[Step]] = (
    Step("0001_first", (*(translated(statement) for statement in (*RECORD, *FACES)), *_MORE)),
)
TABLES: Final = ("meta", "arrival", "replica", "entity", "op", "signed", "search", "follower", "step")
"""Tables by which a database is known as ours."""
STEP_TABLE: Final = 'create table step (name text collate "C" primary key, made_at timestamptz not null default now())'
