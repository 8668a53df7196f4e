"""`python -m tests.bench NAME [--json] [...]`: runs one figure and prints it with the machine it was taken on."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """The figures there are."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    words = {}
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            words.setdefault(key.strip(), value.strip())
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": words.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "load_1_min": load,
    }


def main(arguments: list[str]) -> int:
    """Exit 0 with the figures printed, 2 for an unknown name."""
    if not arguments or arguments[0] not in names():
        print(f"usage: python -m tests.bench NAME [--json]; NAME is one of {', '.join(names())}", file=sys.stderr)
        return 2
    rest = [argument for argument in arguments[1:] if argument != "--json"]
    figures = importlib.import_module(f"tests.bench.{arguments[0]}").figures(rest)
    row = {**figures, "machine": machine()}
    if "--json" in arguments:
        print(json.dumps(row))
    else:
        print(json.dumps(row, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
