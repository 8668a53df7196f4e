"""The access log: who opened, searched or exported whose data, when and why (promise D6).

`Desk.see` writes it for every view that `rights.SEES` marks; what is not a view (an export) notes itself. The answer is
given once the line is on disk. Where the disk takes nothing more the answer is given all the same, for a call may hang
on it, and the log of the program says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

from workstation.domain.changes import Changes
from workstation.domain.ids import Uid
from workstation.domain.rows import FoundRows
from workstation.store import Connection, Tx, accesslog
from workstation.store.accesslog import Line

if TYPE_CHECKING:
    from workstation.service.desk import Desk, Pending

log = logging.getLogger("store")
T = TypeVar("T")
MINUTE_MS: Final = 60_000
REMEMBERED: Final = 512
LINES_MOST: Final = 1000
ABOUT_MOST: Final = 100


class Looks:
    """What was noted within the last minute: a form that asks again after every key writes one line."""

    def __init__(self) -> None:
        self._noted: dict[tuple[Uid, str, str, str], int] = {}

    def logged(self, desk: Desk, view: str, about: str, asked: Pending[T]) -> Pending[T]:
        """Give the answer to `asked` once the look is in the log."""
        person, why, at = desk.person, desk.why, desk.clock.now_ms()
        uid = person.uid if person else b""
        if self._noted.get((uid, view, about, why)) == at // MINUTE_MS:
            return asked
        given: Pending[T] = Future()

        def answered(done: Pending[T]) -> None:
            if done.cancelled() or done.exception() is not None:
                _pass_on(done, given)
                return
            line = Line(at, uid, person.role if person else "", view, about, _count(done.result()), why)
            noting = desk.write(lambda tx: accesslog.add(tx.db, [line]))
            noting.add_done_callback(lambda noted: self._noting_done(noted, line, done, given))

        asked.add_done_callback(answered)
        return given

    def _noting_done(self, noted: Future[Changes], line: Line, done: Pending[T], given: Pending[T]) -> None:
        if noted.cancelled() or noted.exception() is not None:
            log.error("a look at %s is not in the access log: %s", line.view, noted.exception())
        else:
            if len(self._noted) >= REMEMBERED:
                self._noted.clear()
            self._noted[line.person, line.view, line.about, line.why] = line.at // MINUTE_MS
        _pass_on(done, given)


def note(tx: Tx, person: Uid, role: str, view: str, about: str, rows: int, why: str) -> None:
    """Note what leaves the record in another way than by a view, in the transaction that does it."""
    accesslog.add(tx.db, [Line(tx.now(), person, role, view, about[:ABOUT_MOST], rows, why)])


def access_log(db: Connection, from_at: int = 0, to_at: int = 1 << 62, limit: int = LINES_MOST) -> list[Line]:
    """Give the lines of a span of time, ms UTC, the newest first."""
    return accesslog.lines(db, from_at, to_at, limit)


def about(given: Sequence[object]) -> str:
    """Names what a view was asked about: the uid or the number that came first."""
    first = given[0] if given else ""
    if isinstance(first, str):
        return first[:ABOUT_MOST].encode("utf-8", "replace").decode("utf-8")  # half a character fits no file
    return first.hex() if isinstance(first, bytes) else ""


def _count(answer: object) -> int:
    if answer is None:
        return 0
    if isinstance(answer, tuple):
        return sum(_count(part) for part in answer)
    return len(answer) if isinstance(answer, list | FoundRows) else 1


def _pass_on(done: Pending[T], given: Pending[T]) -> None:
    if done.cancelled():
        given.cancel()
        return
    error = done.exception()
    if error is not None:
        given.set_exception(error)
    else:
        given.set_result(done.result())
