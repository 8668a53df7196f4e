"""Search: incidents whose record has all the words asked for, the newest first, within a bound of rows (promise D4).

Each word is a stream of index rows from the newest down; streams are led past each other until they meet in one
entity. Nothing is ranked, so nothing reads more than it gives: `ROWS_MOST` rows end a search, and it says so. Ops that
the index does not have yet (`follow`) are put into a small index in memory and read as one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Final

from msgspec import Struct

from sync.opwire import unpack
from workstation.domain.ids import Uid
from workstation.domain.ops import Op
from workstation.store.cipher import Connection
from workstation.store.schema import VOID
from workstation.store.terms import EXPAND_MOST, LEAST_CHARACTER, PREFIX_LEAST, Codes, Scratch, Term, no_codes, terms
from workstation.store.words import pieces, words

HITS_MOST: Final = 50
ROWS_MOST: Final = 10_000
"""Index rows a search reads at most."""
TAIL_MOST: Final = 4096
"""Ops behind the index that are looked through: sixteen times what it may be behind while it can be written."""
_STEPS: Final = 16
"""Rows a stream is led on one by one before it is asked anew from further down."""
_SCAN_STOP: Final = 64
_TOP: Final = 1 << 62
_OPEN, _CLOSE = "\x01", "\x02"


class Stopped(CancelledError):
    """The search was given up because another is wanted."""


class Piece(Struct, frozen=True):
    """A text that has words asked for; `marks` are (start, end) of each of them, in characters."""

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]


class Hit(Struct, frozen=True):
    """One incident; `n` is the newest op that matched, `at` when it was written (ms UTC)."""

    incident: Uid
    n: int
    at: int
    pieces: tuple[Piece, ...]


class Found(Struct, frozen=True):
    """The hits, newest first. `more`: there may be older ones that were not looked at. `read`: index rows read."""

    hits: tuple[Hit, ...] = ()
    more: bool = False
    read: int = 0


def find(
    db: Connection, text: str, codes: Codes = no_codes, limit: int = HITS_MOST, stop: Callable[[], bool] | None = None
) -> Found:
    """Incidents with all words of `text`, whatever was typed; newest incident first, each once.

    Words of the calls and assignments of an incident find it too, but all words have to stand in one of them. `stop` is
    asked between rows whether to give up: raises Stopped.
    """
    with Scratch() as scratch:
        asked = terms(scratch, text, codes)
        if not asked:
            return Found()
        bound = _Bound(stop or (lambda: False))
        cut = _tail(db, scratch)
        bound.check()
        endings = [_endings(db, term) for term in asked]
        if endings[-1] is None and len(asked[-1].tokens[-1]) < PREFIX_LEAST:
            cut = True
            if len(asked) > 1:
                asked, endings = asked[:-1], endings[:-1]
            else:
                endings = [list(asked[-1].tokens[-1:])]
        streams = [_Stream(db, scratch, *each, bound) for each in zip(asked, endings, strict=True)]
        return _Search(db, scratch, asked, streams, bound).run(limit, cut)


class _Bound:
    """Counts rows over all streams, and looks whether the search is still wanted."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self.read = 0

    @property
    def over(self) -> bool:
        return self.read >= ROWS_MOST

    def count(self) -> None:
        self.read += 1
        if self.read % _SCAN_STOP == 0:
            self.check()

    def check(self) -> None:
        if self._stop():
            raise Stopped


def _tail(db: Connection, scratch: Scratch) -> bool:
    """Put the ops behind the index into the scratch; says whether some of them were left out."""
    row = db.execute("select v from meta where k = 'searched'").fetchone()
    sql = "select n, entity, raw from op where n > ? order by n desc limit ?"
    found = db.execute(sql, [row[0] if row else 0, TAIL_MOST + 1]).fetchall()
    rows = [(entity << 32 | n, text) for n, entity, raw in found[:TAIL_MOST] if (text := words(unpack(raw)))]
    scratch.db.executemany("insert into piece (rowid, words) values (?,?)", sorted(rows))
    return len(found) > TAIL_MOST


class _Stream:
    """The rows that have one term, from the newest down, of the index and of what is behind it."""

    def __init__(self, db: Connection, scratch: Scratch, term: Term, endings: list[str] | None, bound: _Bound) -> None:
        self._db, self._bound = db, bound
        behind = "select rowid from piece where piece match ? order by rowid"
        self._behind = [rowid for (rowid,) in scratch.db.execute(behind, [term.loose()])]
        self._cheap = endings is not None
        self._match = term.loose() if endings is None else term.exact(endings)
        self._ask(_TOP)
        self.at = 0
        self.step()

    def step(self) -> None:
        """Go to the next row; `at` is 0 behind the last, or where the bound is reached."""
        behind = self._behind[-1] if self._behind else 0
        self.at = 0 if self._bound.over else max(self._indexed, behind)
        if not self.at:
            return
        self._bound.count()
        if self.at == behind:
            self._behind.pop()
        if self.at == self._indexed:
            self._read()

    def to(self, entity: int) -> None:
        """Go on to the newest row of this entity, or of an older one."""
        steps = 0
        while self.at >> 32 > entity:
            if steps == _STEPS and self._cheap:
                self._ask((entity + 1) << 32)
            self.step()
            steps += 1

    def _ask(self, below: int) -> None:
        sql = "select rowid from search where search match ? and rowid < ? order by rowid desc"
        self._rows = self._db.execute(sql, [self._match, below]) if self._match else None
        self._read()

    def _read(self) -> None:
        row = self._rows.fetchone() if self._rows is not None else None
        self._indexed = row[0] if row else 0


