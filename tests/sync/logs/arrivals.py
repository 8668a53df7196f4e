"""The check that arrivals are numbered without a gap and become visible in their order, for any log (promise S7)."""

from __future__ import annotations

from tests.sync.logs.places import HubLog, read
from workstation.domain.ops import Dot

_AFTER = "select n, replica, seq from op where n > ? order by n"


class Follower:
    """Reads on from the last number it saw, as the search index does and every copy that keeps up by a number."""

    def __init__(self, log: HubLog) -> None:
        self._log, self.numbers, self.dots = log, [0], list[Dot]()

    def step(self) -> None:
        """Take what has come after the last one seen."""
        at = self.numbers[-1]
        for n, replica, seq in read(self._log, lambda db: db.execute(_AFTER, [at]).fetchall()):
            self.numbers.append(n)
            self.dots.append((replica, seq))

    def skipped(self) -> set[Dot]:
        """What the log holds and this reader, which has read to the end, never saw."""
        self.step()
        kept = read(self._log, lambda db: db.execute("select replica, seq from op").fetchall())
        return set(kept) - set(self.dots)

    def holes(self) -> list[int]:
        """Numbers that belong to no op."""
        return sorted(set(range(1, self.numbers[-1] + 1)) - set(self.numbers))
