"""The calls that are over, kept a while so that a late request to one still gets an answer."""

from __future__ import annotations

import asyncio

from .session import Session

ENDED_MOST = 500
Dialog = tuple[str, str]
"""Call-ID and our tag (RFC 3261 section 12)."""


class EndedCalls:
    """Remembers ended sessions for `wait` seconds, the newest `most` of them: however many calls came and went, they
    cost no more than this, and never the room of a call that is still up.
    """

    def __init__(self, wait: float, most: int = ENDED_MOST) -> None:
        self._wait, self._most = wait, most
        self._kept: dict[Dialog, tuple[Session, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, dialog: Dialog) -> Session | None:
        """Give the ended session of this dialog, None when it is not known (any more)."""
        kept = self._kept.get(dialog)
        return None if kept is None else kept[0]

    def keep(self, session: Session) -> None:
        """Remember a session that has just ended; where that is one too many, the oldest is forgotten."""
        dialog = session.call_id, session.local_tag
        self._forget(dialog)
        while len(self._kept) >= self._most:
            self._forget(next(iter(self._kept)))
        end = asyncio.get_running_loop().call_later(self._wait, self._forget, dialog)
        self._kept[dialog] = session, end

    def clear(self) -> None:
        """Forget all of them, and their timers."""
        for dialog in list(self._kept):
            self._forget(dialog)

    def _forget(self, dialog: Dialog) -> None:
        kept = self._kept.pop(dialog, None)
        if kept is not None:
            kept[1].cancel()
