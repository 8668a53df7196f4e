"""Figures: `python -m tests.bench NAME --json` prints what was measured, the machine, and what it is compared with."""
