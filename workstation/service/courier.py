"""The courier at the desk: what is here goes onto a stick, what others brought comes in, beside the work (S8)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from sync.courier import giving, taking
from sync.courier.bundle import NotCarried
from workstation.domain.sentence import Sentence
from workstation.service.desk import Desk, Pending, Refused

Heard = Callable[[str, int], None]
"""Is told, on another thread, which step it is and how far, in percent."""


def export(desk: Desk, place: Path, heard: Heard) -> Pending[Sentence]:
    """Write what is here to a folder, for all other devices of the site; gives what came of it.

    Refused where it can't be, with nothing on the stick.
    """

    def work() -> Sentence:
        order = giving.Order(place)
        return giving.sentence_of(giving.give(desk.store, order, desk.clock.now_ms(), desk.ids.secret, heard))

    return _beside(work)


def take_in(desk: Desk, file: Path, heard: Heard) -> Pending[Sentence]:
    """Take in a courier file; gives what came of it. Refused where it is not let in, with nothing applied."""
    return _beside(lambda: taking.sentence_of(taking.take(desk.store, file, heard)))


def _beside(work: Callable[[], Sentence]) -> Pending[Sentence]:
    """On a thread of its own: a stick may be slow for minutes, and nobody who signs in waits for it."""
    out: Pending[Sentence] = Future()

    def run() -> None:
        try:
            out.set_result(work())
        except NotCarried as why:
            out.set_exception(Refused(why.sentence))
        except BaseException as error:
            out.set_exception(error)

    threading.Thread(target=run, name="courier", daemon=True).start()
    return out
