"""Rows a second that `replay` takes in, durable and encrypted; beside it the same rows into a plain sqlite3 table.

The rows are made here, in the columns of the publication: seeded, about two units a call. `python -m tests.bench replay
[ROWS] [FILE.csv]`; a file is taken instead of made rows.
"""

from __future__ import annotations

import csv
import os
import random
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import resources
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.exchange.mapping import load
from workstation.exchange.replay import replay
from workstation.geo.gazetteer import Gazetteer
from workstation.service import views
from workstation.service.catalogue import Catalogue
from workstation.service.desk import Desk
from workstation.settings import Settings
from workstation.store import Store

ROWS = 3000
LEAST = 300
HEADER = (
    "Call Number",
    "Unit ID",
    "Call Type",
    "Received DtTm",
    "Entry DtTm",
    "Dispatch DtTm",
    "Response DtTm",
    "On Scene DtTm",
    "Call Final Disposition",
    "Available DtTm",
    "Address",
    "City",
    "Final Priority",
    "Call Type Group",
    "Unit Type",
    "Neighborhooods - Analysis Boundaries",
    "Location",
)


def run(argv: list[str]) -> dict[str, Any]:
    """Measure once: our replay, then the plain insert, over the same rows."""
    with tempfile.TemporaryDirectory(prefix="tahuri-bench-") as name:
        folder = Path(name)
        file = Path(argv[-1]) if argv and argv[-1].endswith(".csv") else made(folder, int(argv[0]) if argv else ROWS)
        ours = _ours(folder, file)
        plain = _plain(folder, file)
        durable = _plain(folder, file, each=True)
    return {
        "what": "call records of another system, rows a second",
        "target_rows_s": LEAST,
        "met": ours["rows_s"] >= LEAST,
        "ours": {**ours, "durable": "WAL, synchronous=FULL, SQLCipher; one transaction a call, group commit"},
        "plain_sqlite3": {**plain, "durable": "WAL, synchronous=FULL, not encrypted; one transaction in all"},
        "plain_sqlite3_a_commit_each_row": {**durable, "durable": "the same, committed row by row"},
        "ratio_to_plain": round(ours["rows_s"] / plain["rows_s"], 4),
        "ratio_to_plain_a_commit_each_row": round(ours["rows_s"] / durable["rows_s"], 4),
    }


def made(folder: Path, rows: int) -> Path:
    """Write seeded rows in the publication's columns."""
    dice = random.Random(2026)
    file = folder / "made.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(HEADER)
        left, number = rows, 0
        while left:
            number += 1
            start += timedelta(seconds=dice.randrange(20, 400))
            for unit in range(min(left, dice.choice((1, 1, 2, 2, 2, 3, 4)))):
                table.writerow(_row(dice, number, unit, start))
                left -= 1
    return file


def _row(dice: random.Random, number: int, unit: int, received: datetime) -> list[str]:
    at = received
    stamps = []
    for low, high in ((30, 120), (10, 60), (30, 90), (120, 600), (600, 5000)):
        at += timedelta(seconds=dice.randrange(low, high))
        stamps.append(at.strftime("%m/%d/%Y %I:%M:%S %p"))
    kind = ("Structure Fire", "Medical Incident", "Traffic Collision", "Alarms")[number % 4]
    number_words, place = str(210_000_000 + number), f"{number % 90}00 Block of SAMPLE ST"
    return [
        number_words, f"U{unit}{dice.randrange(100)}", kind, received.strftime("%m/%d/%Y %I:%M:%S %p"),
        *stamps[:4], "Fire", stamps[4], place, "Sampletown",
        "3", "Alarm", ("ENGINE", "MEDIC")[unit % 2], "North Quay", "(37.5, -122.25)",
    ]  # fmt: skip


def _ours(folder: Path, file: Path) -> dict[str, Any]:
    clock = SystemClock()
    ids = SystemIds(clock)
    mapping = load(resources.path("imports/datasf_fire.toml"))
    with Store.open(folder / "desk.db", os.urandom(32), clock=clock, ids=ids, site="bench") as store:
        desk = Desk(
            store, clock=clock, ids=ids, catalogue=Catalogue.load(), gazetteer=Gazetteer.load(), settings=Settings()
        )
        busy = time.process_time()
        told = replay(desk, file, mapping)
        busy = time.process_time() - busy
        shown = len(desk.ask(lambda db: views.calls_page(db, limit=told.calls + 1)).result())
        assert shown == told.calls, "what was told is not what the record shows"
        ops = sum(store.vector().values())
        desk.close()
    return {
        "rows": told.rows,
        "calls": told.calls,
        "assignments": told.assignments,
        "rejected": len(told.rejected),
        "ops": ops,
        "seconds": round(told.seconds, 2),
        "cpu_s": round(busy, 2),
        "rows_s": round(told.rows / told.seconds, 1),
        "rows_per_cpu_s": round(told.rows / busy, 1),
    }


def _plain(folder: Path, file: Path, each: bool = False) -> dict[str, Any]:
    with file.open(encoding="utf-8", newline="") as source:
        header, *rows = list(csv.reader(source))
    begin = time.perf_counter()
    db = sqlite3.connect(folder / f"plain{each}.db", isolation_level=None)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute(f"create table response ({', '.join(f'c{n}' for n in range(len(header)))})")
        insert = f"insert into response values ({', '.join('?' * len(header))})"
        if each:
            for row in rows:
                db.execute(insert, row)
        else:
            db.execute("begin immediate")
            db.executemany(insert, rows)
            db.execute("commit")
        assert db.execute("select count(*) from response").fetchone() == (len(rows),)
    finally:
        db.close()
    seconds = time.perf_counter() - begin
    return {"rows": len(rows), "seconds": round(seconds, 3), "rows_s": round(len(rows) / seconds, 1)}
