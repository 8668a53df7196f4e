"""Digest authentication as a client: MD5 and SHA-256, with and without `-sess`, qop=auth (RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from msgspec import Struct

from .message import Message

_PARAMETER = re.compile(r'([\w-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class Challenge(Struct, frozen=True):
    """What a 401 or 407 asks for. `answer_header` is the header the credentials go into."""

    answer_header: str
    realm: str
    nonce: str
    algorithm: str
    qop: str
    opaque: str | None
    stale: bool


def read_challenge(response: Message) -> Challenge | None:
    """The strongest challenge of a response that we can answer, None where there is none."""
    best: Challenge | None = None
    for name, answer in (("www-authenticate", "Authorization"), ("proxy-authenticate", "Proxy-Authorization")):
        for value in response.all(name)[:8]:
            challenge = _read(value[:4096], answer)
            if challenge and (best is None or _strength(challenge) > _strength(best)):
                best = challenge
    return best


def _read(value: str, answer: str) -> Challenge | None:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    given = {
        m[1].lower(): (re.sub(r"\\(.)", r"\1", m[2]) if m[2] is not None else m[3]) for m in _PARAMETER.finditer(rest)
    }
    algorithm = given.get("algorithm", "MD5")
    offered = [word.strip().lower() for word in given.get("qop", "").split(",") if word.strip()]
    if _hash_name(algorithm) not in _HASHES or "nonce" not in given or (offered and "auth" not in offered):
        return None
    return Challenge(
        answer, given.get("realm", ""), given["nonce"], algorithm, "auth" if offered else "", given.get("opaque"),
        given.get("stale", "").lower() == "true",
    )  # fmt: skip


def _strength(challenge: Challenge) -> int:
    return 1 if _hash_name(challenge.algorithm) == "SHA-256" else 0


def _hash_name(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def credentials(challenge: Challenge, user: str, password: str, method: str, uri: str, count: int, cnonce: str) -> str:
    """The value of Authorization for one request; `count` is how often this nonce has been used, from 1."""
    digest = _HASHES[_hash_name(challenge.algorithm)]
    session = challenge.algorithm.upper().endswith("-SESS")

    def over(text: str) -> str:
        return digest(text.encode("utf-8", "surrogateescape"))

    secret = over(f"{user}:{challenge.realm}:{password}")
    if session:
        secret = over(f"{secret}:{challenge.nonce}:{cnonce}")
    request = over(f"{method}:{uri}")
    nc = f"{count:08x}"
    if challenge.qop:
        response = over(f"{secret}:{challenge.nonce}:{nc}:{cnonce}:{challenge.qop}:{request}")
    else:
        response = over(f"{secret}:{challenge.nonce}:{request}")
    fields = [
        f'username="{_quoted(user)}"', f'realm="{_quoted(challenge.realm)}"', f'nonce="{_quoted(challenge.nonce)}"',
        f'uri="{_quoted(uri)}"', f'response="{response}"', f"algorithm={challenge.algorithm}",
    ]  # fmt: skip
    if challenge.qop or session:
        fields += [f'cnonce="{cnonce}"']
    if challenge.qop:
        fields += [f"qop={challenge.qop}", f"nc={nc}"]
    if challenge.opaque is not None:
        fields.append(f'opaque="{_quoted(challenge.opaque)}"')
    return "Digest " + ", ".join(fields)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
