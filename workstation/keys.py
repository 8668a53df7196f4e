"""The store's key: 32 random bytes, kept by the machine's keyring where one answers, else in a file only its owner reads.

Passwords open the screen and never the disk (promise D1), so that a desk rings after a restart with nobody there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from workstation.domain.ids import Ids
from workstation.settings import Settings

log = logging.getLogger("tahuri.store")

KEY_BYTES = 32
_SERVICE = "tahuri"


class KeyMissing(Exception):
    """The record is there and its key is not; the text says where the key was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key and where it is kept: keyring, file, or plain (no key, by the development setting)."""

    value: bytes | None
    kept: str


def store_key(settings: Settings, ids: Ids) -> StoreKey:
    """The key of this desk's record; made when neither key nor record is there yet. Raises KeyMissing, OSError."""
    if settings.store.plain:
        return StoreKey(None, "plain")
    places = settings.places
    name = str(places.store.resolve())
    kept = _from_file(places.key) or (_from_keyring(name) if settings.store.key != "file" else None)
    if kept is not None:
        return kept
    if places.store.exists():
        raise KeyMissing(
            f"the record {places.store} is there, its key is neither in the keyring nor in {places.key}: "
            "put the key back, or restore the record from a copy; nothing was changed"
        )
    fresh = ids.secret(KEY_BYTES)
    if settings.store.key != "file" and _into_keyring(name, fresh):
        return StoreKey(fresh, "keyring")
    if settings.store.key == "keyring":
        raise KeyMissing("no keyring answers on this machine: set store.key = \"file\", or start the desk where one runs")
    _into_file(places.key, fresh)
    return StoreKey(fresh, "file")


def _from_file(path: Path) -> StoreKey | None:
    try:
        mode = path.stat().st_mode
        value = path.read_bytes()
    except FileNotFoundError:
        return None
    if sys.platform != "win32" and mode & 0o077:
        log.warning("the key file could be read by others: closed it (mode 0600)")
        path.chmod(0o600)
    if len(value) != KEY_BYTES:
        raise KeyMissing(f"{path} is not a key of {KEY_BYTES} bytes: put the right file back; nothing was changed")
    return StoreKey(value, "file")


def _into_file(path: Path, value: bytes) -> None:
    """Written whole or not at all, and never readable by others."""
    beside = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _from_keyring(name: str) -> StoreKey | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        found = keyring.get_password(_SERVICE, name)
        return StoreKey(bytes.fromhex(found), "keyring") if found else None
    except (KeyringError, ValueError, OSError) as error:
        log.info("no keyring: %s", type(error).__name__)
        return None


def _into_keyring(name: str, value: bytes) -> bool:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_SERVICE, name, value.hex())
        return keyring.get_password(_SERVICE, name) == value.hex()
    except (KeyringError, OSError) as error:
        log.info("no keyring: %s; the key goes into a file", type(error).__name__)
        return False
