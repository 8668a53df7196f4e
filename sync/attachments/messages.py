"""What two logs say to each other about attachments (promise S12).

    POST  /v1/attachments            msgpack `Ask` -> `Have`: how far the asked has each of these files
    PATCH /v1/attachments/DIGEST     the next piece, from Upload-Offset of its header on -> 204, the new Upload-Offset
    GET   /v1/attachments/DIGEST     with one Range (RFC 9110, section 14) -> 206, the piece

`Upload-Offset` is the header of tus 1.0.0, "Resumable upload protocol", core protocol; 409 tells the offset to go on
from. DIGEST is 64 hex digits.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from workstation.domain.ops import DIGEST_BYTES

ATTACHMENTS: Final = "/v1/attachments"
OFFSET: Final = "upload-offset"
ASK_MOST: Final = 256
PIECE_MOST: Final = 1024 * 1024
"""Most bytes of one piece on the wire."""
UNNAMED, TOO_LARGE = -1, -2
"""In a `Have`: no op that the asked knows names this digest; the file is too large for it."""

ABSENT, OFFSET_WRONG, ALTERED, FULL, LARGE = "absent", "offset", "altered", "full", "too_long"
"""`Refusal.error` of what can be wrong: not here (yet), another offset, another digest, no room, too large."""
Digest = Annotated[bytes, msgspec.Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]


class Ask(msgspec.Struct, frozen=True):
    """Which files are meant."""

    digests: Annotated[list[Digest], msgspec.Meta(max_length=ASK_MOST)]


class Have(msgspec.Struct, frozen=True):
    """How many bytes of each the asked holds of the asker, in the order asked; all of them = it has the file."""

    offsets: list[int]
