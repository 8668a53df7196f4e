"""The routes of attachments over any log: admitted devices bring and fetch what an op of their site names (S12)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.attachments import messages
from sync.attachments.messages import ATTACHMENTS, OFFSET, PIECE_MOST, Ask, Have
from sync.attachments.shelf import NoRoom, OtherOffset, WrongDigest
from sync.entrance import Visitor
from sync.log import Log
from sync.refusal import Turned

log = logging.getLogger("sync")
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
_FULL_WAIT_S: Final = 60
_MEGABYTE: Final = 1_000_000
Guarded = Callable[[Callable[[Request, Visitor], Awaitable[Response]]], Callable[[Request], Awaitable[Response]]]
Body = Callable[[Request, int], Awaitable[bytes]]
Seen = Callable[[Visitor], frozenset[int] | None]


class Attachments:
    """The routes. `guarded` lets only the admitted in, `body` reads a bounded body, `seen` says whose ops one sees."""

    def __init__(self, source: Log, guarded: Guarded, body: Body, seen: Seen, most: int, ask_bytes: int) -> None:
        self._log, self._guarded, self._body, self._seen = source, guarded, body, seen
        self._most, self._ask_bytes = most, ask_bytes

    def routes(self) -> list[Route]:
        one = ATTACHMENTS + "/{digest}"
        return [
            Route(ATTACHMENTS, self._guarded(self._asked), methods=["POST"]),
            Route(one, self._guarded(self._bring), methods=["PATCH"]),
            Route(one, self._guarded(self._fetch), methods=["GET"]),
        ]

    async def _asked(self, request: Request, visitor: Visitor) -> Response:
        try:
            asked = msgspec.msgpack.decode(await self._body(request, self._ask_bytes), type=Ask)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Turned(400, "message", f"Not an ask: {error}.") from None
        offsets = await asyncio.to_thread(self._offsets, asked.digests, visitor)
        return Response(msgspec.msgpack.encode(Have(offsets)), media_type="application/msgpack")

    def _offsets(self, digests: list[bytes], visitor: Visitor) -> list[int]:
        named, shelf = self._log.attachments(digests, self._seen(visitor)), self._log.shelf

        def offset(digest: bytes) -> int:
            whole = named.get(digest, messages.UNNAMED)
            if whole > self._most:
                return messages.TOO_LARGE
            return whole if whole < 0 else shelf.reached(digest, visitor.replica, whole)

        return [offset(digest) for digest in digests]

    async def _bring(self, request: Request, visitor: Visitor) -> Response:
        digest, whole = await self._named(request, visitor)
        if whole > self._most:
            most = self._most // _MEGABYTE
            raise Turned(413, messages.LARGE, f"An attachment may have at most {most} MB here: this one is longer.")
        offset = request.headers.get(OFFSET, "")
        if not offset.isdigit() or len(offset) > 15:
            raise Turned(400, "message", "Upload-Offset is to say, in bytes, where the piece begins.")
        piece = await self._body(request, PIECE_MOST)
        try:
            here = await asyncio.to_thread(
                self._log.shelf.add, digest, visitor.replica, int(offset), piece, whole
            )  # fmt: skip
        except OtherOffset as other:
            turned = Turned(409, messages.OFFSET_WRONG, f"{other}: go on from there.")
            turned.headers[OFFSET] = str(other.offset)
            raise turned from None
        except WrongDigest:
            log.warning("replica %d brought %s, altered on the way: it was removed", visitor.replica, digest.hex())
            raise Turned(
                422, messages.ALTERED, "These bytes give another digest: they were removed, send them anew."
            ) from None
        except NoRoom as full:
            free = full.free // _MEGABYTE
            sentence = f"The disk has {free} MB left, which the record needs: make room, then it goes on by itself."
            raise Turned(507, messages.FULL, sentence, wait_s=_FULL_WAIT_S) from None
        except OSError as error:
            log.error("attachments can't be kept: %s", error)
            sentence = f"The folder of attachments can't be written ({error.strerror}): see to it at the server."
            raise Turned(507, messages.FULL, sentence, wait_s=_FULL_WAIT_S) from None
        return Response(status_code=204, headers={OFFSET: str(here)})

    async def _fetch(self, request: Request, visitor: Visitor) -> Response:
        digest, whole = await self._named(request, visitor)
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, whole - 1)
        if not await asyncio.to_thread(self._log.shelf.has, digest):
            await asyncio.to_thread(self._log.shelf.want, digest, whole)  # a hub above may have it
            raise Turned(404, messages.ABSENT, "This attachment is not here yet: whoever added it has not sent it.")
        if last < first or first >= whole:
            turned = Turned(416, "range", f"The attachment has {whole} bytes.")
            turned.headers["content-range"] = f"bytes */{whole}"
            raise turned
        piece = await asyncio.to_thread(self._log.shelf.read, digest, first, min(last - first + 1, PIECE_MOST))
        headers = {"content-range": f"bytes {first}-{first + len(piece) - 1}/{whole}", "cache-control": "no-store"}
        return Response(piece, 206, headers, media_type="application/octet-stream")

    async def _named(self, request: Request, visitor: Visitor) -> tuple[bytes, int]:
        """The digest that is asked for, and how long its file is. Raises Turned: no op the visitor may see names it."""
        text = str(request.path_params["digest"])
        digest = bytes.fromhex(text) if re.fullmatch("[0-9a-f]{64}", text) else b""
        named = await asyncio.to_thread(self._log.attachments, [digest], self._seen(visitor)) if digest else {}
        if digest not in named:
            raise Turned(404, "unnamed", "No op names this attachment: ops go first.")
        return digest, named[digest]
