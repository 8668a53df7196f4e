"""A site for the tests: its offline key, people with keys of their own, and devices enrolled as IT would."""

from __future__ import annotations

import hashlib

from workstation.domain.ids import NOBODY, Uid
from workstation.domain.roster import enrolment
from workstation.signing import Key
from workstation.site import Signatory
from workstation.store import Store

SITE_KEY = Key(b"site".ljust(32, b"\0"))
BY_SITE = Signatory(SITE_KEY)


def key_of(login: str) -> Key:
    """The signing key of a person, the same in every test."""
    return Key(hashlib.sha256(login.encode()).digest())


def uid_of(login: str) -> Uid:
    """The uid of a person, the same in every test."""
    return hashlib.sha256(b"uid" + login.encode()).digest()[:16]


def found(store: Store) -> None:
    """Make the store believe the site."""
    store.believe(store.site, SITE_KEY.public)


def enrol_person(store: Store, login: str, role: str = "operator", by: str = "") -> Uid:
    """Put a person on the roster; `by` is the login of who signs it, "" = the site's key."""
    uid = uid_of(login)
    body = {"login": login, "name": login.title(), "role": role, "key": key_of(login).public,
            "sealed": b"sealed"}  # fmt: skip
    signer, person = (key_of(by), uid_of(by)) if by else (SITE_KEY, NOBODY)
    store.write(lambda tx: tx.append("person.enrolled", uid, body, person, signer=signer)).result(10)
    return uid


def invite(store: Store, code: bytes, name: str, role: str = "desk", by: str = "") -> Uid:
    """Invite a device that will know `code`."""
    signer, person = (key_of(by), uid_of(by)) if by else (SITE_KEY, NOBODY)

    def act(tx):  # type: ignore[no-untyped-def]
        uid = tx.uid()
        body = {"name": name, "role": role, "key": code_key(code).public, "at": tx.now()}
        tx.append("device.invited", uid, body, person, signer=signer)
        return uid

    return store.write(act).result(10).value


def code_key(code: bytes) -> Key:
    """The key a one-time code stands for."""
    return Key(hashlib.sha256(code).digest())


def enrol_device(store: Store, device: Store, name: str = "", role: str = "desk", by: str = "", site: str = "") -> Uid:
    """Have `store` invite `device` and take down its proof."""
    code = (name or str(device.replica)).encode()
    uid = invite(store, code, name or f"Meja {device.replica}", role, by)
    proof = code_key(code).sign(enrolment(site or store.site, uid, device.replica, device.device.public))
    body = {"replica": device.replica, "key": device.device.public, "proof": proof, "at": 1}
    store.write(lambda tx: tx.append("device.enrolled", uid, body)).result(10)
    return uid
