"""The desk's side of sync: one asyncio thread that pushes what the hub lacks and pulls what the desk lacks, for ever.

    replica = Replica(store, url, token, desk=…, clock=clock, rng=rng, on_status=bridge.link_said)
    replica.start(); …; replica.stop()

It wakes itself after each commit of the store. Nothing of HTTP is imported before `start`.
"""

from sync.replica.session import Timing
from sync.replica.worker import Replica

__all__ = ["Replica", "Timing"]
