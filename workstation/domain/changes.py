"""What a commit touched, so that each view decides for itself whether to repaint."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from workstation.domain.ids import Uid

_NONE: Final[frozenset[Uid]] = frozenset()


class Changes(Struct, frozen=True):
    """Uids of what changed, by kind of entity; `local` is true when a person or the phone of this desk did it."""

    offers: frozenset[Uid] = _NONE
    calls: frozenset[Uid] = _NONE
    incidents: frozenset[Uid] = _NONE
    assignments: frozenset[Uid] = _NONE
    people: frozenset[Uid] = _NONE
    gone: frozenset[bytes] = _NONE
    """Digests of attachments whose ops were erased."""
    local: bool = False

    def __or__(self, other: Changes) -> Changes:
        """Both together; local as soon as one is."""
        return Changes(
            self.offers | other.offers,
            self.calls | other.calls,
            self.incidents | other.incidents,
            self.assignments | other.assignments,
            self.people | other.people,
            self.gone | other.gone,
            self.local or other.local,
        )

    def __bool__(self) -> bool:
        return bool(self.offers or self.calls or self.incidents or self.assignments or self.people or self.gone)
