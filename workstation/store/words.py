"""What of an op can be searched for: its text, one piece that is never rewritten, so an old address stays findable."""

from __future__ import annotations

from typing import Final

from workstation.domain.ops import Op

_FIELDS: Final = {
    "offer.rang": ("number", "e164", "display"),
    "incident.opened": ("number",),
    "incident.noted": ("text",),
    "entry.corrected": ("text",),
    "assignment.planned": ("agency", "unit"),
}


def words(op: Op) -> str:
    """The searchable text of an op, "" where it has none."""
    found: list[object] = [op.body.get(name) for name in _FIELDS.get(op.kind, ())]
    writes = op.body.get("set")
    if isinstance(writes, dict):
        found += [pair[0] for pair in writes.values() if isinstance(pair, list) and pair]
    return " ".join(text for value in found for text in _texts(value))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
