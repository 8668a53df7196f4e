"""Where the time of one thread goes, as a table that can be committed and made again beside a figure that is short."""

from __future__ import annotations

import cProfile
import os
import pstats
import re
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROWS = 24
WAL_BYTES = 8 * 4096
"""What a commit of one field adds to the file's log, about."""


def table(profiler: cProfile.Profile, turns: int) -> list[str]:
    """The dearest functions by own time, in ms a turn; what is C is told by who called it, for its name says little."""
    stats: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined] - typeshed leaves it out
    rows: list[tuple[float, float, str]] = []
    for (file, _, name), (_, calls, own_s, _, callers) in stats.items():
        if file == "~":
            rows += [(took[2], took[1], f"{_plain(name)} <- {_where(caller)}") for caller, took in callers.items()]
        else:
            rows.append((own_s, calls, _where((file, 0, name))))
    rows.sort(reverse=True)
    whole_s = sum(own_s for own_s, _, _ in rows)
    lines = [f"{'ms':>7} {'share':>6} {'calls':>7}  own time of"]
    for own_s, calls, where in rows[:ROWS]:
        lines.append(f"{own_s / turns * 1000:7.3f} {own_s / whole_s:6.1%} {calls / turns:7.2f}  {where}")
    rest_s = sum(own_s for own_s, _, _ in rows[ROWS:])
    lines.append(f"{rest_s / turns * 1000:7.3f} {rest_s / whole_s:6.1%} {'':7}  {len(rows[ROWS:])} more")
    lines.append(
        f"{whole_s / turns * 1000:7.3f} 100.0% {'':7}  a turn, the profiler's own weight on each call included"
    )
    return lines


def sync_ms(folder: Path, count: int = 200) -> float:
    """Median of one write of `WAL_BYTES` that is forced to the disk: what no program of ours can take away."""
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(os.urandom(WAL_BYTES))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def keep(path: Path, lines: Iterable[str]) -> None:
    """Write the profile where it is asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _where(place: tuple[str, int, str]) -> str:
    file, _, name = place
    if file == "~":
        return _plain(name)
    path = Path(file)
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return f"{shown} {name}"


def _plain(name: str) -> str:
    name = re.sub(r" at 0x[0-9a-f]+", "", name)
    return name.removeprefix("<").removesuffix(">").replace("built-in method ", "").replace("method ", "")
