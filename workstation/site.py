"""A site: founded by a key that IT keeps offline, joined by devices with one-time codes (promises S9, S10).

found   the site's key signs the first device and the first lead
invite  a lead, IT or the site's key signs an invitation; its code goes to whoever stands before the new device
join    the new device checks the roster from the site's key, of which the code carries the fingerprint, and proves
        that it knows the code
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from workstation.domain.ids import NOBODY, Ids, Uid
from workstation.domain.roster import enrolment
from workstation.recovery import KEY_BYTES, RecoveryKey, replace
from workstation.sealing import seal, unseal
from workstation.signing import Key, Signer

SECRET_BYTES, PRINT_BYTES, CHECK_BITS = 10, 7, 14
CODE_LETTERS: Final = (8 * (SECRET_BYTES + PRINT_BYTES) + CHECK_BITS) // 5
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing in it is mistaken for anything else in it."""
_ALIKE: Final = str.maketrans("OIL", "011")


class SiteRefused(Exception):
    """Something about a site's key or code that a person can put right; the text says what."""


class Founding(Protocol):
    """What founding and inviting ask of a log."""

    @property
    def replica(self) -> int: ...
    @property
    def device(self) -> Signer: ...
    @property
    def site(self) -> str: ...
    def believe(self, site: str, key: bytes) -> None: ...
    def append(
        self, kind: str, entity: Uid, body: dict[str, Any], *, person: Uid = NOBODY, signer: Signer | None = None
    ) -> Future[Any]: ...


class Signatory(Struct, frozen=True):
    """Who signs: a person by their key, or (`person` b"") the site's key itself."""

    signer: Signer
    person: Uid = NOBODY


class Code(Struct, frozen=True):
    """A one-time code: its own secret, and the fingerprint of the site it leads into."""

    secret: bytes
    site: bytes

    @classmethod
    def make(cls, ids: Ids, site_key: bytes) -> Code:
        return cls(ids.secret(SECRET_BYTES), fingerprint(site_key))

    @classmethod
    def read(cls, text: str) -> Code:
        """The code somebody typed: case, spaces, dashes and letters that look alike don't matter.

        Raises SiteRefused.
        """
        letters = "".join(letter for letter in text.upper().translate(_ALIKE) if letter not in " -\t\n")
        if len(letters) != CODE_LETTERS or not set(letters) <= set(_LETTERS):
            raise SiteRefused(f"A code has {CODE_LETTERS} letters and digits, this has {len(letters)}: type it again.")
        number = 0
        for letter in letters:
            number = number << 5 | _LETTERS.index(letter)
        whole = (number >> CHECK_BITS).to_bytes(SECRET_BYTES + PRINT_BYTES, "big")
        if _check(whole) != number & (1 << CHECK_BITS) - 1:
            raise SiteRefused("A letter of the code is wrong: compare it with what you were given.")
        return cls(whole[:SECRET_BYTES], whole[SECRET_BYTES:])

    @property
    def text(self) -> str:
        """As it is read out and typed: groups of five."""
        whole = self.secret + self.site
        number = int.from_bytes(whole, "big") << CHECK_BITS | _check(whole)
        letters = "".join(_LETTERS[number >> 5 * at & 31] for at in reversed(range(CODE_LETTERS)))
        return "-".join(letters[at : at + 5] for at in range(0, CODE_LETTERS, 5))

    @property
    def key(self) -> Key:
        """The key the code stands for: the invitation names its public half."""
        return Key(hashlib.sha256(b"tahuri code 1\0" + self.secret).digest())


def _check(whole: bytes) -> int:
    return int.from_bytes(hashlib.sha256(whole).digest()[:2], "big") >> 16 - CHECK_BITS


def fingerprint(site_key: bytes) -> bytes:
    """What a code carries of a site's public key."""
    return hashlib.sha256(b"tahuri site\0" + site_key).digest()[:PRINT_BYTES]


# --- the site's key
class SiteKey(Key):
    """The site's key out of its file, and with it the keys that open the site's records, the newest last.

    Older ones stay: copies made before a renewal are sealed to them.
    """

    def __init__(self, seed: bytes, recovery: tuple[RecoveryKey, ...]) -> None:
        super().__init__(seed)
        self.recovery = recovery