def _endings(db: Connection, term: Term) -> list[str] | None:
    """The words of the index that begin as the term's last does; None: too many, FTS5 is to look for itself.

    FTS5 merges the rows of all words of a beginning before it gives the first; named one by one they come as read.
    """
    last = term.tokens[-1]
    if not term.beginning:
        return [last]
    db.execute("create virtual table if not exists temp.search_word using fts5vocab (main, search, instance)")
    found: list[str] = []
    after = last
    while len(found) <= EXPAND_MOST:
        row = db.execute("select term from temp.search_word where term >= ? limit 1", [after]).fetchone()
        if row is None or not row[0].startswith(last):
            return found
        found.append(row[0])
        after = row[0] + LEAST_CHARACTER
    return None


class _Search:
    """One search over its streams."""

    def __init__(
        self, db: Connection, scratch: Scratch, asked: list[Term], streams: list[_Stream], bound: _Bound
    ) -> None:
        self._db, self._scratch, self._asked, self._streams, self._bound = db, scratch, asked, streams, bound

    def run(self, limit: int, cut: bool) -> Found:
        found: dict[Uid, list[tuple[int, Op]]] = {}
        for entity, ns in self._meetings():
            for incident in self._incidents(entity):
                if incident not in found and len(found) < limit:
                    found[incident] = self._ops(ns)
            if len(found) >= limit:
                break
        more = cut or self._bound.over or len(found) >= limit
        return Found(self._hits(found), more, self._bound.read)

    def _meetings(self) -> Iterator[tuple[int, list[int]]]:
        """Entities that all terms are in, from the newest down, each with the newest op of every term."""
        streams = self._streams
        entity = min(stream.at for stream in streams) >> 32
        while entity:
            for stream in streams:
                stream.to(entity)
                self._past_void(stream, entity)
                entity = min(entity, stream.at >> 32)
            if not entity:
                return
            if all(stream.at >> 32 == entity for stream in streams):
                yield entity, [stream.at & 0xFFFFFFFF for stream in streams]
                entity -= 1

    def _past_void(self, stream: _Stream, entity: int) -> None:
        """What has no effect, for nobody with the right signed it, is nothing that was said."""
        while stream.at and stream.at >> 32 == entity:
            row = self._db.execute("select flags from op where n = ?", [stream.at & 0xFFFFFFFF]).fetchone()
            if row is not None and not row[0] & VOID:
                return
            stream.step()

    def _incidents(self, entity: int) -> list[Uid]:
        """The incidents an entity is of: itself, that of an assignment, those a call led to."""
        sql = """select uid from incident where id = ?1
                 union all select incident.uid from assignment join incident on incident.uid = assignment.incident
                   where assignment.id = ?1
                 union all select incident.uid from offer as heard join offer on offer.call = heard.call
                   join link on link.target = offer.uid and link.kind = 'call' and link.live = 1
                   join incident on incident.uid = link.source where heard.id = ?1"""
        return [uid for (uid,) in self._db.execute(sql, [entity])]

    def _ops(self, ns: list[int]) -> list[tuple[int, Op]]:
        newest = sorted(set(ns), reverse=True)
        return [(n, unpack(self._db.execute("select raw from op where n = ?", [n]).fetchone()[0])) for n in newest]

    def _hits(self, found: dict[Uid, list[tuple[int, Op]]]) -> tuple[Hit, ...]:
        """The hits with the words marked, as the tokenizer of the index sees them."""
        texts = [
            (incident, name, _unmarked(text))
            for incident, ops in found.items()
            for _, op in ops
            for name, text in pieces(op)
        ]
        db = self._scratch.db
        db.execute("delete from piece")
        db.executemany("insert into piece (rowid, words) values (?,?)", [(n, t[2]) for n, t in enumerate(texts, 1)])
        sql = "select rowid, highlight(piece, 0, ?, ?) from piece where piece match ? order by rowid"
        match = " OR ".join(term.loose() for term in self._asked)
        marked: dict[Uid, list[Piece]] = {}
        for n, text in db.execute(sql, [_OPEN, _CLOSE, match]):
            incident, name, plain = texts[n - 1]
            marked.setdefault(incident, []).append(Piece(name, plain, _marks(text)))
        return tuple(Hit(uid, ops[0][0], ops[0][1].at, tuple(marked.get(uid, ()))) for uid, ops in found.items())


def _unmarked(text: str) -> str:
    return text.replace(_OPEN, " ").replace(_CLOSE, " ")


def _marks(text: str) -> tuple[tuple[int, int], ...]:
    """Where the marks of `highlight` stand, in the text without them."""
    marks: list[tuple[int, int]] = []
    at = 0
    for before in text.split(_OPEN):
        inside, closed, after = before.partition(_CLOSE)
        if closed:
            marks.append((at, at + len(inside)))
            at += len(after)
        at += len(inside)
    return tuple(marks)
