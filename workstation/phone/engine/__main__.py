"""`python -m workstation.phone.engine [SETTINGS.toml]`: one engine, its order on standard input."""

from __future__ import annotations

import sys

from .main import run

sys.exit(run(sys.argv[1] if len(sys.argv) > 1 else None))
