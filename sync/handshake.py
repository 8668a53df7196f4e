"""How two devices find out that each is who it says (promise S9): both sign the other's nonce, and the wire between.

    asker  -> POST /v1/knock  {newest, oldest, site, replica, nonce}
    server -> {protocol, site, replica, nonce, signature of both nonces, both replicas and the server's certificate}
    asker  -> POST /v1/enter  {nonce of the server, signature of the same}
    server -> {token}, good for this server's life; nothing in it runs out by a clock

The certificate's fingerprint is what each side saw on its own end of the wire: somebody in between who ends the TLS of
both has two certificates, and neither signature fits. On a plain wire it is b"".

A server that was made anew knows none of its site's devices. It is shown the roster (`/v1/introduce`) and believes it
from the site's key on, as everybody does.

A new device has no key the server knows. After the knock it asks for the roster (`/v1/site`, signed with the key its
one-time code stands for; strangers are told of the server's own device alone), checks it from the site's key, of which
the code carries the fingerprint, down to the server's own signature, and enrols (`/v1/enrol`) by the same key.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, NamedTuple

import msgspec

from sync.opwire import SALT_BYTES
from sync.protocol import PROTOCOL
from workstation.domain.ids import UID_BYTES, Uid
from workstation.domain.kinds import KEY_BYTES, SIGNATURE_BYTES

NONCE_BYTES: Final = 32
_SERVER, _ASKER, _READER = b"tahuri server 1\0", b"tahuri asker 1\0", b"tahuri reader 1\0"
_U32 = Annotated[int, msgspec.Meta(ge=1, lt=1 << 32)]
_NONCE = Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
_SIGNATURE = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
_KEY = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_UID = Annotated[bytes, msgspec.Meta(min_length=UID_BYTES, max_length=UID_BYTES)]
_SALT = Annotated[bytes, msgspec.Meta(max_length=SALT_BYTES)]


class Knock(msgspec.Struct, frozen=True):
    """Who asks, and which versions of the exchange they speak."""

    newest: int
    oldest: int
    site: str
    replica: _U32
    nonce: _NONCE


class Answer(msgspec.Struct, frozen=True):
    """Who serves, in which version they will talk, the proof of it, and their wall clock."""

    protocol: int
    site: str
    replica: _U32
    nonce: _NONCE
    signature: _SIGNATURE
    now_ms: int = 0


class Enter(msgspec.Struct, frozen=True):
    """The asker's proof."""

    nonce: _NONCE
    signature: _SIGNATURE


class Introduce(msgspec.Struct, frozen=True):
    """The roster as a device knows it whose server does not: one that was made anew after the old one was lost."""

    replica: _U32
    roster: Annotated[list[tuple[bytes, _SALT]], msgspec.Meta(max_length=10_000)]


class Entered(msgspec.Struct, frozen=True):
    """What the asker shows with every request from now on."""

    token: str


class AskSite(msgspec.Struct, frozen=True):
    """Asks for the roster of the site named in the knock: by the key of a one-time code, or of a device of that site.

    `signature` covers `Meeting.by_reader`. The roster holds people's names and sealed keys: it is not for strangers.
    """

    nonce: _NONCE
    key: _KEY
    signature: _SIGNATURE


class SitePage(msgspec.Struct, frozen=True):
    """A site's name and public key, the ops of its roster with their salts, and the server's proof that it is in it.

    `signature` covers `joining` of the asker's nonce.
    """

    site: str
    key: _KEY
    roster: list[tuple[bytes, _SALT]]
    replica: _U32
    signature: _SIGNATURE


class Enrol(msgspec.Struct, frozen=True):
    """A new device shows that it was given the code of an invitation."""

    invitation: _UID
    replica: _U32
    key: _KEY
    proof: _SIGNATURE


class Enrolled(msgspec.Struct, frozen=True):
    """It is on the roster now."""

    name: str


class Meeting(NamedTuple):
    """What both sides sign: nonces, replicas, and the wire."""

    asker_nonce: bytes
    server_nonce: bytes
    asker: int
    server: int
    channel: bytes

    @property
    def by_server(self) -> bytes:
        return _SERVER + self._whole()

    @property
    def by_asker(self) -> bytes:
        return _ASKER + self._whole()

    @property
    def by_reader(self) -> bytes:
        return _READER + self._whole()

    def _whole(self) -> bytes:
        ends = self.asker.to_bytes(4, "big") + self.server.to_bytes(4, "big")
        return self.asker_nonce + self.server_nonce + ends + self.channel


def spoken(knock: Knock, newest: int = PROTOCOL, oldest: int = 1) -> int | None:
    """The version both speak, the newest of them; None where there is none."""
    both = min(knock.newest, newest)
    return both if both >= max(knock.oldest, oldest) else None


def channel_of(certificate: bytes) -> bytes:
    """What names a TLS wire: sha256 of the server's certificate, DER."""
    return hashlib.sha256(certificate).digest()


def joining(page_nonce: bytes, site_key: bytes, replica: int, channel: bytes) -> bytes:
    """What a server signs to a device that would join."""
    return b"tahuri site 1\0" + page_nonce + site_key + replica.to_bytes(4, "big") + channel


__all__ = [
    "NONCE_BYTES", "Answer", "AskSite", "Enrol", "Enrolled", "Enter", "Entered", "Knock", "Meeting", "SitePage", "Uid",
    "channel_of", "joining", "spoken",
]  # fmt: skip
