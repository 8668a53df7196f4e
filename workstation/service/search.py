"""Search over the record, as the screen asks it: what was typed, also as the names of types, places and agencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from workstation.domain.rows import FoundPiece, FoundRow, FoundRows
from workstation.geo.gazetteer import Gazetteer, fold
from workstation.service.catalogue import Catalogue
from workstation.store import Connection
from workstation.store.search import HITS_MOST, Hit, Piece, Stopped, find

__all__ = ["EXCERPT", "Named", "Stopped", "search"]
EXCERPT: Final = 120
"""Characters shown of a long text, around the first word found."""
BEFORE: Final = 30
_FIELDS: Final = {"text": "note", "e164": "number", "display": "caller_name"}


class Named:
    """The codes whose names have a word: the record says `structure_fire`, a person says "kebakaran".

    Both languages, for who asks in one may read what was written under the other. A word is matched from its
    beginning, as a person types it.
    """

    def __init__(self, catalogue: Catalogue, gazetteer: Gazetteer) -> None:
        names = [
            (code, text)
            for code, kind in catalogue.types.items()
            for text in (kind.label.id, kind.label.en)
        ]  # fmt: skip
        names += [(code, text) for code, agency in catalogue.agencies.items() for text in (agency.short,)]
        names += [(place.code, place.name) for place in (*gazetteer.districts, *gazetteer.villages)]
        self._names = tuple((f" {fold(text)}", code) for code, text in names)

    def __call__(self, text: str) -> Iterable[str]:
        """The codes that a word or a phrase may stand for."""
        wanted = fold(text)
        return dict.fromkeys(code for name, code in self._names if f" {wanted}" in name) if wanted else ()


def search(
    db: Connection, text: str, named: Callable[[str], Iterable[str]], stop: Callable[[], bool], limit: int = HITS_MOST
) -> FoundRows:
    """Give incidents that have all the words typed: those that came here last, in order of when they were opened, the
    newest first; one from another desk may have come late. `stop` is asked whether it is still wanted: raises Stopped.
    """
    found = find(db, text, named, limit, stop)
    sql = """select uid, number, type, priority, village, place, landmark, opened_at, status, open from incident
             where uid = ?"""
    rows = []
    for hit in found.hits:
        uid, number, kind, priority, village, place, landmark, opened_at, status, is_open = db.execute(
            sql, [hit.incident]
        ).fetchone()
        row = FoundRow(
            uid, number, kind, priority or 0, village, place, landmark, opened_at, status, bool(is_open), _pieces(hit)
        )
        rows.append(row)
    rows.sort(key=lambda row: row.opened_at, reverse=True)
    return FoundRows(tuple(rows), found.more)


def _pieces(hit: Hit) -> tuple[FoundPiece, ...]:
    """What was found, each field once."""
    made = [FoundPiece(_FIELDS.get(piece.field, piece.field), *_excerpt(piece)) for piece in hit.pieces]
    return tuple(dict.fromkeys(made))


def _excerpt(piece: Piece) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text around the first mark, and the marks within it."""
    text, marks = piece.text, piece.marks
    first = marks[0][0] if marks else 0
    start = 0 if len(text) <= EXCERPT or first <= BEFORE else first - BEFORE
    end = min(len(text), start + EXCERPT)
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    shown = tuple((a - start + len(head), min(b, end) - start + len(head)) for a, b in marks if start <= a < end)
    return f"{head}{text[start:end]}{tail}", shown
