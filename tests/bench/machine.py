"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path
from typing import Any

from workstation.store.cipher import dbapi2


def machine() -> dict[str, Any]:
    """Cores, processor, system, Python, and both SQLites."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlcipher_sqlite": dbapi2.sqlite_version,
        "stdlib_sqlite": sqlite3.sqlite_version,
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def percentile(values: list[float], part: float) -> float:
    """The value below which `part` (0..1) of them lie: nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(part * len(ordered) + 0.5) - 1))]
