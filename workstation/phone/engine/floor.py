"""One headset, several calls: only the call that has the floor is heard and hears.

Every call's media runs on a thread of its own and believes the headset is its own; a call on hold that read the
microphone too would take words from the one that is up.
"""

from __future__ import annotations

import threading

import numpy as np

from .media import Sound
from .media.session import Pcm


class Floor:
    """Shares one headset. Calls come and go by `seat`, `give` says whose turn it is."""

    def __init__(self, headset: Sound) -> None:
        self._headset = headset
        self._lock = threading.Lock()
        self._open: set[Seat] = set()
        self._holder: Seat | None = None

    def seat(self) -> Seat:
        """A place for one more call."""
        return Seat(self)

    def give(self, seat: Seat) -> None:
        """This call is up now."""
        self._holder = seat

    def take(self, seat: Seat) -> None:
        """This call waits."""
        if self._holder is seat:
            self._holder = None

    def opened(self, seat: Seat) -> None:
        with self._lock:
            first = not self._open
            self._open.add(seat)
        if first:
            self._headset.open_call()

    def closed(self, seat: Seat) -> None:
        self.take(seat)
        with self._lock:
            last = seat in self._open and len(self._open) == 1
            self._open.discard(seat)
        if last:
            self._headset.close_call()

    def holder(self, seat: Seat) -> Sound | None:
        """The headset where this call is up."""
        return self._headset if self._holder is seat else None


class Seat:
    """The headset as one call sees it (`media.Sound`)."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def open_call(self) -> None:
        self._floor.opened(self)

    def close_call(self) -> None:
        self._floor.closed(self)

    def read(self, n: int) -> Pcm:
        headset = self._floor.holder(self)
        return headset.read(n) if headset is not None else np.zeros(n, np.int16)

    def room(self) -> int:
        headset = self._floor.holder(self)
        return headset.room() if headset is not None else 0

    def write(self, pcm: Pcm) -> None:
        headset = self._floor.holder(self)
        if headset is not None:
            headset.write(pcm)
