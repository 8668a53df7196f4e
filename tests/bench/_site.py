"""A site for the figures: a key made for the run, and devices enrolled under it."""

from __future__ import annotations

from workstation.domain.roster import enrolment
from workstation.signing import Key
from workstation.store import Store, Tx

SITE = "AMB"
SITE_KEY = Key(b"figures".ljust(32, b"\0"))


def enrol(store: Store, replica: int, device: Key, role: str = "desk") -> None:
    """Make the store believe a device that writes as `replica`."""
    store.believe(SITE, SITE_KEY.public)
    code = Key(replica.to_bytes(32, "big"))

    def act(tx: Tx) -> None:
        uid = tx.uid()
        invited = {"name": f"Meja {replica}", "role": role, "key": code.public, "at": tx.now()}
        tx.append("device.invited", uid, invited, signer=SITE_KEY)
        proof = code.sign(enrolment(SITE, uid, replica, device.public))
        tx.append("device.enrolled", uid, {"replica": replica, "key": device.public, "proof": proof, "at": tx.now()})

    store.write(act).result()
