"""Which seeds every run of the tests plays."""

from __future__ import annotations

from typing import Final

FIXED: Final = range(300)
ONCE_FAILED: Final[tuple[int, ...]] = ()
"""Fresh seeds that failed once and do not now; those met while the simulation was written are among the fixed."""
FRESH: Final = 30
"""How many more are drawn anew, and printed, in each run."""
FRESH_MOST: Final = 1 << 40
MUTANT_SEEDS: Final[tuple[int, ...]] = (0, 3, 1, 4, 7, 20, 100, 126, 134, 136, 167, 364)
"""On which each fault put in on purpose is to be seen, and nothing without one; played until it is."""
