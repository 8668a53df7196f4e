"""`python -m tests.promises [--json]`: exit 1 while a promise has no test, or a test names a promise nobody made."""

from __future__ import annotations

import json
import sys

from tests.promises import collect


def main(arguments: list[str]) -> int:
    """Print the account; 0 = every promise has a test."""
    try:
        found = collect()
    except (RuntimeError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    tested = len(found.promised) - len(found.missing)
    if "--json" in arguments:
        print(json.dumps({"promised": len(found.promised), "tested": tested, "missing": found.missing}))
    else:
        print(f"promises: {tested} of {len(found.promised)} have a test")
        for number in found.missing:
            print(f"  {number} has none")
    for number in found.unknown:
        print(f"no such promise in docs/promises.md: {number} ({', '.join(found.tests[number])})", file=sys.stderr)
    return 1 if found.missing or found.unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
