"""Run one benchmark by name: `python -m tests.bench store --json`. Each is a module here with `run(argv) -> dict`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from typing import Any

import tests.bench
from tests.bench.machine import machine

_PARTS = {"machine", "workload"}


def names() -> list[str]:
    """The benchmarks there are."""
    found = (module.name for module in pkgutil.iter_modules(tests.bench.__path__))
    return sorted(name for name in found if not name.startswith("_") and name not in _PARTS)


def main(argv: list[str]) -> int:
    """Print the figures; exit 2 for a name that is none."""
    chosen = [word for word in argv if not word.startswith("-")]
    if not chosen or chosen[0] not in names():
        print(f"usage: python -m tests.bench {{{','.join(names())}}} [--json]", file=sys.stderr)
        return 2
    rest = [word for word in argv if word not in (chosen[0], "--json")]
    figures: dict[str, Any] = importlib.import_module(f"tests.bench.{chosen[0]}").run(rest)
    figures = {"bench": chosen[0], **figures, "machine": machine()}
    if "--json" in argv:
        print(json.dumps(figures))
    else:
        _tell(figures)
    return 0


def _tell(figures: dict[str, Any], indent: str = "") -> None:
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            _tell(value, indent + "  ")
        else:
            print(f"{indent}{name}: {value}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
