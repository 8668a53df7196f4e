"""What the screen may ask of the record, in one place; each read is bounded, indexed, a function of the record alone.

Run them with `desk.see(views.board, now)`: it sees to it that the role may (`rights.SEES`) and that the look is in the
access log. `now` is ms UTC by the desk's clock.
"""

from workstation.service.access import access_log
from workstation.service.attachments import attachment, attachments
from workstation.service.callviews import abandoned, at_ring, call, calls_and_abandoned, calls_page, earlier_calls
from workstation.service.incidentviews import board, incident
from workstation.service.leadviews import carried, conflicts, desks, queue, roster, shift, skewed, unsent
from workstation.service.retention import due, holds
from workstation.service.search import search

__all__ = [
    "abandoned", "access_log", "at_ring", "attachment", "attachments", "board", "call", "calls_and_abandoned",
    "calls_page", "carried", "conflicts", "desks", "due", "earlier_calls", "holds", "incident", "queue", "roster",
    "search", "shift", "skewed", "unsent",
]  # fmt: skip
