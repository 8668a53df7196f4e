"""Keeping the record's key sealed to the site's recovery key, in a file beside the record (promise D1)."""

from __future__ import annotations

import logging
from pathlib import Path

from workstation import recovery
from workstation.domain.ids import Ids
from workstation.domain.roster import Rosters

log = logging.getLogger("store")


class Escrow:
    """Seals anew whenever the site names another recovery key; a plain record has no key to seal."""

    def __init__(self, record: Path, key: bytes | None, site: str, ids: Ids) -> None:
        self._path, self._key, self._site, self._ids = recovery.place(record), key, site, ids

    def follow(self, rosters: Rosters) -> None:
        """See that what lies beside the record is sealed to the key these rosters name.

        A disk that takes no file is said in the log, and by the doctor; it never stops the record.
        """
        roster = rosters.get(self._site)
        if self._key is None or roster is None or not roster.recovery:
            return
        lying = recovery.read(self._path)
        wanted = (recovery.name_of(self._key), self._site, roster.recovery)
        if lying is not None and (lying.of, lying.site, lying.to) == wanted:
            return
        try:
            recovery.write(self._path, self._site, self._key, roster.recovery, self._ids.secret)
        except (OSError, ValueError) as error:
            log.error("the record's key could not be sealed to the site's recovery key: %s", error)
