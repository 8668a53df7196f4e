"""Which seeds every run of the tests plays."""

from __future__ import annotations

from typing import Final

FIXED: Final = range(300)
ONCE_FAILED: Final[tuple[int, ...]] = ()
"""Fresh seeds that failed once and do not now; those met while the simulation was written are among the fixed."""
FRESH: Final = 30
"""How many more are drawn anew, and printed, in each run."""
FRESH_MOST: Final = 1 << 40
SHOWN: Final[dict[str, int]] = {
    "accept_a_gap": 3,
    "chain_not_checked": 3,
    "arrival_wins": 4,
    "rival_dropped": 0,
    "replaced_write_comes_back": 0,
    "hlc_not_merged": 3,
    "hlc_merged_without_limit": 0,
    "checkpoint_before_acknowledgement": 0,
    "kept_told_before_commit": 136,
    "acknowledge_before_commit": 0,
    "cursor_before_ops": 3,
    "restored_hub_not_noticed": 1,
    "order_by_replica": 134,
    "duplicate_applied_twice": 0,
    "cascade_forgotten": 0,
    "neighbours_not_repainted": 20,
    "role_not_checked_on_ingest": 4,
    "erased_body_comes_back": 0,
    "queue_never_resumes": 3,
    "fork_of_equal_length_not_noticed": 126,
    "parted_replica_pushed_again": 364,
    "parted_replica_pulled_again": 100,
    "altered_taken_for_another_history": 3,
    "other_history_not_said": 100,
    "clock_forgets_what_it_saw": 167,
}
"""A seed on which each fault put in on purpose is to be seen. Where the order of things has changed and one is not any
more, `python -m tests.simulate --mutants` tells which of the others shows it."""
MUTANT_SEEDS: Final[tuple[int, ...]] = tuple(dict.fromkeys(SHOWN.values()))
"""They are green without a fault."""
