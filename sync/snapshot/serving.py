"""The routes of the snapshot: its list, and its pieces as one file in ranges (RFC 9110, section 14; promise S6).

    GET /v1/snapshot/{part}           the signed list (`sync.snapshot.form`)
    GET /v1/snapshot/{part}/{name}    the pieces; ETag is the name, which no other file ever has

A part is made once for all who ask, one at a time, and given again while it is fresh; who reads an older one may end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sync.admission import device_of
from sync.entrance import Visitor
from sync.log import Log, LogAway
from sync.refusal import Turned
from sync.snapshot import ranges
from sync.snapshot.form import HUB, PARTS, Part
from sync.snapshot.making import Made, Told, make
from workstation.domain.hlc import Clock

log = logging.getLogger("sync")
FRESH_S: Final[dict[Part, float]] = {"open": 15.0, "all": 600.0}
"""How long a part is given to who asks; the ops since then come by the pull."""
KEPT: Final = 4
"""Files of a part that still can be read; the oldest goes for a new one."""
UNREAD_S: Final = 1_200.0
"""A file that nobody has read for so long goes."""
WAIT_S: Final = 5.0
"""How long an asker waits for a part that is being made, before it is told to come back."""


class _Kept:
    def __init__(self, made: Made, now_s: float) -> None:
        self.made, self.made_s, self.read_s = made, now_s, now_s


class Snapshots:
    """Makes, keeps and gives the parts of one log's snapshot. On the server's loop, but for the making."""

    def __init__(self, source: Log, secret: Callable[[int], bytes], clock: Clock) -> None:
        self._log, self._secret, self._clock = source, secret, clock
        self._kept: dict[Part, list[_Kept]] = {part: [] for part in PARTS}
        self._making: dict[Part, asyncio.Task[_Kept]] = {}
        self._turn = asyncio.Lock()
        self._closed = False

    async def listed(self, request: Request, _visitor: Visitor) -> Response:
        """The signed list of a part, made now where there is no fresh one."""
        part, source = self._part(request), self._source()
        kept = await self._fresh(part, source)
        return Response(msgspec.msgpack.encode(kept.made.listed), media_type="application/msgpack")

    async def file(self, request: Request, _visitor: Visitor) -> Response:
        """A part's pieces, or a range of their bytes."""
        part, name = self._part(request), request.path_params["name"]
        kept = next((kept for kept in self._kept[part] if kept.made.name == name), None)
        if kept is None:
            raise Turned(404, "gone", "This snapshot is not, or no longer, here: ask for the list again.")
        kept.read_s = self._clock.monotonic_s()
        made, tag = kept.made, f'"{name}"'
        headers = {"etag": tag, "accept-ranges": "bytes", "cache-control": "no-store"}
        wanted = request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""
        try:
            span = ranges.asked(wanted, made.size)
        except ranges.Unsatisfiable:
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{made.size}"})
        first, last = span or (0, made.size - 1)
        if part == "open" and last == made.size - 1:  # who has all of it asks for everything next
            self._begin("all", self._source())
        headers["content-length"] = str(last + 1 - first)
        if span is not None:
            headers["content-range"] = f"bytes {first}-{last}/{made.size}"
        kind = "application/octet-stream"
        return StreamingResponse(made.read(first, last), 206 if span else 200, headers, media_type=kind)

    def close(self) -> None:
        """Give the disk back; nothing is made from now on."""
        self._closed = True
        for kept in [kept for part in PARTS for kept in self._kept[part]]:
            kept.made.close()
        self._kept = {part: [] for part in PARTS}

    def _part(self, request: Request) -> Part:
        part = next((part for part in PARTS if part == request.path_params["part"]), None)
        if part is None:
            raise _none("There is no such part of a snapshot.")
        return part

    def _source(self) -> Told:
        """The log, where a snapshot of it can be made: a hub's, of one site. Raises Turned."""
        source, rosters = self._log, self._log.trust().rosters
        device = device_of(rosters, source.replica)
        if device is None or device.role != HUB or not hasattr(source, "foretold"):
            raise _none("Only a hub gives snapshots.")
        if len(rosters) > 1:
            raise _none("This hub keeps several sites, and gives no snapshot of one.")
        return cast(Told, source)

    async def _fresh(self, part: Part, source: Told) -> _Kept:
        kept = self._kept[part]
        if kept and self._clock.monotonic_s() - kept[-1].made_s < FRESH_S[part] and self._same_life(kept[-1]):
            return kept[-1]
        task = self._begin(part, source)
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Turned(503, "busy", "The snapshot is being made: come back in a moment.", wait_s=2) from None
        except LookupError:
            raise _none("This hub is itself still taking a snapshot in.") from None
        except OSError as error:
            log.warning("no snapshot can be made: %s", error)
            raise _none("This machine has no room for a snapshot.") from None

    def _same_life(self, kept: _Kept) -> bool:
        """Whether the log is the one it was made of: one that was restored has other ops."""
        return kept.made.epoch == self._log.epoch

    def _begin(self, part: Part, source: Told) -> asyncio.Task[_Kept]:
        """Have a part made, unless that is under way."""
        task = self._making.get(part)
        if task is None or task.done():
            task = self._making[part] = asyncio.create_task(self._make(part, source))
            task.add_done_callback(_told)
        return task

    async def _make(self, part: Part, source: Told) -> _Kept:
        async with self._turn:
            kept, now_s = self._kept[part], self._clock.monotonic_s()
            if kept and now_s - kept[-1].made_s < FRESH_S[part] and self._same_life(kept[-1]):
                return kept[-1]
            made = await asyncio.to_thread(make, source, part, self._secret)
            if self._closed:
                made.close()
                raise LogAway("the server stops")
            self._tidy()
            kept = self._kept[part]
            kept.append(_Kept(made, self._clock.monotonic_s()))
            if len(kept) > KEPT:
                kept.pop(0).made.close()
            asyncio.get_running_loop().call_later(UNREAD_S + 1, self._tidy)
            return kept[-1]

    def _tidy(self) -> None:
        """Files nobody reads any more go."""
        now_s = self._clock.monotonic_s()
        for part, all_kept in self._kept.items():
            old = [kept for kept in all_kept if now_s - max(kept.made_s, kept.read_s) > UNREAD_S]
            for kept in old:
                kept.made.close()
            self._kept[part] = [kept for kept in all_kept if kept not in old]


def _none(sentence: str) -> Turned:
    """There is no snapshot here: the asker pulls from the first op on."""
    return Turned(404, "none", sentence)


def _told(task: asyncio.Task[_Kept]) -> None:
    """What went wrong in a making nobody waited for is told in the log."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("a snapshot was not made: %s", error)
