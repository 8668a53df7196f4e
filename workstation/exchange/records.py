"""Records of a CSV as they stand in its file: each with the line it begins at, and a stray quote costs its line only.

A quote that never closes, or closes at the next one lines further down, makes one record of many (RFC 4180 section 2
lets a quoted value hold line breaks). Such a record is given up after its first line and the rest is read again.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import Final, TextIO

from msgspec import Struct

LENGTH_MOST: Final = 1 << 20
"""Characters of one record, with all its lines; what is held in memory beside it is no more."""
LINES_MOST: Final = 1000
"""Lines of one record: the more are held, the longer a file full of stray quotes takes."""


class Record(Struct, frozen=True):
    """One record: the `line` of the file it begins at (the first is 1), how many `lines` it takes, its values.

    `fault` says why it can't be read, "" = nothing found; the values are then not to be used.
    """

    line: int
    lines: int
    values: list[str]
    fault: str = ""


class Records:
    """The records of a file one after another; blank lines are counted as lines and are no record."""

    def __init__(self, file: TextIO) -> None:
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines)

    def next(self) -> Record | None:
        """The next record, None at the end of the file. Raises OSError."""
        while True:
            self._lines.begin()
            fault, values = "", []
            try:
                values = next(self._reader)
            except StopIteration:
                return None
            except (csv.Error, _TooLong) as error:
                fault = str(error)
            if values or fault:
                held = self._lines.held
                return Record(held[0][0], len(held), values, fault or self._quoting())

    def give_back(self) -> None:
        """Read all lines of the last record anew but its first: the fault lies in that one."""
        self._lines.give_back()

    def _quoting(self) -> str:
        """What is wrong with the quotes of the last record, where it could have swallowed its neighbours."""
        lines = [text for _, text in self._lines.held]
        if len(lines[0]) > LENGTH_MOST:
            return f"longer than {LENGTH_MOST} characters"
        if len(lines) == 1 and not self._lines.ended:
            return ""
        try:
            # Strict: after a closing quote only a comma or the end of the line may stand.
            next(csv.reader(lines, strict=True))
        except csv.Error as error:
            return str(error)
        return ""


class _TooLong(Exception):
    """A record over its bounds: a quote that never closes."""


class _Lines:
    """The physical lines a csv.reader asks for, those of the record in hand kept with their numbers."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[tuple[int, str]] = deque()
        self._read = 0
        self._length = 0
        self.held: list[tuple[int, str]] = []
        self.ended = False
        """The file ended within the record in hand."""

    def begin(self) -> None:
        self.held, self.ended, self._length = [], False, 0

    def give_back(self) -> None:
        self._again.extendleft(reversed(self.held[1:]))
        self.held = self.held[:1]

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.held) >= LINES_MOST or self._length > LENGTH_MOST:
            raise _TooLong(f"longer than {LINES_MOST} lines or {LENGTH_MOST} characters")
        number, text = self._again.popleft() if self._again else self._fresh()
        if not text:
            self.ended = True
            raise StopIteration
        self.held.append((number, text))
        self._length += len(text)
        return text

    def _fresh(self) -> tuple[int, str]:
        """A line not read before, "" at the end; of one that is too long only as much as shows that it is."""
        text = rest = self._file.readline(LENGTH_MOST + 1)
        while len(rest) > LENGTH_MOST and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(LENGTH_MOST + 1)
        self._read += bool(text)
        return self._read, text
