"""`python -m workstation`: the desk and its commands."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command asked for, or the desk; gives the exit code."""
    if len(sys.argv) > 1:
        from workstation.cli import main as command

        return command()
    from workstation.start import desk

    return desk()


if __name__ == "__main__":
    sys.exit(main())
