"""A bundle as a file: frames of ops, sealed to the devices that may read it and signed by the one that made it (S8).

    bundle  = mark, length, header, records, signature
    header  = [site, replica of the maker, [[replica, box], …]]; a box holds the bundle's key, as `workstation.recovery`
              seals, and only the device it is made for opens it
    record  = length (its first bit: whether it is the last), AES-256-GCM under that key; its place, whether it is the
              last, and the header's hash are bound in
    records = an `Opening`, frames as of `sync.frame`, a `Closing`
    signature = the maker's device's, over the sha256 of all before it

The header alone can be read by a finder: the site's name, and for which numbers of devices the bundle is.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import Annotated, BinaryIO, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.opwire import SALT_BYTES
from sync.protocol import FRAME_BYTES, FRAME_OVERHEAD
from workstation.domain.kinds import SIGNATURE_BYTES
from workstation.domain.sentence import Sentence, say
from workstation.recovery import KEY_BYTES, RecoveryKey, seal_to
from workstation.signing import Signer
from workstation.words import Spoken

MARK: Final = b"TAHK\x00\x01"
SUFFIX: Final = ".kurir"
RECIPIENTS_MOST: Final = 1_000
_SIGNED: Final = b"tahuri courier 1\0"
_LENGTH: Final = struct.Struct(">I")
_LAST: Final = 1 << 31
_TAG_BYTES: Final = 16
_BOX_BYTES: Final = KEY_BYTES + KEY_BYTES + _TAG_BYTES
_HEADER_MOST: Final = 256 * 1024
_RECORD_MOST: Final = 4 * (FRAME_BYTES + FRAME_OVERHEAD)
"""A frame is a quarter of it; the opening holds the site's roster."""
_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_SEQ = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_BOX = Annotated[bytes, msgspec.Meta(min_length=_BOX_BYTES, max_length=_BOX_BYTES)]
_SALT = Annotated[bytes, msgspec.Meta(max_length=SALT_BYTES)]
_S = TypeVar("_S")


PARTS: Final = ("mark", "header", "opening", "record", "closing", "signature", "behind")
"""Where a bundle can be damaged; the words for it are `courier.part.*`."""


class NotCarried(Spoken):
    """Why a bundle was not made or not taken; its sentence says what to do."""


class Damaged(NotCarried):
    """The bundle was cut or changed on its way; `part` is one of `PARTS`, `number` that of a record."""

    def __init__(self, part: str, number: int = 0) -> None:
        self.part, self.number = part, number
        where = Sentence(f"courier.part.{part}", (("n", number),))
        super().__init__(say("courier.damaged", part=where))


class Header(msgspec.Struct, array_like=True, frozen=True):
    """Whose bundle it is and for whom."""

    site: Annotated[str, msgspec.Meta(max_length=200)]
    replica: _U32
    boxes: Annotated[list[tuple[_U32, _BOX]], msgspec.Meta(max_length=RECIPIENTS_MOST)]


class Opening(msgspec.Struct, array_like=True, frozen=True):
    """What goes before the frames.

    `since`: what the reader must have already; `had`: all the maker had; `roster`: who is who, as the maker knows it,
    ops with their salts: a reader may never have heard of the maker. `at`: ms UTC by the maker's clock.
    """

    since: dict[_U32, _SEQ]
    had: dict[_U32, _SEQ]
    roster: Annotated[list[tuple[bytes, _SALT]], msgspec.Meta(max_length=10_000)]
    at: int


class Closing(msgspec.Struct, array_like=True, frozen=True):
    """What was written: how many frames and ops, and how far each replica in them goes."""

    frames: int
    ops: int
    reach: dict[_U32, _SEQ]


class Writer:
    """Writes a bundle onto `out`, which is at its beginning; every write may raise OSError."""

    def __init__(self, out: BinaryIO, header: Header, key: bytes) -> None:
        self._out, self._hash, self._aead, self._number = out, hashlib.sha256(), AESGCM(key), 0
        packed = msgspec.msgpack.encode(header)
        self._bound = hashlib.sha256(packed).digest()
        self._write(MARK + _LENGTH.pack(len(packed)) + packed)

    def put(self, plain: bytes, *, last: bool = False) -> None:
        """One more record."""
        sealed = self._aead.encrypt(self._number.to_bytes(12, "big"), plain, _binding(self._bound, last))
        self._write(_LENGTH.pack(len(sealed) | (_LAST if last else 0)) + sealed)
        self._number += 1

    def sign(self, device: Signer) -> None:
        """The maker's word on all that was written."""
        self._out.write(device.sign(_SIGNED + self._hash.digest()))

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._out.write(data)


class Reader:
    """Reads a bundle from `source`, which is at its beginning. Raises Damaged, and OSError where it can't be read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._hash = source, hashlib.sha256()
        if self._read(len(MARK), "mark") != MARK:
            raise NotCarried(say("courier.no_bundle"))
        (size,) = _LENGTH.unpack(self._read(_LENGTH.size, "header"))
        packed = self._read(size if size <= _HEADER_MOST else -1, "header")
        self.header = decoded(packed, Header, "header")
        self._bound = hashlib.sha256(packed).digest()
        self.signature = b""
        self.signed = b""

    def key(self, own: RecoveryKey, replica: int) -> bytes | None:
        """The bundle's key, None where it is not for this device."""
        boxes = [box for number, box in self.header.boxes if number == replica]
        if not boxes:
            return None
        context = box_context(self.header.site, self.header.replica, replica)
        opened = next((key for box in boxes if (key := own.open(box, context)) is not None), None)
        if opened is None:
            raise Damaged("header")
        return opened

    def records(self, key: bytes) -> Iterator[bytes]:
        """What the records hold, in their order; after the last, `signature` and what it is to be of, `signed`."""
        aead, number, last = AESGCM(key), 0, False
        while not last:
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size, "record", number + 1))
            last, size = bool(length & _LAST), length & ~_LAST
            sealed = self._read(size if _TAG_BYTES <= size <= _RECORD_MOST else -1, "record", number + 1)
            try:
                yield aead.decrypt(number.to_bytes(12, "big"), sealed, _binding(self._bound, last))
            except InvalidTag:
                raise Damaged("record", number + 1) from None
            number += 1
        self.signed = _SIGNED + self._hash.digest()
        self.signature = self._read(SIGNATURE_BYTES, "signature")
        if self._source.read(1):
            raise Damaged("behind")

    def _read(self, size: int, part: str, number: int = 0) -> bytes:
        data = self._source.read(size) if size >= 0 else b""
        if size < 0 or len(data) != size:
            raise Damaged(part, number)
        self._hash.update(data)
        return data


def box_context(site: str, maker: int, reader: int) -> bytes:
    """What a box is bound to: it opens as nothing else."""
    return b"courier\0" + site.encode() + b"\0" + maker.to_bytes(4, "big") + reader.to_bytes(4, "big")


def boxed(site: str, maker: int, reader: int, public: bytes, key: bytes, random: Callable[[int], bytes]) -> bytes:
    """The bundle's key, for one reader. Raises ValueError where `public` is no key to seal to."""
    return seal_to(public, key, box_context(site, maker, reader), random)


def decoded(data: bytes, kind: type[_S], part: str) -> _S:
    """What a part holds. Raises Damaged."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Damaged(part) from None


def _binding(bound: bytes, last: bool) -> bytes:
    return MARK + bound + bytes([last])


__all__ = ["MARK", "SUFFIX", "Closing", "Damaged", "Header", "NotCarried", "Opening", "Reader", "Sentence", "Writer"]
