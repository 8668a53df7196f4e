"""Figures: `python -m tests.bench NAME --json` prints what was measured, the machine, and what it is compared with.

A figure is a module here with `figures(arguments: list[str]) -> dict[str, object]`: what it measured, under `reach` and the like
what was to be reached, and under `compared_with` what it stands beside. `__main__` adds the machine and prints.
"""
