"""`python -m workstation`: the desk and its commands."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command asked for, or the desk; gives the exit code. A library that is not there is one sentence too."""
    try:
        return _run()
    except ImportError as error:
        if sys.stderr is not None:  # a window program on Windows has none
            print(f"tahuri: a library is missing or broken ({error}): run ./run, which installs it", file=sys.stderr)
        return 1


def _run() -> int:
    if len(sys.argv) > 1:
        from workstation.cli import main as command

        return command()
    from workstation.start import desk

    return desk()


if __name__ == "__main__":
    sys.exit(main())
