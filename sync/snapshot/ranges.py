"""Which bytes a request asks for: one range (RFC 9110, section 14). Several, or other units, are answered whole."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class Unsatisfiable(Exception):
    """A range that lies behind the end: 416."""


def asked(field: str, size: int) -> tuple[int, int] | None:
    """First and last byte, both included, that a Range field of `field` asks of `size` bytes; None = all of them.

    A field that is no range of bytes is as good as none (section 14.2). Raises Unsatisfiable.
    """
    found = _ONE.fullmatch(field.strip().replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last so many
        count = min(int(found[2]), size)
        if not count:
            raise Unsatisfiable
        return size - count, size - 1
    first, last = int(found[1]), min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return first, last
