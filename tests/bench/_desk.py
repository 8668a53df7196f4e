"""A desk in a process of its own for the figures of sync: `python -m tests.bench._desk FOLDER NUMBER`.

It does what it is told, one JSON object a line on its standard input, and says one for each when that is done. `Desk`
is the other end of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync.opwire import unpack
from sync.replica import Timing
from tests.bench.machine import resident_mb
from tests.bench.workload import START_MS, WORDS, Workload
from tests.sync import desks
from tests.waiting import wait_until
from workstation.domain.ids import Uid
from workstation.store import Connection, Tx, reads

LONG_S = 600.0
_LOOK_S = 0.02
"""How often it is looked whether all is done: oftener, looking would be a tenth of the work."""
TOGETHER = 100
"""Incidents of one transaction where a record is filled."""
_MARK = "t="


class Actor:
    """A real encrypted record and, once connected, the real sync thread; each method is something it can be told."""

    def __init__(self, folder: Path, number: int) -> None:
        self._desk = desks.Desk(folder, f"Meja-{number}")
        self._number, self._store = number, self._desk.store
        self._late_ms: list[float] = []
        self._read = 0
        self._news = threading.Event()
        self._cpu_s = 0.0

    def fill(self, incidents: int) -> dict[str, Any]:
        """Write that much of W as this desk's own acts."""
        work = Workload()

        def act(tx: Tx, count: int) -> None:
            for _ in range(count):
                for op in work.incident():
                    body = op.body
                    if "set" in body:
                        state = tx.state(op.entity)
                        assert state
                        body = {"set": {n: [pair[0], state.seen_dots(n)] for n, pair in body["set"].items()}}
                    tx.append(op.kind, op.entity, body)

        for start in range(0, incidents, TOGETHER):
            count = min(TOGETHER, incidents - start)
            self._store.write(lambda tx, count=count: act(tx, count)).result()
        return {}

    def share(self, incidents: int) -> dict[str, Any]:
        """Open incidents that all desks are going to edit."""

        def act(tx: Tx) -> None:
            for number in range(incidents):
                body = {"number": f"AMB-{number:06d}", "call": b"", "desk": self._desk.name, "at": START_MS}
                tx.append("incident.opened", tx.uid(), body)

        self._store.write(act).result()
        return {}

    def edit_all(self, field: str) -> dict[str, Any]:
        """Edit this register of every incident there is, in the words of this desk; each a commit of its own."""

        def edit(tx: Tx, incident: Uid) -> None:
            state = tx.state(incident)
            assert state
            value = f"{WORDS[self._number]} {WORDS[tx.now() % 800]}"
            tx.append("incident.edited", incident, {"set": {field: [value, state.seen_dots(field)]}})

        for (incident,) in self._store.read(_incidents).result():
            self._store.write(lambda tx, incident=incident: edit(tx, incident))
        self._store.write(lambda tx: None).result()
        return {}

    def join(self, url: str) -> dict[str, Any]:
        """Become a device of the site, as IT has a desk do once; what sync needs of libraries is then loaded."""
        self._desk.join(url)
        return {}

    def connect(self, url: str) -> dict[str, Any]:
        """Begin to exchange, with the product's own pacing."""
        self._cpu_s = time.process_time()
        self._desk.connect(url, timing=Timing())
        return {}

    def up(self) -> dict[str, Any]:
        """Wait until this desk says that it is in step with the hub."""
        self._desk.until("up", LONG_S)
        return {}

    def disconnect(self) -> dict[str, Any]:
        self._desk.disconnect()
        return {}

    def sent(self) -> dict[str, Any]:
        """Wait until the hub has acknowledged everything written here."""
        own, store = self._store.replica, self._store
        wait_until(
            lambda: store.acked_vector().get(own, 0) >= store.vector()[own], LONG_S, every_s=_LOOK_S, what="all is sent"
        )
        return {"at": time.monotonic(), "cpu_s": time.process_time() - self._cpu_s}

    def holds(self, vector: dict[str, int]) -> dict[str, Any]:
        """Wait until this record holds all of that."""
        wanted = {int(replica): seq for replica, seq in vector.items()}

        def there() -> bool:
            own = self._store.vector()
            return all(own.get(replica, 0) >= seq for replica, seq in wanted.items())

        wait_until(there, LONG_S, every_s=_LOOK_S, what="all has come")
        return {"at": time.monotonic(), "cpu_s": time.process_time() - self._cpu_s}

    def state(self) -> dict[str, Any]:
        """What this record says, and what the process takes."""
        sql = "select count(*) from incident", "select coalesce(sum(rivals), 0) from entity"
        incidents, rivals = (
            self._store.read(lambda db, one=one: db.execute(one).fetchone()[0]).result() for one in sql
        )
        vector = self._store.vector()
        return {"digest": self._store.digest().hex(), "incidents": incidents, "rivals": rivals, "vector": vector,
                "ops": sum(vector.values()), "rss_mb": resident_mb()}  # fmt: skip

    def rival_values(self, field: str) -> dict[str, Any]:
        """How many values beyond the face this register has, over all incidents."""

        def count(db: Connection) -> int:
            uids = [uid for (uid,) in db.execute("select uid from entity where type = 'incident'")]
            states = reads.states(db, uids).values()
            return sum(len({write.value for write in state.live(field)}) - 1 for state in states)

        return {"rival_values": self._store.read(count).result()}

    def listen(self) -> dict[str, Any]:
        """From now on note how old each op of `pace` is when it can be read here after its commit."""
        self._read = self._store.read(_newest).result()
        self._store.listen(lambda _changes: self._news.set())
        threading.Thread(target=self._hear, name="hear", daemon=True).start()
        return {}

    def pace(self, per_s: float, for_s: float, offset_s: float) -> dict[str, Any]:
        """Write notes at that pace, each with the moment it was begun; one incident is this desk's own."""
        incident = self._desk.open_incident(f"AMB-{self._number}-0001")
        due = time.monotonic() + offset_s
        ends = due + for_s
        while due < ends:
            time.sleep(max(0.0, due - time.monotonic()))
            self._desk.note(incident, f"{_MARK}{time.monotonic()}")
            due += 1 / per_s
        return {}

    def late(self) -> dict[str, Any]:
        """The ages noted, ms."""
        return {"late_ms": self._late_ms}

    def one(self, kind: str) -> dict[str, Any]:
        """Write one op of this kind and wait until the hub has it."""
        number = self._store.vector().get(self._store.replica, 0)
        if kind == "incident.opened":
            self._incident = self._desk.open_incident(f"AMB-1-{number:06d}")
        elif kind == "incident.edited":
            self._desk.edit(self._incident, landmark=Workload(number).sentence(10))
        else:
            self._desk.note(self._incident, Workload(number).sentence(14))
        return self.sent()

    def _hear(self) -> None:
        while self._news.wait():
            self._news.clear()
            self._read, found = self._store.read(lambda db: _since(db, self._read)).result()
            now_s = time.monotonic()
            for op in map(unpack, found):
                text = op.body.get("text", "") if op.replica != self._store.replica else ""
                if text.startswith(_MARK):
                    self._late_ms.append((now_s - float(text.removeprefix(_MARK))) * 1000)


