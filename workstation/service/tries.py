"""Failed sign-ins: three are free, then each one costs a longer wait."""

from __future__ import annotations

from msgspec import Struct, field

from workstation.domain.hlc import Clock

FREE_TRIES = 3
LONGEST_WAIT_S = 60.0
LOGINS_MOST = 1000


class Tries(Struct):
    """Failed sign-ins by login, on this desk since it started: after three the wait doubles, to a minute at most.

    No one is ever locked out for good: a call centre must not be closed by someone who mistypes on purpose.
    """

    clock: Clock
    _failed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def wait_s(self, login: str) -> float:
        """Seconds until the next try is heard; 0 = now."""
        count, last_s = self._failed.get(login, (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        until_s = last_s + min(LONGEST_WAIT_S, 2.0 ** (count - FREE_TRIES + 1))
        return max(0.0, until_s - self.clock.monotonic_s())

    def failed(self, login: str) -> None:
        count, _ = self._failed.get(login, (0, 0.0))
        if len(self._failed) > LOGINS_MOST:
            # Someone walks through names; their own counts matter less than the memory.
            self._failed.clear()
        self._failed[login] = (count + 1, self.clock.monotonic_s())

    def passed(self, login: str) -> None:
        self._failed.pop(login, None)
