"""What was typed into the search field, as terms: cut into words by the index's own tokenizer, so that both agree.

Nothing of FTS5's query language passes: what is asked of the index is built from single tokens in quotes, and a token
has letters and digits alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from workstation.store.cipher import Connection, in_memory
from workstation.store.schema import TOKENIZE

TEXT_MOST: Final = 200
"""Characters of a question that are looked at."""
TERMS_MOST: Final = 8
ALSO_MOST: Final = 48
"""Most codes that stand for one word."""
EXPAND_MOST: Final = 64
"""Words with the same beginning that are looked up one by one."""
PREFIX_LEAST: Final = 3
"""A shorter beginning that many words have is not looked for: it is left out beside other words, alone it is a whole
word."""
LEAST_CHARACTER: Final = "0"
"""No character of a token sorts before it."""

Codes = Callable[[str], Iterable[str]]
"""Gives the codes whose names have a word, such as those of all fires for "kebakaran"."""


def no_codes(_text: str) -> Iterable[str]:
    """Where nothing is known of codes: a word stands for itself."""
    return ()


class Term(Struct, frozen=True):
    """One word or phrase: its tokens, whether the last is only a beginning, and phrases that mean the same."""

    tokens: tuple[str, ...]
    beginning: bool = False
    also: tuple[tuple[str, ...], ...] = ()

    def loose(self) -> str:
        """The term for FTS5, which finds the words of a beginning by itself: at once, all there are."""
        star = " *" if self.beginning else ""
        return " OR ".join((quoted(self.tokens) + star, *map(quoted, self.also)))

    def exact(self, endings: Iterable[str]) -> str:
        """The term for FTS5 with the words of a beginning named one by one; "" where there is none."""
        head = self.tokens[:-1]
        return " OR ".join((*(quoted((*head, ending)) for ending in endings), *map(quoted, self.also)))


def quoted(tokens: Iterable[str]) -> str:
    """A phrase of FTS5's language."""
    return f'"{" ".join(tokens)}"'


class Scratch:
    """A small index in memory, of the same make as the record's."""

    def __init__(self) -> None:
        self.db: Connection = in_memory()
        self.db.execute(f"create virtual table piece using fts5 (words, tokenize='{TOKENIZE}')")
        self.db.execute("create virtual table token using fts5vocab (piece, instance)")
        self.db.execute("begin")  # never ended: else each row would be a segment of its own

    def tokens(self, text: str) -> tuple[str, ...]:
        """A text's words as the index has them, in order."""
        self.db.execute("insert into piece (rowid, words) values (0, ?)", [text])
        found = self.db.execute("select term from token where doc = 0 order by offset").fetchall()
        self.db.execute("delete from piece where rowid = 0")
        return tuple(term for (term,) in found)

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def terms(scratch: Scratch, text: str, codes: Codes = no_codes) -> list[Term]:
    """The terms of a text a person typed, any text; words in double quotes are one phrase.

    The last word is a beginning while nothing stands after it.
    """
    parts = clean(text).split('"')
    made: list[Term] = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        chunks = [part] if at % 2 else part.split()
        for position, chunk in enumerate(chunks):
            open_end = last and position == len(chunks) - 1 and not part[-1:].isspace()
            if tokens := scratch.tokens(chunk):
                also = _also(scratch, tokens, chunk, codes)
                made.append(Term(tokens, open_end, also))
    return made[:TERMS_MOST]


def clean(text: str) -> str:
    """The text as it can be given to the database: bounded, and without halves of characters."""
    return text[:TEXT_MOST].encode("utf-8", "replace").decode("utf-8")


def _also(scratch: Scratch, tokens: tuple[str, ...], chunk: str, codes: Codes) -> tuple[tuple[str, ...], ...]:
    if sum(map(len, tokens)) < PREFIX_LEAST:
        return ()
    found = dict.fromkeys(code_tokens for code in codes(chunk) if (code_tokens := scratch.tokens(code)))
    found.pop(tokens, None)
    return tuple(found)[:ALSO_MOST]
