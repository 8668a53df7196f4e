"""An entity's state as bytes: the same bytes for equal states, so that they can be compared and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from workstation.domain.ids import Uid
from workstation.domain.merge import State

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(State)


def pack_state(state: State) -> bytes:
    """Canonical bytes of a state."""
    return _encoder.encode(state)


def unpack_state(packed: bytes) -> State:
    """The state in these bytes, which this store wrote itself."""
    return _decoder.decode(packed)


def digest_of(rows: Iterable[tuple[Uid, bytes]]) -> bytes:
    """sha256 over (uid, length, canonical state) of every entity, which must come ordered by uid."""
    whole = hashlib.sha256()
    for uid, state in rows:
        whole.update(uid)
        whole.update(len(state).to_bytes(4, "big"))
        whole.update(state)
    return whole.digest()
