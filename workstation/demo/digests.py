"""Reads the state digests of stores other processes have open: the third party that says whether they agree.

`python -m workstation.demo.digests STORE:KEYFILE …` prints one JSON object, store file to hex digest.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from workstation.store import read_digest


@click.command()
@click.argument("stores", nargs=-1, required=True)
def main(stores: tuple[str, ...]) -> None:
    """Prints the digest of each store; opens them read-only."""
    found: dict[str, str] = {}
    for pair in stores:
        path, _, key = pair.rpartition(":")
        found[path] = read_digest(Path(path), bytes.fromhex(Path(key).read_text(encoding="ascii"))).hex()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
