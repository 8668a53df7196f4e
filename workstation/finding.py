"""One finding of the doctor."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

GOOD, LOOK, FAILED = "good", "look", "failed"
EXIT: Final = {GOOD: 0, LOOK: 1, FAILED: 2}


class Check(Struct, frozen=True):
    """One finding: `state` good, look (works, but not as it should) or failed; `remedy` "" = nothing to be done."""

    name: str
    state: str
    sentence: str
    remedy: str = ""
