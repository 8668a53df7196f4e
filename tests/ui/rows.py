"""Rows made by hand, for tests of what is pure."""

from __future__ import annotations

from typing import Any

from workstation.domain.rows import AssignmentRow, BoardRow, Step, Sync


def assignment(agency: str, step: Step, *, late: bool = False) -> AssignmentRow:
    return AssignmentRow(
        agency.encode().ljust(16, b"a"), b"", agency, "phone", "", step, 0, None, None, None, None, None, None, "", late
    )


def row(number: str, **values: Any) -> BoardRow:
    """An open incident; what isn't given is ordinary."""
    made: dict[str, Any] = {
        "uid": number.encode().ljust(16, b"u"),
        "number": number,
        "type": "fallen_tree",
        "priority": 2,
        "village": "",
        "place": "",
        "landmark": "",
        "lat": None,
        "lon": None,
        "opened_at": 0,
        "deadline": "",
        "deadline_from_at": None,
        "deadline_at": None,
        "assignments": (),
        "desk": "Meja 1",
        "status": "open",
        "rivals": 0,
        "sync": Sync.SERVER,
    }
    return BoardRow(**{**made, **values})
