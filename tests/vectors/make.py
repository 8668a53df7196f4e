"""Make the record kept for this schema, `python -m tests.vectors.make`: once per released schema, never again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.store.desks import desk, edits, opens, rings
from workstation.store import Tx
from workstation.store.schema import STEPS

HERE = Path(__file__).parent


def main() -> None:
    """Write `desk-schema-N.db` (key: bytes 0 to 31) and its digest."""
    number = len(STEPS)
    with tempfile.TemporaryDirectory() as folder:
        with desk(Path(folder)) as store:
            offer = store.write(rings()).result().value
            store.write(lambda tx: tx.append("offer.answered", offer, {"at": tx.now()})).result()
            incident = store.write(opens("AMB-1-0001", offer)).result().value
            store.write(edits(incident, village="Batu Merah", type="bencana.flood", priority=1)).result()
            store.write(
                lambda tx: tx.append("incident.noted", incident, {"text": "dua korban", "at": tx.now()})
            ).result()

            def plan(tx: Tx) -> None:
                assignment = tx.uid()
                body = {"incident": incident, "agency": "damkar", "channel": "phone", "unit": "", "at": tx.now()}
                tx.append("assignment.planned", assignment, body)
                tx.append("assignment.notified", assignment, {"at": tx.now(), "proof": "call"})

            store.write(plan).result()
            second = store.write(opens("AMB-1-0002")).result().value
            store.write(edits(second, village="Silale")).result()
            digest = store.digest().hex()
        (HERE / f"desk-schema-{number}.db").write_bytes((Path(folder) / "desk-1.db").read_bytes())
    (HERE / f"desk-schema-{number}.digest").write_text(digest + "\n")


if __name__ == "__main__":
    main()
