"""What a call is called on the calls page, and its mark."""

from __future__ import annotations

from ui import figures
from ui.i18n import language, tr
from ui.widgets.marks import CALL_FACE
from workstation.domain.rows import CallRow
from workstation.service.desk import Desk

TYPE_ICON = {
    "emergency": "tick",
    "prank": "cross",
    "silent": "mic-off",
    "wrong_number": "loop",
    "test": "flask",
    "information": "info",
    "report": "handover",
    "dropped": "missed",
    "follow_up": "return",
}
LIVE = ("ringing", "talking", "held")


def number_words(number: str) -> str:
    """A number in groups, or that there is none."""
    return figures.phone(number) if number else tr("calls.no_number")


def call_icon(row: CallRow) -> tuple[str, str]:
    """The mark of a call and its colour: what is going on first, then what it was."""
    if row.status in (*LIVE, "abandoned"):
        return CALL_FACE[row.status]
    return TYPE_ICON.get(row.type, "phone"), "text2"


def call_word(desk: Desk, row: CallRow) -> tuple[str, str]:
    """What the call is or was, and the colour of the word; an ended call nobody typed says so."""
    if row.status == "abandoned":
        return tr("calls.left"), "amber"
    if row.status in LIVE:
        return tr(f"calls.{row.status}"), "text"
    known = desk.catalogue.call_types.get(row.type)
    if known is not None:
        return known.label(language()), "text"
    return (figures.plain(row.type), "text") if row.type else (tr("calls.untyped"), "text3")


def about(desk: Desk, row: CallRow) -> str:
    """What the call led to: its incident's number and type."""
    kind = desk.catalogue.types.get(row.incident_type)
    name = kind.label(language()) if kind else figures.plain(row.incident_type)
    return f"{row.incident_number} {name}".strip()


def ring_ms(row: CallRow, now_ms: int) -> int:
    """How long it rang: until the answer, the end, or now."""
    until = row.answered_at if row.answered_at is not None else row.ended_at if row.ended_at is not None else now_ms
    return max(0, until - row.rang_at)


def talk_ms(row: CallRow, now_ms: int) -> int | None:
    """How long was talked; None if nobody answered."""
    if row.answered_at is None:
        return None
    return max(0, (row.ended_at if row.ended_at is not None else now_ms) - row.answered_at)
