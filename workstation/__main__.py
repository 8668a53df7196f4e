"""`python -m workstation`: the desk and its commands."""

from __future__ import annotations

import gc
import sys

# A start makes half a million objects and drops almost none: looking for garbage among them costs a tenth of it.
gc.disable()


def main() -> int:
    """Run the command asked for, or the desk; gives the exit code."""
    if len(sys.argv) > 1:
        from workstation.cli import main as command

        return command()
    from workstation.start import desk

    return desk()


if __name__ == "__main__":
    sys.exit(main())
