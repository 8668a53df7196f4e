"""An empty desk and a hub with 10,000 incidents: by the snapshot, and beside it by the pull alone (promise S6).

The hub is a process of its own, the desk the real sync thread over a real encrypted record in this one. Seconds count
from the moment the desk is told of the hub, which has made no snapshot yet.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sync.frame import pack_frame, sealing
from sync.log import admitted_now
from sync.opwire import GENESIS, next_head, pack, parse
from sync.protocol import FRAME_OPS, Stored
from sync.replica import Timing
from sync.snapshot.form import PARTS
from sync.snapshot.making import make
from tests.bench.workload import Workload
from tests.store.sites import SITE_KEY
from tests.sync.desks import Desk
from tests.sync.hubs import HubProcess
from tests.waiting import wait_until
from workstation.domain.changes import Changes
from workstation.domain.ids import SystemIds, Uid
from workstation.domain.ops import Op
from workstation.domain.roster import enrolment
from workstation.signing import Key
from workstation.store import Store

TARGETS = {"open_s": 0.3, "whole_s": 2.0}
_DEADLINE_S = 600.0


def snapshot(incidents: int = 10_000, still_open: int = 500, runs: int = 3) -> dict[str, Any]:
    """Seconds of the median run: `open_s` until every open incident is on the desk's board, `whole_s` until every
    incident is shown, `ops_s` until every op is here, `proven_s` until every state is proven by them, and `bytes` of
    both parts; `pull` the same by the pull alone, and the bytes of the ops, which come behind the snapshot too.
    """
    with tempfile.TemporaryDirectory(prefix="tahuri-bench-") as folder:
        place = Path(folder) / "hub"
        place.mkdir()
        hub = HubProcess(place)
        with closing(hub.opened()) as log:
            assert isinstance(log, Store)
            past = _Past(log, incidents, still_open)
        told, pulled = [], []
        for run in range(runs):
            told.append(_started(hub, Path(folder) / f"told-{run}", past, ahead=True))
            pulled.append(_started(hub, Path(folder) / f"pulled-{run}", past, ahead=False))
    return {
        "incidents": incidents, "open": still_open, "ops": past.ops, "runs": runs, **_median(told), "bytes": past.bytes,
        "pull": {**_median(pulled), "bytes": past.frames}, "target": TARGETS,
    }  # fmt: skip


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}


class _Past:
    """Fills a hub's log with the workload W, of which all but some incidents are closed."""

    def __init__(self, log: Store, incidents: int, still_open: int) -> None:
        self.open: set[Uid] = set()
        self.all: set[Uid] = set()
        self._every = max(1, incidents // still_open)
        work, device = Workload(), Key(bytes(range(32)))
        _enrol(log, work.replica, device)
        self.ops = self.frames = 0
        ops = list(self._stored(work, incidents, device))
        for start in range(0, len(ops), FRAME_OPS):
            frame = pack_frame(ops[start : start + FRAME_OPS])
            self.frames += len(frame)
            log.merge(admitted_now(log, frame, log.trust)).result()
        self.vector, self.bytes = log.vector(), 0
        for part in PARTS:
            with closing(make(log, part, SystemIds().secret)) as made:
                self.bytes += made.size

    def _stored(self, work: Workload, incidents: int, device: Key) -> Iterator[Stored]:
        head, salt = GENESIS, b""
        made = list(self._written(work, incidents))
        self.ops = len(made)
        for n, op in enumerate(made, 1):
            raw = pack(op)
            salt = op.salt or salt
            head = next_head(head, parse(raw), salt)
            last = n % FRAME_OPS == 0 or n == len(made)
            yield Stored(op.replica, op.seq, raw, device.sign(sealing(op.replica, op.seq, head)) if last else b"")

    def _written(self, work: Workload, incidents: int) -> Iterator[Op]:
        for n in range(incidents):
            *ops, last = work.incident()
            yield from ops
            entity = last.entity
            self.all.add(entity)
            if n % self._every == 0 and len(self.open) < incidents // self._every:
                self.open.add(entity)
                yield last
            else:  # its last note is the close
                yield last._replace(kind="incident.closed", body={"at": last.at, "disposition": "handled", "seen": []})


def _enrol(log: Store, replica: int, device: Key) -> None:
    code, uid = Key(replica.to_bytes(32, "big")), SystemIds().uid()
    invited = {"name": "Meja W", "role": "desk", "key": code.public, "at": 1}
    log.append("device.invited", uid, invited, signer=SITE_KEY).result()
    proof = code.sign(enrolment(log.site, uid, replica, device.public))
    log.append(
        "device.enrolled", uid, {"replica": replica, "key": device.public, "proof": proof, "at": 1}
    ).result()  # fmt: skip


def _started(hub: HubProcess, folder: Path, past: _Past, *, ahead: bool) -> dict[str, Any]:
    """One empty desk's start, with a hub that has just been started itself."""
    folder.mkdir()
    hub.start()
    try:
        with Desk(folder, f"AMB-{int(folder.name[-1]) + (10 if ahead else 0)}") as desk:
            desk.join(hub.url)
            if not ahead:
                desk.store.foretold = None  # type: ignore[assignment]
            return _timed(desk, hub, past)
    finally:
        hub.stop()


def _timed(desk: Desk, hub: HubProcess, past: _Past) -> dict[str, Any]:
    shown: set[Uid] = set()
    at: dict[str, float] = {}

    def heard(changes: Changes) -> None:
        shown.update(changes.incidents)
        if "open" not in at and past.open <= shown:
            at["open"] = time.perf_counter()
        if "whole" not in at and len(shown) >= len(past.all):
            at["whole"] = time.perf_counter()
        if "ops" not in at and all(desk.store.vector().get(r, 0) >= seq for r, seq in past.vector.items()):
            at["ops"] = time.perf_counter()

    unlisten = desk.store.listen(heard)
    began = time.perf_counter()
    desk.connect(hub.url, timing=Timing(), joining=False)
    wait_until(lambda: "ops" in at, _DEADLINE_S, what="every op")
    unproven = "select count(*) from entity where told <> 0"
    wait_until(
        lambda: not desk.store.read(lambda db: db.execute(unproven).fetchone()[0]).result(), _DEADLINE_S, what="proof"
    )
    at["proven"] = time.perf_counter()
    unlisten()
    desk.disconnect()
    assert past.all <= shown
    open_now = "select uid from incident where open = 1"
    assert {uid for (uid,) in desk.store.read(lambda db: db.execute(open_now).fetchall()).result()} == past.open
    return {f"{name}_s": round(moment - began, 3) for name, moment in at.items()}