def _incidents(db: Connection) -> list[tuple[Uid]]:
    return db.execute("select uid from incident order by id").fetchall()


def _newest(db: Connection) -> int:
    return int(db.execute("select coalesce(max(n), 0) from op").fetchone()[0])


def _since(db: Connection, n: int) -> tuple[int, list[bytes]]:
    rows = db.execute("select n, raw from op where n > ? order by n", [n]).fetchall()
    return (rows[-1][0] if rows else n), [raw for _, raw in rows]


class Desk:
    """The process as the benchmark has it. `tell` begins something, `told` waits for its end, `do` is both."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.bench._desk", str(folder), str(number)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told()

    def tell(self, what: str, **words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **words}) + "\n")
        self._process.stdin.flush()

    def told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the desk's process has ended; what it said stands above"
        return json.loads(line)  # type: ignore[no-any-return]

    def do(self, what: str, **words: Any) -> dict[str, Any]:
        self.tell(what, **words)
        return self.told()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def main(folder: str, number: str) -> None:
    """Do what is told until there is nobody to tell."""
    actor = Actor(Path(folder), int(number))
    print("{}", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        act: Callable[..., dict[str, Any]] = getattr(actor, told.pop("do"))
        print(json.dumps(act(**told)), flush=True)
    actor.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
