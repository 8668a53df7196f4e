"""A snapshot's bytes: a signed list of pieces, and the pieces, each of which can be checked alone (promise S6).

    signed   = [list, signature]; the hub's device signs `_SIGNED` and the list's bytes
    list     = [version, fold, part, site, replica, epoch, vector, [[bytes, digest, entities], …]]
    piece    = zstd([[uid, erased, state], …])

`vector` says which ops are folded into the states. The pieces one after another are the file that is served in ranges
(RFC 9110, section 14); its name is the list's hash. There are two parts: `open` has what is being worked on and who
works here, `all` has everything, the newest first. Ops are in neither: they come by the pull, checked as ever.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec
import zstandard

from workstation.domain.ids import UID_BYTES, Uid
from workstation.domain.kinds import KINDS, SIGNATURE_BYTES
from workstation.domain.merge import FOLD_VERSION, State
from workstation.domain.ops import DIGEST_BYTES
from workstation.domain.roster import NO_LIMIT, Rosters, Verify
from workstation.domain.sentence import say
from workstation.signing import Signer
from workstation.words import Spoken

VERSION: Final = 1
Part = Literal["open", "all"]
PARTS: Final[tuple[Part, ...]] = ("open", "all")
HUB: Final = "hub"
"""The role of the devices whose word a snapshot's states are taken on."""
KEPT_AS: Final = "snapshot"
"""Under this name a record keeps how far a snapshot has been taken."""
PIECE_BYTES: Final = 256 * 1024
"""Bytes of states after which a piece is full, before compression."""
_ENTITIES_MOST: Final = 2_000
STATE_MOST: Final = 1024 * 1024
"""A longer state is in no snapshot: it comes by its ops."""
PIECE_MOST: Final = PIECE_BYTES + STATE_MOST + 64 * 1024
"""Most bytes a piece may unfold to."""
PIECES_MOST: Final = 16_384
"""Most pieces of a part: some millions of entities. What is beyond comes by its ops."""
LIST_MOST: Final = 2 * 1024 * 1024
_SIGNED: Final = b"tahuri snapshot 1\0"
_LEVEL: Final = 3
_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_SEQ = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_UID = Annotated[bytes, msgspec.Meta(min_length=UID_BYTES, max_length=UID_BYTES)]
_DIGEST = Annotated[bytes, msgspec.Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
_S = TypeVar("_S")


class NoSnapshot(Spoken):
    """Why a snapshot is not taken; its sentence says what happens instead. Nothing of it that was bad is applied."""


class Folded(NamedTuple):
    """An entity as its ops up to the snapshot's vector make it: `packed` is its state's bytes."""

    uid: Uid
    erased: bool
    packed: bytes


class Foretold(NamedTuple):
    """An entity out of a piece, checked: nothing in its state is unknown to this program."""

    uid: Uid
    erased: bool
    state: State


class Piece(msgspec.Struct, array_like=True, frozen=True):
    """A piece as the list has it: how long it is, the sha256 of its bytes, how many entities are in it."""

    size: Annotated[int, msgspec.Meta(ge=1, le=PIECE_MOST)]
    digest: _DIGEST
    entities: Annotated[int, msgspec.Meta(ge=1, le=_ENTITIES_MOST)]


class Contents(msgspec.Struct, array_like=True, frozen=True):
    """What a part of a snapshot is, and of what: see the module."""

    version: _U32
    fold: _U32
    part: Part
    site: Annotated[str, msgspec.Meta(max_length=64)]
    replica: _U32
    epoch: Annotated[bytes, msgspec.Meta(max_length=64)]
    vector: Annotated[dict[_U32, _SEQ], msgspec.Meta(max_length=100_000)]
    pieces: Annotated[list[Piece], msgspec.Meta(max_length=PIECES_MOST)]

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.size for piece in self.pieces)


