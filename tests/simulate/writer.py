"""A desk that writes without a pause until it is killed: `python -m tests.simulate.writer FOLDER NAME URL`.

It says one JSON object a line: `saved`, the newest of its ops that a person was told is kept, and `sent`, the newest
that its hub has said it holds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.sync.desks import Desk

BURST = 20
"""Every so often ops come as a call's first seconds write them: many in one transaction."""


def main(folder: Path, name: str, url: str) -> None:
    with Desk(folder, name) as desk:
        own = desk.store.replica
        desk.connect(url)
        incident = desk.open_incident(f"{name}-{desk.store.vector().get(own, 0):04d}")
        count = 0
        while True:
            count += 1
            if count % BURST:
                desk.note(incident, f"Api di lantai {count} " + "x" * (count % 300))
            else:
                desk.notes(incident, BURST)
            said = {"saved": desk.store.vector()[own], "sent": desk.store.acked_vector().get(own, 0)}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
