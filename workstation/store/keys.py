"""The record's key: in the machine's keyring where one answers, else in a file only its owner can read (promise D1)."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from workstation import recovery
from workstation.domain.ids import Ids
from workstation.settings import Settings
from workstation.store import outbox
from workstation.store.cipher import KEY_BYTES

log = logging.getLogger("store")
SERVICE: Final = "tahuri"


class KeyMissing(Exception):
    """There is a record and no key to it, or the key cannot be kept; the text says what to do."""


class Found(Struct, frozen=True):
    """A key and where it is kept: keyring, file, or plain (none, by the development setting)."""

    key: bytes | None
    kept_in: str


def store_key(settings: Settings, ids: Ids) -> bytes | None:
    """Give the record's key, made and kept on the first start; None = a plain record. Raises `KeyMissing`.

    A new key is never made beside a record that exists: it could not open it, and would hide the loss.
    """
    found = find(settings)
    if found is not None:
        return found.key
    places = settings.places
    if places.store.exists() and places.store.stat().st_size:
        raise missing(settings)
    if outbox.exists(settings.outbox) or recovery.place(places.store).exists():
        # There was a record: its journal and its copies are under the old key, which a new one would seem to replace.
        raise KeyMissing(f"{places.store} and its key are gone, but there was a record: bring the key back, or recover")
    key = ids.secret(KEY_BYTES)
    keep(settings, key)
    return key


def missing(settings: Settings) -> KeyMissing:
    """What is wrong where there is a record and no key to it."""
    where = settings.places.store
    return KeyMissing(f"{where} has no key in {_looked(settings)}: bring the key back, or restore a copy")


def keep(settings: Settings, key: bytes) -> None:
    """Have this machine keep the key, as the settings say. Raises `KeyMissing` where it can't."""
    places = settings.places
    if settings.store.key != "file" and _ring_keeps(places.store, key):
        return
    if settings.store.key == "keyring":
        raise KeyMissing('the machine\'s keyring does not answer: unlock it, or set store.key = "file"')
    _keep(places.make().key, key)
    if settings.store.key != "file":
        log.warning("no keyring answers: the record's key lies in %s, readable by its owner alone", places.key)


def find(settings: Settings) -> Found | None:
    """Look for the key without making one; None where there is none yet. Raises `KeyMissing` for one that is no key."""
    if settings.store.plain:
        return Found(None, "plain")
    places = settings.places
    # The file is asked first: to import a keyring costs a tenth of a second of every start.
    if settings.store.key != "keyring" and places.key.exists():
        return Found(_key_of(_read_private(places.key), str(places.key)), "file")
    if settings.store.key != "file" and (kept := _ring_has(places.store)):
        return Found(_key_of(kept, "the keyring"), "keyring")
    return None


def _key_of(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyMissing(f"{where} holds no key of {KEY_BYTES} bytes: bring the right one back")
    return key


def _read_private(path: Path) -> str:
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise KeyMissing(f"{path} can be read by others: give it mode 0600 (chmod 600), and consider the key known")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(f"{path} cannot be read: {error}") from error


def _keep(path: Path, key: bytes) -> None:
    """Write the new key down, whole or not at all: half of one would be taken for a damaged key from then on."""
    try:
        _write_private(path, key)
    except FileExistsError as error:
        raise KeyMissing(f"{path} was made by another program at this moment: start again") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise KeyMissing(
            f"the new key cannot be kept in {path} ({error.strerror}): free space, or check the folder"
        ) from error


def _write_private(path: Path, key: bytes) -> None:
    """Durable before the record is: a record without its key is lost."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(key.hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _name(store: Path) -> str:
    """Name the record in the keyring by its place, so that two desks of one user keep two keys."""
    return hashlib.sha256(str(store.absolute()).encode()).hexdigest()[:32]


def _ring_has(store: Path) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, _name(store))
    except (KeyringError, RuntimeError, OSError) as error:
        log.debug("the keyring does not answer: %s", error)
        return None


def _ring_keeps(store: Path, key: bytes) -> bool:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, _name(store), key.hex())
        # Some backends accept everything and keep nothing.
        return keyring.get_password(SERVICE, _name(store)) == key.hex()
    except (KeyringError, RuntimeError, OSError) as error:
        log.debug("the keyring keeps nothing: %s", error)
        return False


def _looked(settings: Settings) -> str:
    places = {"file": str(settings.places.key), "keyring": "the keyring"}
    return places.get(settings.store.key, f"{settings.places.key} or the keyring")