def make_site_key(path: Path, site: str, password: str, ids: Ids) -> SiteKey:
    """A new site key, sealed in a file of its own. Raises SiteRefused where there is one, or it can't be written."""
    secret = ids.secret(2 * KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SiteRefused(f"{path} can't be made ({error.strerror}); name another file.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_key_file(site, secret, password, ids))
        file.flush()
        os.fsync(file.fileno())
    return _site_key(secret)


def read_site_key(path: Path, site: str, password: str) -> SiteKey:
    """The site's key out of its file. Raises SiteRefused: no such file, another site's, wrong password."""
    return _site_key(_unsealed(path, site, password))


def renew_recovery(path: Path, site: str, password: str, ids: Ids) -> SiteKey:
    """Put one more recovery key into the site's file. Raises SiteRefused as `read_site_key`, or where it can't be."""
    secret = _unsealed(path, site, password) + ids.secret(KEY_BYTES)
    try:
        replace(path, _key_file(site, secret, password, ids))
    except OSError as error:
        raise SiteRefused(f"{path} can't be written ({error.strerror}); make room or give leave, then again.") from None
    return _site_key(secret)


def _unsealed(path: Path, site: str, password: str) -> bytes:
    """What the file keeps under the password: the site key's seed, then those of the recovery keys."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        name, sealed = str(kept["site"]), bytes.fromhex(kept["sealed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SiteRefused(f"{path} is no site key ({error}); name the file made when the site was founded.") from None
    if name != site:
        raise SiteRefused(f"{path} is the key of the site {name!r}, not of {site!r}.")
    secret = unseal(sealed, password)
    if secret is None or not secret or len(secret) % KEY_BYTES:
        raise SiteRefused(f"The password of {path} is another one.")
    return secret


def _site_key(secret: bytes) -> SiteKey:
    seed, *recovery = (secret[at : at + KEY_BYTES] for at in range(0, len(secret), KEY_BYTES))
    return SiteKey(seed, tuple(RecoveryKey(part) for part in recovery))


def _key_file(site: str, secret: bytes, password: str, ids: Ids) -> str:
    public = Key(secret[:KEY_BYTES]).public
    kept = {"site": site, "public": public.hex(), "sealed": seal(secret, password, ids.secret).hex()}
    return json.dumps(kept, indent=1) + "\n"


# --- founding, inviting, joining
def found(log: Founding, site_key: Key, name: str, role: str, ids: Ids, now_ms: int) -> None:
    """Make this log a device of the site by its own key, `role` desk or hub: its first, or one more hub."""
    log.believe(log.site, site_key.public)
    if isinstance(site_key, SiteKey):
        name_recovery(log, site_key, ids, now_ms)
    invitation, code = invite(log, name, role, Signatory(site_key), site_key.public, ids, now_ms)
    body = proof(log, invitation, code, log.site) | {"at": now_ms}
    log.append("device.enrolled", invitation, body).result()


def name_recovery(log: Founding, site_key: SiteKey, ids: Ids, now_ms: int) -> None:
    """Tell all devices to which key they are to seal their records' keys: the newest of the site's file."""
    if site_key.recovery:
        number = len(site_key.recovery)
        body = {"key": site_key.recovery[-1].public, "number": number, "at": now_ms}
        log.append("site.recovery_named", ids.uid(), body, signer=site_key).result()


def invite(
    log: Founding, name: str, role: str, by: Signatory, site_key: bytes, ids: Ids, now_ms: int
) -> tuple[Uid, Code]:
    """Write an invitation for a device; gives its uid and the code to be handed over."""
    code, invitation = Code.make(ids, site_key), ids.uid()
    body = {"name": name, "role": role, "key": code.key.public, "at": now_ms}
    log.append("device.invited", invitation, body, person=by.person, signer=by.signer).result()
    return invitation, code


def proof(log: Founding, invitation: Uid, code: Code, site: str) -> dict[str, Any]:
    """What shows that this device was given the code for that site."""
    message = enrolment(site, invitation, log.replica, log.device.public)
    return {"replica": log.replica, "key": log.device.public, "proof": code.key.sign(message)}


def person_body(login: str, name: str, role: str, password: str, ids: Ids) -> dict[str, Any]:
    """What enrols a person: a key of their own, sealed by their password."""
    seed = ids.secret(32)
    sealed = seal(seed, password, ids.secret)
    return {"login": login, "name": name, "role": role, "key": Key(seed).public, "sealed": sealed}
