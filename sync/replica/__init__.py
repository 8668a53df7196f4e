"""The desk's side of sync: one asyncio thread that pushes what the hub lacks and pulls what the desk lacks, for ever.

    replica = Replica(store, url, secret, clock, rng, bridge.link_said, desk=…)
    replica.start(); …; replica.stop()

It wakes itself after each commit of the store. Nothing of HTTP is imported before `start`.
"""

from sync.replica.neighbours import Lan
from sync.replica.timing import Timing
from sync.replica.worker import Replica

__all__ = ["Lan", "Replica", "Timing"]
