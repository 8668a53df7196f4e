"""Figures of the product under load, each beside what it is compared with: `python -m tests.bench NAME --json`."""
