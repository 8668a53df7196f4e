"""Which database keeps the hub's log, after `--store`: one place that opens either."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from sync.attachments.shelf import Shelf
from sync.hub import settings
from sync.hub.log import sqlite
from sync.hub.settings import Secret, SettingWrong
from sync.log import DeskLog
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids


class HubLog(DeskLog, Protocol):
    """A log that a hub keeps: founded here, kept in step with a hub above, and closed at the end."""

    def believe(self, site: str, key: bytes) -> None:
        """Take a site's public key as the root of all rights in it."""
        ...

    def close(self) -> None:
        """Finish what waits, then let go of the database."""
        ...


class Chosen(Struct, frozen=True):
    """A store that has been looked at, and not opened yet: `place` names it without its secrets."""

    url: str
    place: str
    key: Secret
    path: Path | None
    attachments: Path | None = None

    @property
    def wrote(self) -> Path:
        """Where is kept how far the hub of a server's database has written: no dump of it brings that along."""
        return self.key.path.with_name(self.key.path.name + ".wrote")

    def open(self, clock: Clock, ids: Ids, site: str) -> HubLog:
        """Raises LogRefused."""
        if self.path is not None:
            log = sqlite.open_log(self.path, self.key.value, clock=clock, ids=ids, site=site)
            if self.attachments is not None:
                log.shelf = Shelf(self.attachments)
            return log
        from sync.hub.log import postgres

        return postgres.open_log(
            self.url, self.key.value, clock=clock, ids=ids, site=site, attachments=self.attachments, wrote=self.wrote
        )


def chosen(store: str, key_file: Path | None, ids: Ids, attachments: Path | None = None) -> Chosen:
    """The store of `--store` and `--key-file`; the key is made for a store that is not there yet.

    Its attachments lie in `attachments`; None = beside the file, for a database in the folder the hub is started in.

    Raises SettingWrong, LogRefused.
    """
    if not settings.is_postgres(store):
        path = settings.store_path(store)
        key = settings.key_in(key_file or path.with_name(path.name + ".key"), path, ids)
        return Chosen(store, str(path), key, path, attachments)
    # Loaded when it is asked for: a hub on a file needs no driver.
    from sync.hub.log import postgres

    if postgres.tells_secret(store):
        raise SettingWrong(
            "--store holds a password, and every user of this machine can read what a program is started with: "
            "put it into ~/.pgpass, or another file of mode 0600 named by PGPASSFILE, and leave it away here."
        )
    name, place = postgres.name_of(store), postgres.shown(store)
    key = settings.key_for(key_file or Path(f"{name}.key"), place, postgres.examine(store), ids)
    return Chosen(store, place, key, None, attachments)