class Listed(msgspec.Struct, array_like=True, frozen=True):
    """The list as it travels, with the hub's signature."""

    packed: Annotated[bytes, msgspec.Meta(max_length=LIST_MOST)]
    signature: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]

    @property
    def name(self) -> str:
        """What the file of the pieces is called: another list, another name."""
        return hashlib.sha256(self.packed).hexdigest()


class _Version(msgspec.Struct, array_like=True, frozen=True):
    version: _U32
    fold: _U32


_encoder = msgspec.msgpack.Encoder()
_states = msgspec.msgpack.Decoder(list[tuple[_UID, bool, msgspec.Raw]])
_state = msgspec.msgpack.Decoder(State)


def sign(contents: Contents, device: Signer) -> Listed:
    """The list of a part, signed by the hub that made it."""
    packed = _encoder.encode(contents)
    return Listed(packed, device.sign(_SIGNED + packed))


def believed(listed: Listed, part: Part, site: str, hub: int, rosters: Rosters, verify: Verify) -> Contents:
    """The list, once it is known to be of this site's hub `hub`, in words understood here. Raises NoSnapshot."""
    roster = rosters.get(site)
    device = roster.by_replica.get(hub) if roster else None
    if device is None or device.role != HUB or device.upto != NO_LIMIT:
        raise NoSnapshot(say("snapshot.stranger"))
    if not verify(device.key, listed.signature, _SIGNED + listed.packed):
        raise NoSnapshot(say("snapshot.altered"))
    spoken = _decoded(listed.packed, _Version)
    if (spoken.version, spoken.fold) != (VERSION, FOLD_VERSION):
        raise NoSnapshot(say("snapshot.version"))
    contents = _decoded(listed.packed, Contents)
    if (contents.site, contents.replica) != (site, hub):
        raise NoSnapshot(say("snapshot.other_site", site=contents.site))
    if contents.part != part:
        raise NoSnapshot(say("snapshot.altered"))
    return contents


def cut(entities: Iterable[Folded]) -> Iterator[list[Folded]]:
    """Entities in runs that fill a piece each; those too long for any are left out."""
    run: list[Folded] = []
    size = 0
    for folded in entities:
        if len(folded.packed) > STATE_MOST:
            continue
        run.append(folded)
        size += len(folded.packed)
        if size >= PIECE_BYTES or len(run) >= _ENTITIES_MOST:
            yield run
            run, size = [], 0
    if run:
        yield run


def pack_piece(entities: Sequence[Folded]) -> tuple[bytes, Piece]:
    """A piece's bytes, and what the list says of it."""
    plain = _encoder.encode([(uid, erased, msgspec.Raw(packed)) for uid, erased, packed in entities])
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
    return packed, Piece(len(packed), hashlib.sha256(packed).digest(), len(entities))


def open_piece(packed: bytes, piece: Piece) -> list[Foretold]:
    """The entities of a piece. Raises NoSnapshot: not what the list says, or states this program does not know."""
    if hashlib.sha256(packed).digest() != piece.digest:
        raise NoSnapshot(say("snapshot.altered"))
    try:
        # As in `sync.frame`: the window bounds the memory, the read what comes out.
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(io.BytesIO(packed))
        plain = reader.read(PIECE_MOST + 1)
        found = _states.decode(plain) if len(plain) <= PIECE_MOST else []
        entities = [Foretold(uid, erased, _state.decode(state)) for uid, erased, state in found]
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoSnapshot(say("snapshot.altered")) from error
    if len(entities) != piece.entities or not all(_known(entity.state) for entity in entities):
        raise NoSnapshot(say("snapshot.altered"))
    return entities


def _known(state: State) -> bool:
    """Whether the state is made of kinds that are known here."""
    made = [*state.entries, state.created] if state.created else state.entries
    return all(entry.kind in KINDS for entry in made)


def _decoded(data: bytes, kind: type[_S]) -> _S:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoSnapshot(say("snapshot.altered")) from error
