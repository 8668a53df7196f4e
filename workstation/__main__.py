"""`python -m workstation`: the desk and its commands."""

from __future__ import annotations

import gc
import sys

# A start makes half a million objects and drops almost none: looking for garbage among them costs a tenth of it.
gc.disable()

from workstation.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
