"""What the hub is told at start, checked before anything is opened: where to listen, which store, which secrets."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from workstation.domain.ids import Ids

_LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")
_SQLITE: Final = "sqlite:///"
KEY_BYTES: Final = 32


class SettingWrong(Exception):
    """A setting that can't be used; the text is one sentence that says what to do."""


class Secret(Struct, frozen=True):
    """A secret kept in a file; `made` tells that the file was not there before."""

    path: Path
    value: bytes
    made: bool


def listen_address(text: str) -> tuple[str, int]:
    """HOST:PORT or [V6]:PORT; port 0 takes a free one. Raises `SettingWrong`."""
    found = _LISTEN.fullmatch(text)
    if not found or int(found["port"]) > 65_535:
        raise SettingWrong(f"--listen {text!r} is no HOST:PORT; write for example --listen 0.0.0.0:8112.")
    return found["six"] or found["host"], int(found["port"])


def store_path(text: str) -> Path:
    """The file behind sqlite:///PATH (sqlite:////PATH is absolute). Raises `SettingWrong`."""
    if not text.startswith(_SQLITE) or len(text) == len(_SQLITE):
        raise SettingWrong(
            f"--store {text!r} names no store; write for example --store sqlite:///hub.db or "
            "--store postgresql://USER@HOST/DATABASE."
        )
    path = Path(text.removeprefix(_SQLITE))
    if not path.parent.is_dir():
        raise SettingWrong(f"--store: the folder {path.parent} is not there; make it, or name another.")
    return path


def peer_url(text: str) -> str:
    """The address of another hub, "" = none. Raises `SettingWrong`."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.username
        good = good and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        good = False
    if text and not good:
        raise SettingWrong(f"{text!r} is no address of a hub; write for example https://central.example:8112.")
    return text


def is_postgres(text: str) -> bool:
    """Whether `--store` names a database of a PostgreSQL server."""
    return text.startswith(("postgresql://", "postgres://"))


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to the address, before any store is opened. Raises `SettingWrong`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off; else each answer waits 40 ms for an ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # there the option would let two hubs share a port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise SettingWrong(
            f"Can't listen on {host}:{port} ({error.strerror}); stop what uses it, or choose another with --listen."
        ) from None
    return bound


def key_in(path: Path, store: Path, ids: Ids) -> Secret:
    """The key of the store in this file, as `key_for`."""
    return key_for(path, str(store), store.exists() and store.stat().st_size > 0, ids)


def key_for(path: Path, store: str, there: bool, ids: Ids) -> Secret:
    """The store's 256-bit key: 64 hex digits in a file of mode 0600; made for a store that is not there yet.

    Raises `SettingWrong`, also for a store whose key file is gone: a new key would not open it.
    """
    if there and not path.exists():
        raise SettingWrong(f"The key file {path} of {store} is missing; restore its copy, or name it with --key-file.")
    secret = _kept(path, lambda: ids.secret(KEY_BYTES).hex())
    try:
        key = bytes.fromhex(secret.value.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingWrong(f"{path} holds no key of 64 hex digits; restore its copy, the store can't be read without.")
    return Secret(path, key, secret.made)


def plain_allowed(host: str) -> bool:
    """Whether a wire without TLS may be served there: on this machine's own loopback only."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _kept(path: Path, make: Callable[[], str]) -> Secret:
    made = False
    if not path.exists():
        _write_new(path, make())
        made = True
    try:
        text = path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingWrong(f"{path} can't be read ({error}); give the hub's account leave to read it.") from None
    if os.name != "nt" and path.stat().st_mode & 0o077:
        raise SettingWrong(f"{path} can be read by others; run: chmod 600 {path}")
    return Secret(path, text.encode(), made)


def _write_new(path: Path, text: str) -> None:
    """A secret on disk, whole or not at all: half of one would be read as one at the next start."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingWrong(f"{path} can't be made ({error.strerror}); name another file.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()
        raise SettingWrong(f"{path} can't be written ({error.strerror}); free some space, then start again.") from None
