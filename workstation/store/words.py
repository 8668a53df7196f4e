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
    body, found = op.body, list[str]()
    # Loops of its own: this is done for every op there is, and what stands in which field is not asked.
    for name in _FIELDS.get(op.kind, ()):
        _gather(body.get(name), found)
    writes = body.get("set")
    if type(writes) is dict:
        for pair in writes.values():
            if type(pair) is list and pair:
                _gather(pair[0], found)
    return " ".join(found)


def pieces(op: Op) -> list[tuple[str, str]]:
    """The searchable texts of an op, each with the name of the field it stands in."""
    found: list[tuple[str, object]] = [(name, op.body.get(name)) for name in _FIELDS.get(op.kind, ())]
    writes = op.body.get("set")
    if isinstance(writes, dict):
        found += [(str(name), pair[0]) for name, pair in writes.items() if isinstance(pair, list) and pair]
    return [(name, text) for name, value in found for text in _texts(value)]


def _gather(value: object, found: list[str]) -> None:
    if type(value) is str:
        if value:
            found.append(value)
    elif type(value) is list:
        found += [item for item in value if type(item) is str]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
