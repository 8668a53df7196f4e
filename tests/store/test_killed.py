"""Killed while writing, again and again: what was acknowledged is there (promises D2, S2 rest on it)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.store.desks import caught_up, desk
from workstation.store import Connection, reads

KILLS = 5
WRITER = """
import sys
from pathlib import Path
from tests.store.desks import desk, edits, opens
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.store import Store
from tests.store.desks import KEY

store = Store.open(Path(sys.argv[1]) / "desk-1.db", KEY, replica=1, clock=SystemClock(), ids=SystemIds(), site="AMB")
incident = store.write(opens()).result().value
while True:
    word = f"tanjakan{store.vector()[1] + 1}"
    store.write(edits(incident, landmark=word + " naik" * 20)).result()
    print(store.vector()[1], flush=True)
"""


def edited(db: Connection) -> set[tuple[int, str]]:
    """The words the index is to have of the edits, each named by its op's number."""
    return {(n, f"tanjakan{n}") for (n,) in db.execute("select n from op where kind = 'incident.edited'")}


@pytest.mark.promise("D2")
def test_a_killed_process_loses_nothing_it_had_said_was_saved(tmp_path: Path) -> None:
    acknowledged = 0
    for turn in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        with child, child.stdout:
            for line in islice(child.stdout, 20 + 7 * turn):
                acknowledged = int(line)
            os.kill(child.pid, signal.SIGKILL)
            left = [int(line) for line in child.stdout.read().split("\n")[:-1] if line]
            acknowledged = max([acknowledged, *left])
        assert child.returncode == -signal.SIGKILL
        with desk(tmp_path) as store:
            assert store.vector()[1] >= acknowledged
            assert store.read(reads.broken_chains).result(10) == {}
            assert store.read(lambda db: db.execute("pragma integrity_check").fetchone()[0]).result(10) == "ok"
            assert store.read(lambda db: db.execute("pragma cipher_integrity_check").fetchall()).result(10) == []
            store.write(lambda tx: tx.db.execute("insert into search (search) values ('integrity-check')")).result(10)
            found = {(n, term) for n, term in caught_up(store) if term.startswith("tanjakan")}
            assert found == store.read(edited).result(10)
    assert acknowledged > 20 * KILLS
