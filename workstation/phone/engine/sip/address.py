"""Who a header names: name-addr and addr-spec taken apart leniently, and the caller made out of a request.

Source: RFC 3261 section 20.10 and 25.1, RFC 3325 (P-Asserted-Identity), RFC 3323 (Privacy), RFC 5031 (urn:service).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from msgspec import Struct

from .message import Message

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"\+?[\d\-.() *#]{1,40}")
_IMEI = re.compile(r"urn:gsma:imei:([\d-]{14,20})", re.IGNORECASE)

NAMELESS = frozenset(
    {"", "anonymous", "unavailable", "restricted", "withheld", "private", "unknown", "nobody", "asterisk"}
)
"""User parts that say there is no number."""


class Address(Struct, frozen=True):
    """A display name and a URI, each "" where it is missing."""

    display: str = ""
    uri: str = ""

    @property
    def scheme(self) -> str:
        return self.uri.partition(":")[0].strip().lower() if ":" in self.uri else ""

    @property
    def user(self) -> str:
        """The user part of a SIP URI, the number of a tel URI, without parameters and unescaped."""
        rest = self.uri.partition(":")[2]
        if self.scheme in ("sip", "sips"):
            rest = rest.partition("@")[0].partition(":")[0] if "@" in rest else ""
        elif self.scheme != "tel":
            return ""
        return plain(unquote(rest.partition(";")[0].partition("?")[0]), 128)


def plain(text: str, most: int) -> str:
    """Text a screen can show and JSON can carry: no control or direction characters, no lone surrogates, at most
    `most` long.
    """
    sound = text[: most * 4].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("", sound).strip()[:most]


def read_address(value: str) -> Address:
    """The address in a From, To, Contact or P-Asserted-Identity value; whatever can't be read is ""."""
    value = value.strip()
    display = ""
    quoted = _QUOTED.match(value)
    if quoted:
        display = _ESCAPED.sub(r"\1", quoted[1])
        value = value[quoted.end() :].strip()
    before, angle, after = value.partition("<")
    if angle:
        return Address(plain(display or before.strip(' "'), 128), after.partition(">")[0].strip())
    return Address(plain(display, 128), value.partition(";")[0].strip())


class Caller(Struct, frozen=True):
    """Who calls, as far as the network says.

    `identity` is "" where there is a number, else withheld, no_sim or unknown.
    """

    number: str
    display: str
    identity: str


def read_caller(request: Message) -> Caller:
    """The caller of an INVITE that came from a trusted peer: P-Asserted-Identity before From, which anyone can
    write.
    """
    asserted = [read_address(value) for value in request.values("p-asserted-identity")[:4]]
    sender = read_address(request.first("from"))
    for address in (*asserted, sender):
        number = _number(address)
        if number:
            return Caller(number, next((a.display for a in (*asserted, sender) if a.display), ""), "")
    return Caller("", sender.display, _why_no_number(request, sender))


def _number(address: Address) -> str:
    user = address.user
    if user.lower() in NAMELESS or address.uri.lower().partition("@")[2].startswith("anonymous.invalid"):
        return ""
    if _NUMBER.fullmatch(user) and any(c.isdigit() for c in user):
        return re.sub(r"[^\d+*#]", "", user)
    # An extension by name ("reception") is worth showing; it is what the PBX would ring back.
    return user if address.scheme in ("sip", "sips") else ""


def _why_no_number(request: Message, sender: Address) -> str:
    for name in ("contact", "from", "p-asserted-identity", "p-preferred-identity"):
        if any(_IMEI.search(value[:2000]) for value in request.all(name)[:4]):
            return "no_sim"
    privacy = " ".join(request.all("privacy")).lower()
    wish = any(word in privacy for word in ("id", "user", "header"))
    hidden = sender.uri.lower().partition("@")[2].startswith("anonymous.invalid")
    if wish or hidden or sender.user.lower() in NAMELESS - {"", "unknown", "asterisk"}:
        return "withheld"
    return "unknown"


def read_dialled(request: Message, own_user: str) -> str:
    """What the caller dialled: P-Called-Party-ID, a service URN, else To, else the Request-URI; our own account
    says nothing.
    """
    called = read_address(request.first("p-called-party-id"))
    to = read_address(request.first("to"))
    target = Address(uri=request.target)
    for address in (called, target, to):
        if address.uri.lower().startswith("urn:service:"):
            return plain(address.uri.partition(";")[0], 64)
    for address in (called, to, target):
        if address.user and address.user != own_user:
            return address.user[:64]
    return own_user
