"""An entity while the writer works on it, and what surrounds it, kept from one transaction to the next."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.rows import Step

HELD_MOST: Final = 1024
"""Entities kept in memory between transactions: those being typed in, and their neighbours."""


class Around(Struct, frozen=True):
    """What an incident's row says beyond its own state: the incidents it was merged with, and its agencies.

    `steps` are those of all assignments of all `members`; `newest` is this desk's newest op on any of them.
    """

    head: Uid
    members: tuple[Uid, ...]
    steps: tuple[Step, ...]
    newest: int


class Held(Struct):
    """An entity as it is on disk, or about to be.

    `kept` tells that it is in `entity`; `was` is the type its rows are kept under, None before it has any; `row` its
    row as last written; `erased` tells that retention took its bodies; `told` is the snapshot that
    says so, 0 = its ops here do.
    """

    id: int
    uid: Uid
    state: State
    own_seq: int = 0
    erased: bool = False
    kept: bool = False
    was: str | None = None
    row: tuple[Any, ...] | None = None
    around: Around | None = None
    told: int = 0
