"""What can be wrong with the wire, and the one sentence an operator reads about it, in whatever language."""

from __future__ import annotations

from typing import Final

from sync import protocol
from workstation.domain.sentence import say

DOWN: Final = say("hub.down")
STRANGE: Final = say("hub.strange")
UNENROLLED: Final = say("hub.unenrolled")
UNTRUSTED: Final = say("hub.untrusted")
BROKEN: Final = say("hub.broken")
OFF: Final = say("hub.off")
_SENTENCES: Final = {
    400: say("hub.not_understood"),
    401: say("hub.busy"),
    403: say("hub.not_enrolled"),
    404: say("hub.address"),
    409: say("hub.other_history"),
    413: say("hub.too_large"),
    426: say("hub.version"),
    429: say("hub.busy"),
    503: say("hub.busy"),
    507: say("attachment.full_there"),
}
_TROUBLED: Final = say("hub.troubled")
_NEED_A_PERSON: Final = frozenset({400, 403, 404, 409, 413, 426})


class LinkFault(Exception):
    """Any reason why an exchange with the peer did not come to its end. `state` and `sentence` are for `LinkStatus`."""

    state = "down"
    sentence = DOWN
    retry_after_s: float | None = None


class LinkDown(LinkFault):
    """No usable answer: refused connection, silence, reset, or bytes that are no answer of ours."""


class TooSlow(LinkDown):
    """What was on its way did not get through in the time it had."""


class Strange(LinkFault):
    """An answer that can't be read, or ops that can't be taken: waiting alone won't cure it."""

    state = "refused"
    sentence = STRANGE


class Untrusted(LinkFault):
    """The peer does not prove that it is a device of the site."""

    state = "refused"
    sentence = UNTRUSTED


class Unenrolled(LinkFault):
    """This desk belongs to no site yet: no peer was asked."""

    state = "refused"
    sentence = UNENROLLED

    def __init__(self) -> None:
        super().__init__("this desk belongs to no site yet: join it with a one-time code")


class Refused(LinkFault):
    """The peer answered with an error: HTTP `status`, what it said, and how long it asks to be left alone."""

    offset: int | None = None
    """How much of an attachment the peer has, where it says so."""

    def __init__(self, status: int, said: protocol.Refusal, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP {status} {said.error}: {said.sentence}"[:500])
        self.status = status
        self.said = said
        self.retry_after_s = retry_after_s
        self.state = "refused" if status in _NEED_A_PERSON else "down"
        self.sentence = _SENTENCES.get(status, _TROUBLED)
