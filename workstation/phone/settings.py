"""What a site can set of the softphone: a frozen object, made from the `[phone]` table of the desk's settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import fields


class BadPhoneSetting(ValueError):
    """A `[phone]` setting that can't be used. `name` is the setting, the text says what is expected."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"phone.{name}: {sentence}")
        self.name = name


class PhoneSettings(Struct, frozen=True):
    """Everything the engine needs. Without `registrars` it is a line that is off, except for calls from `peers`."""

    data_dir: str
    """Folder of this desk: journal, runtime file and lock lie in it."""
    registrars: tuple[str, ...] = ()
    """HOST or HOST:PORT of the registrar, which is also the proxy; the first is used."""
    transport: str = "udp"
    """udp or tcp; tls is not there yet."""
    domain: str = ""
    """The SIP domain of the account; empty: the registrar's host."""
    user: str = ""
    """The account, also the name in digest authentication."""
    secret_file: str = ""
    """File whose first line is the account's password; readable by its owner alone."""
    bind: str = "0.0.0.0"
    port: int = 0
    """Port of SIP, 0: a free one."""
    peers: tuple[str, ...] = ()
    """Who else may call: IP, IP:PORT or network/bits, such as a second PBX or a gateway."""
    join_header: str = ""
    """Header that is equal for all offers of one caller's session (Asterisk: X-Linkedid by a dialplan line)."""
    expires_s: int = 60
    probe_s: int = 10
    """How often the line calls itself through the registrar with OPTIONS to prove that a call can come in; 0: never."""
    input: str = ""
    output: str = ""
    """Names of sound devices; empty: the system's own choice."""
    ring_outputs: tuple[str, ...] = ()
    """Names of the outputs that ring; empty: every output."""
    null_audio: bool = False
    """Use no sound card at all, and say so."""
    idle_stop_min: float = 10.0
    """The engine ends by itself after so many minutes without a screen and without a call; 0: never."""
    rtp_ports: tuple[int, ...] = ()
    """First and last UDP port of RTP; empty: any free one."""

    @property
    def registrar(self) -> str:
        """The registrar in use, "" where there is none."""
        return self.registrars[0] if self.registrars else ""

    @property
    def aor(self) -> str:
        """The address of record callers reach this desk by."""
        return f"sip:{self.user}@{self.domain or split_host(self.registrar, 5060)[0]}"

    @staticmethod
    def from_mapping(table: Mapping[str, Any], data_dir: str | Path) -> PhoneSettings:
        """Read the `[phone]` table; unknown keys are left to the reader of the whole file. Raises BadPhoneSetting."""
        known = {field.name for field in fields(PhoneSettings)}
        given: dict[str, Any] = {"data_dir": str(data_dir)}
        for name, value in table.items():
            if name in known:
                given[name] = tuple(value) if isinstance(value, list) else value
        settings = PhoneSettings(**given)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise BadPhoneSetting on the first setting that can't be used."""
        for name in ("data_dir", "transport", "domain", "user", "secret_file", "bind"):
            if not isinstance(getattr(self, name), str):
                raise BadPhoneSetting(name, "a text is expected")
        if self.transport not in ("udp", "tcp"):
            raise BadPhoneSetting("transport", f"udp or tcp is expected, not {self.transport!r}")
        for name, low, high in (("port", 0, 65535), ("expires_s", 10, 86400), ("probe_s", 0, 3600)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise BadPhoneSetting(name, f"a whole number from {low} to {high} is expected, not {value!r}")
        for registrar in self.registrars:
            try:
                split_host(registrar, 5060)
            except ValueError as error:
                raise BadPhoneSetting("registrars", f"{registrar!r}: HOST or HOST:PORT is expected") from error
        if self.registrar and not self.user:
            raise BadPhoneSetting("user", "the account at the registrar is missing")
        for name in ("user", "domain", "registrars", "join_header"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                if any(ord(c) <= 32 or c in '<>"' for c in text):
                    raise BadPhoneSetting(name, f"{text!r} holds blanks, quotes or angle brackets")
        try:
            ipaddress.ip_address(self.bind)
        except ValueError as error:
            raise BadPhoneSetting("bind", f"{self.bind!r} is no IP address of this machine") from error
        for peer in self.peers:
            try:
                read_peer(peer)
            except ValueError as error:
                raise BadPhoneSetting("peers", f"{peer!r} is no IP, IP:PORT or network") from error
        if self.rtp_ports and (len(self.rtp_ports) != 2 or not 1024 <= self.rtp_ports[0] < self.rtp_ports[1] <= 65535):
            raise BadPhoneSetting("rtp_ports", "[first, last] is expected, within 1024 to 65535")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def split_host(text: str, port: int) -> tuple[str, int]:
    """HOST, HOST:PORT or [IPv6]:PORT as a pair; raises ValueError."""
    host, number = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        number = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, number = text.split(":")
    if not host or (number and not (number.isascii() and number.isdigit() and len(number) <= 5)):
        raise ValueError(f"no host and port: {text!r}")
    if number and not 0 < int(number) <= 65535:
        raise ValueError(f"no port: {text!r}")
    return host, int(number) if number else port


def read_peer(text: str) -> tuple[Network, int]:
    """A peer as (network, port); port 0 is any. Raises ValueError."""
    if "/" in text:
        return ipaddress.ip_network(text, strict=False), 0
    if text.count(":") > 1 and not text.startswith("["):
        return ipaddress.ip_network(text), 0
    host, port = split_host(text, 0)
    return ipaddress.ip_network(host), port
