"""What the screen may ask of the record, in one place; each read is bounded, indexed, a function of the record alone.

Run them with `desk.ask(lambda db: views.board(db, now))`. `now` is ms UTC by the desk's clock.
"""

from workstation.service.callviews import abandoned, call, calls_page, earlier_calls
from workstation.service.incidentviews import board, incident
from workstation.service.leadviews import conflicts, desks, queue, roster, skewed, unsent

__all__ = [
    "abandoned", "board", "call", "calls_page", "conflicts", "desks", "earlier_calls", "incident", "queue",
    "roster", "skewed", "unsent",
]  # fmt: skip
