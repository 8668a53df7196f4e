"""What a hub does with a frame, in this process and by the processor's time alone: a machine others share is no clock.

Admission on the thread that asks, the merge on the writer's; encrypted and durable, as `sync.hub` opens it.
"""

from __future__ import annotations

import cProfile
import gc
import secrets
import statistics
import time
from pathlib import Path
from typing import Any, Final

from sync.admission import admit
from sync.frame import pack_frame
from sync.hub.log import sqlite
from sync.protocol import FRAME_OPS
from tests.bench import _profile
from tests.bench._site import SITE, enrol
from tests.bench.machine import percentile
from tests.bench.workload import Workload
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.signing import Key

_OBJECTS: Final = 50_000
"""As the hub's process has it."""


def take(folder: Path, incidents: int, profile: Path | None = None) -> dict[str, Any]:
    """Processor time of one op of W from its packed frame to its commit, µs; where it goes is written to `profile`."""
    author = Key(bytes(range(32)))
    ops = list(Workload().stored(incidents, author))
    frames = [pack_frame(ops[start : start + FRAME_OPS]) for start in range(0, len(ops), FRAME_OPS)]
    count = len(ops)
    del ops
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS)
    key = secrets.token_bytes(32)
    store = sqlite.open_log(folder / "hub.db", key, clock=SystemClock(), ids=SystemIds(), site=SITE)
    admitting, writing = cProfile.Profile(), cProfile.Profile()
    admission_us: list[float] = []
    merge_us: list[float] = []
    with store:
        enrol(store, 7, author)
        if profile:
            store.write(lambda tx: writing.enable()).result()
        for packed in frames:
            if profile:
                admitting.enable()
            began_s = time.process_time()
            admitted = admit(packed, *store.reached(), store.salts, store.trust())
            read_s = time.process_time()
            admitting.disable()
            store.merge(admitted).result()
            admission_us.append((read_s - began_s) / len(admitted) * 1e6)
            merge_us.append((time.process_time() - read_s) / len(admitted) * 1e6)
        if profile:
            store.write(lambda tx: writing.disable()).result()
    gc.set_threshold(*before)
    gc.unfreeze()
    if profile:
        turns = len(frames)
        lines = [
            f"A hub takes in {count} ops of W in {turns} frames, ms a frame: python -m tests.bench sync --profile FILE"
        ]
        lines += ["", "The writer's thread", *_profile.table(writing, turns)]
        lines += ["", "Admission", *_profile.table(admitting, turns)]
        _profile.keep(profile, lines)
    return {
        "receive_cpu_us_per_op": {"admission": _spread(admission_us), "merge": _spread(merge_us), "frames": len(frames)}
    }


def _spread(values: list[float]) -> dict[str, float]:
    """The quickest tenth is what it takes; the median is what a shared machine makes of it."""
    return {"p10": round(percentile(values, 0.1), 1), "median": round(statistics.median(values), 1)}
