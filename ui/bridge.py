"""The only place where another thread's news becomes the screen's: five signals, and `ask` for an answer to come.

Store, sync and phone announce on threads of their own and know no Qt. `Bridge` lives on the screen's thread; Qt queues
what is emitted elsewhere until the screen's thread has time for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal, Slot

from workstation.service.desk import Refused

log = logging.getLogger("tahuri.ui")


class Bridge(QObject):
    """Carries news and answers to the screen's thread.

    Signals:
        changed(Changes): entities other than before; each view decides whether it must ask anew.
        phone(PhoneState): the softphone's state.
        link(LinkStatus): the state of the way to the hub.
        care(Sentence): what is to be known of the record itself; nothing where all is well.
        failed(BaseException): an answer that was asked for came back as an error and its asker took no care of it.
    """

    changed = Signal(object)
    phone = Signal(object)
    link = Signal(object)
    care = Signal(object)
    failed = Signal(object)
    _settled = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self.waiting = 0
        self._settled.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    # ---------------------------------------------------------------- news, from any thread
    def tell_changed(self, changes: object) -> None:
        self._emit(self.changed, changes)

    def tell_phone(self, state: object) -> None:
        self._emit(self.phone, state)

    def tell_link(self, status: object) -> None:
        self._emit(self.link, status)

    def tell_care(self, sentence: object) -> None:
        self._emit(self.care, sentence)

    def _emit(self, signal: Any, value: object) -> None:
        """Emit unless the screen is gone: a last announcement during shutdown must not touch a deleted object."""
        if self._open and shiboken6.isValid(self):
            signal.emit(value)

    # ---------------------------------------------------------------- answers
    def ask(
        self,
        future: Future[Any],
        slot: Callable[[Any], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Call `slot(result)` on the screen's thread once `future` has it; `failed(error)` instead on an error.

        Without `failed` an error goes out as the signal `failed`, which the window shows. A slot bound to a widget that
        has been deleted meanwhile is not called.
        """
        self.waiting += 1
        future.add_done_callback(lambda done: self._emit(self._settled, (done, slot, failed)))

    @Slot(object)
    def _deliver(self, settled: tuple[Future[Any], Callable[[Any], object] | None, Any]) -> None:
        future, slot, failed = settled
        self.waiting -= 1
        try:
            error = future.exception()
        except CancelledError:
            return
        if isinstance(error, CancelledError):
            return  # given up for another question
        if error is not None:
            if isinstance(error, Refused):
                log.info("refused: %s", error)  # a wrong PIN is no fault of the program
            else:
                log.error("an answer failed", exc_info=error)
            if failed is None:
                self.failed.emit(error)
            elif _alive(failed):
                failed(error)
        elif slot is not None and _alive(slot):
            slot(future.result())

    def close(self) -> None:
        """Take no more news: the window is going."""
        self._open = False


Asked = tuple[Future[Any], Callable[[Any], object]]
"""An answer to come, and who takes it on the screen's thread."""


class Question:
    """What a view asks the record again and again, one question at a time.

    `asks` makes the question with all that counts at that moment, or gives None where there is nothing to ask. Put
    again while an answer is on its way, it is asked once more after it: news are never missed and never pile up.
    """

    def __init__(
        self, bridge: Bridge, asks: Callable[[], Asked | None], failed: Callable[[BaseException], object] | None = None
    ) -> None:
        self._bridge, self._asks, self._failed = bridge, asks, failed
        self._waiting = self._stale = False

    def put(self, _news: object = None) -> None:
        """Ask now, or once more after the answer that is on its way."""
        if self._waiting:
            self._stale = True
            return
        asked = self._asks() if _alive(self._asks) else None
        if asked is None:
            return
        future, take = asked
        self._waiting, self._stale = True, False
        self._bridge.ask(future, lambda answer: self._answered(take, answer), self._not_answered)

    def _answered(self, take: Callable[[Any], object], answer: Any) -> None:
        self._waiting = False
        if _alive(take):
            take(answer)
        if self._stale:
            self.put()

    def _not_answered(self, error: BaseException) -> None:
        self._waiting = False
        if self._failed is None:
            self._bridge.failed.emit(error)
        elif _alive(self._failed):
            self._failed(error)


def _alive(slot: Callable[..., object]) -> bool:
    """Whether what a slot is bound to, or closes over, still exists on Qt's side."""
    held = [getattr(slot, "__self__", None), *(cell.cell_contents for cell in getattr(slot, "__closure__", None) or ())]
    return all(shiboken6.isValid(thing) for thing in held if isinstance(thing, QObject))
