"""Settings of a desk: frozen, from TOML files by rank (policy > machine > user > default); wrong ones are named."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from workstation.paths import Layers, Places, data_folder, layers


class SettingsWrong(Exception):
    """A setting that cannot be used: `name`, `file` and `line` (0 = unknown) say where, the text says why."""

    def __init__(self, name: str, file: Path, line: int, why: str) -> None:
        super().__init__(f"{file}:{line}: {name}: {why}" if line else f"{file}: {name}: {why}")
        self.name, self.file, self.line, self.why = name, file, line, why


def _choice(*allowed: str) -> dict[str, Any]:
    return {"choice": allowed}


def _between(low: float, high: float) -> dict[str, Any]:
    return {"between": (low, high)}


def _read(reader: Callable[[str], object]) -> dict[str, Any]:
    """A value that `reader` can read; its ValueError says why not."""
    return {"read": reader}


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone this machine knows, such as Asia/Jayapura") from None


def _url(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            ipaddress.IPv6Address(host)
    except ValueError as error:
        raise ValueError(f"{url!r} is no address of a hub: {error}") from None
    if parts.scheme not in ("http", "https") or port == 0 or not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise ValueError(f"{url!r} is no address of a hub: http(s)://HOST or http(s)://HOST:PORT is expected")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the address of a hub has no user, question mark or #")


def _address(text: str) -> None:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 address of this machine, such as 192.168.7.20") from None


def _folder(name: str) -> None:
    try:
        Path(name).expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


class DeskSettings(Struct, frozen=True):
    """Who this desk is. `prefix` begins its incident numbers and belongs to no other desk (promise M7)."""

    name: str = "Meja 1"
    prefix: str = "AMB-1"
    site: str = "ambon"
    zone: str = "Asia/Jayapura"


class StoreSettings(Struct, frozen=True):
    """Where the record lies. `folder` "" = the user's data folder; `plain` = unencrypted, and the screen says so.

    `key`: keyring, file (0600, in the folder), or auto: the keyring where one answers, else the file.
    `outbox_folder`: where the outbox journal lies, "" = beside the record; one on another disk outlives this one's.
    Every night at `night_at` the record is looked through and copied into `copies_folder` ("" = beside the record), of
    which `copies` stay.
    """

    folder: str = ""
    plain: bool = False
    key: str = "auto"
    outbox_folder: str = ""
    copies_folder: str = ""
    copies: int = 7
    night_at: str = "03:30"


class RetentionSettings(Struct, frozen=True):
    """How long what is kept, in days; 0 = for ever. Incidents count from their close, calls that belong to none from
    their ring, lines of the access log from their look. Between the order to erase and the erasing lie `grace_days`.
    """

    incident_days: int = 0
    call_days: int = 0
    access_days: int = 0
    grace_days: int = 7


class HubSettings(Struct, frozen=True):
    """Where the hub is; `url` "" = none, the desk works alone, or finds its neighbours."""

    url: str = ""


class LanSettings(Struct, frozen=True):
    """The desks of the same network, met directly while no hub answers. `interfaces` () = all, else IPv4 addresses.

    `port` 0 = any free one; a firewall that opens ports rather than programs needs a number.
    """

    enabled: bool = True
    port: int = 0
    interfaces: tuple[str, ...] = ()


WITH_MARK = "utf-8-sig"
"""UTF-8 as people's editors save it: Notepad begins a file with a byte order mark, which is no part of its text."""


class PhoneSettings(Struct, frozen=True):
    """The line; the names are those of `workstation.phone.settings`, which says what each means, plus `region`.

    `secret_file` holds the SIP password alone on its first line; the password itself is never a setting.
    """

    registrars: tuple[str, ...] = ()
    transport: str = "udp"
    domain: str = ""
    user: str = ""
    secret_file: str = ""
    bind: str = "0.0.0.0"
    port: int = 0
    peers: tuple[str, ...] = ()
    join_header: str = ""
    expires_s: int = 60
    probe_s: int = 10
    input: str = ""
    output: str = ""
    ring_outputs: tuple[str, ...] = ()
    null_audio: bool = False
    idle_stop_min: float = 10.0
    rtp_ports: tuple[int, ...] = ()
    region: str = "ID"

    def table(self) -> dict[str, Any]:
        """Give what the engine reads its own settings from."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "region"}


class ScreenSettings(Struct, frozen=True):
    """How it looks and speaks."""

    language: str = "id"
    palette: str = "night"
    text_percent: int = 100
    calm: bool = False


class LogSettings(Struct, frozen=True):
    """What is written down about the running; never numbers or names of callers at `info`."""

    level: str = "info"


class Settings(Struct, frozen=True):
    """All settings of a desk. `targets_s` sets clocks of the catalogue by key, `duty` agencies' numbers.

    `written` says where each setting was written, as file and line (0 = unknown), by its whole name: `phone.peers`.
    """

    desk: DeskSettings = field(default_factory=DeskSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    hub: HubSettings = field(default_factory=HubSettings)
    lan: LanSettings = field(default_factory=LanSettings)
    phone: PhoneSettings = field(default_factory=PhoneSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    log: LogSettings = field(default_factory=LogSettings)
    targets_s: Mapping[str, int] = field(default_factory=dict)
    duty: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    written: Mapping[str, tuple[Path, int]] = field(default_factory=dict)

    def wrong(self, name: str, why: str, *, or_at: str = "") -> SettingsWrong:
        """Give the error for a setting found wrong after reading; `or_at` is where it stands when it was left out."""
        file, line = self.written.get(name) or self.written.get(or_at) or (Path("the defaults"), 0)
        return SettingsWrong(name, file, line, why)

    @property
    def places(self) -> Places:
        """Where this desk's own files lie."""
        return Places(Path(self.store.folder).expanduser() if self.store.folder else data_folder())

    @property
    def outbox(self) -> Path:
        """Where the outbox journal lies."""
        return _or_beside(self.store.outbox_folder, self.places.outbox)

    @property
    def copies(self) -> Path:
        """Where the nightly copies lie."""
        return _or_beside(self.store.copies_folder, self.places.copies)


def _or_beside(named: str, beside: Path) -> Path:
    return Path(named).expanduser() if named else beside


RULES: Mapping[str, Mapping[str, Any]] = {
    "desk.name": {"longest": 40},
    "desk.prefix": {"pattern": r"[A-Z0-9]+(-[A-Z0-9]+)*"},
    "desk.site": {"longest": 40},
    "desk.zone": _read(_zone),
    "store.folder": _read(_folder),
    "store.key": _choice("auto", "keyring", "file"),
    "store.outbox_folder": _read(_folder),
    "store.copies_folder": _read(_folder),
    "store.copies": _between(1, 365),
    "store.night_at": {"pattern": r"([01]\d|2[0-3]):[0-5]\d"},
    "retention.incident_days": _between(0, 36_500),
    "retention.call_days": _between(0, 36_500),
    "retention.access_days": _between(0, 36_500),
    "retention.grace_days": _between(1, 365),
    "hub.url": _read(_url),
    "lan.port": _between(0, 65535),
    "lan.interfaces": _read(_address),
    "phone.transport": _choice("udp", "tcp"),
    "phone.port": _between(0, 65535),
    "phone.expires_s": _between(10, 86400),
    "phone.probe_s": _between(0, 3600),
    "phone.idle_stop_min": _between(0, 10_000),
    "phone.region": {"pattern": r"[A-Z]{2}"},
    "screen.language": _choice("id", "en"),
    "screen.palette": _choice("night", "day", "contrast"),
    "screen.text_percent": _between(100, 200),
    "log.level": _choice("debug", "info", "warning", "error"),
    "targets_s": _between(1, 86_400),
}
"""What a value must be beyond its type, by the setting's whole name; of `targets_s` every value."""

NOT_WRITTEN = ("files", "written")
"""Fields of `Settings` that nobody sets."""


def load(file: Path | None = None, ranks: Layers | None = None) -> Settings:
    """Read the settings; `file` stands in place of the user's and the machine's, a policy stands over it all the same.

    Raises `SettingsWrong` for a file that is not TOML, an unknown name, a wrong type or a value out of bounds.
    """
    ranks = ranks or layers()
    chosen: list[Path] = [file] if file else [path for name, path in ranks.by_rank() if name != "policy"]
    chosen.append(ranks.policy)
    put: dict[str, dict[str, Any]] = {}
    written: dict[str, tuple[Path, int]] = {}
    read: list[Path] = []
    for path in chosen:
        if path != file and not path.is_file():
            continue
        _apply(path, put, written)
        read.append(path)
    made: dict[str, Any] = {}
    for name, values in put.items():
        kind: Any = _kinds(Settings)[name]
        made[name] = types.MappingProxyType(values) if typing.get_origin(kind) else kind(**values)
    return Settings(**made, files=tuple(read), written=types.MappingProxyType(written))


def _apply(path: Path, put: dict[str, dict[str, Any]], written: dict[str, tuple[Path, int]]) -> None:
    try:
        source = path.read_text(encoding=WITH_MARK)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsWrong("settings file", path, 0, f"cannot be read ({why}): name one that can be") from None
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise SettingsWrong("settings file", path, int(found[1]) if found else 0, f"is not TOML: {error}") from None
    kinds = _kinds(Settings)
    for section, values in tables.items():
        if section not in kinds or section in NOT_WRITTEN:
            where = (section, path, _line(source, section, ""))
            raise SettingsWrong(*where, f"unknown; known are {_list(kinds, NOT_WRITTEN)}")
        if not isinstance(values, dict):
            raise SettingsWrong(section, path, _line(source, section, ""), f"is a table: write [{section}]")
        into = put.setdefault(section, {})
        for name, value in values.items():
            where = (f"{section}.{name}", path, _line(source, section, name))
            into[name] = _check(section, name, value, where)
            written[where[0]] = (path, where[2])


def _check(section: str, name: str, value: Any, where: tuple[str, Path, int]) -> Any:
    kind = _kinds(Settings)[section]
    if typing.get_origin(kind) is not None:
        return _fit(value, int if section == "targets_s" else str, RULES.get(section, {}), where)
    if name not in _kinds(kind):
        raise SettingsWrong(*where, f"unknown; known are {_list(_kinds(kind))}")
    return _fit(value, _kinds(kind)[name], RULES.get(where[0], {}), where)


def _fit(value: Any, kind: Any, rules: Mapping[str, Any], where: tuple[str, Path, int]) -> Any:
    if typing.get_origin(kind) is tuple:
        of = typing.get_args(kind)[0]
        if not isinstance(value, list) or not all(type(item) is of for item in value):
            raise SettingsWrong(*where, f"a list is expected, each of it {_WORDS[of]}")
        return tuple(_fit(item, of, rules, where) for item in value)
    if kind is float and type(value) is int:
        value = float(value)
    # A bool is an int to Python, never to the person who wrote the file.
    if type(value) is not kind:
        raise SettingsWrong(*where, f"{_WORDS[kind]} is expected, found {value!r}")
    if isinstance(value, str) and any(ord(letter) < 32 for letter in value):
        raise SettingsWrong(*where, f"{value!r} holds a control character")
    if "choice" in rules and value not in rules["choice"]:
        raise SettingsWrong(*where, f"{value!r} is not one of {', '.join(rules['choice'])}")
    if "between" in rules and not rules["between"][0] <= value <= rules["between"][1]:
        raise SettingsWrong(*where, f"{value} is not between {rules['between'][0]} and {rules['between'][1]}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        raise SettingsWrong(*where, f"{value!r} does not have the form {rules['pattern']}")
    if "longest" in rules and not 0 < len(value) <= rules["longest"]:
        raise SettingsWrong(*where, f"1 to {rules['longest']} characters are expected")
    if "read" in rules:
        try:
            rules["read"](value)
        except ValueError as error:
            raise SettingsWrong(*where, str(error)) from None
    return value


_WORDS = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}


@cache
def _kinds(of: type) -> dict[str, Any]:
    """Give the types of a record's fields, resolved; `Mapping[...]` fields stay as they are."""
    return typing.get_type_hints(of)


def _list(names: Iterable[str], but: Iterable[str] = ()) -> str:
    return ", ".join(name for name in names if name not in but)


def _line(source: str, section: str, name: str) -> int:
    """Find the line a setting stands in (tomllib does not tell); 0 when it is written in a way not looked for."""
    inside = ""
    for number, line in enumerate(source.splitlines(), 1):
        header = re.match(r"\s*\[\s*[\"']?([\w.-]+)[\"']?\s*\]", line)
        if header:
            inside = header[1]
            if not name and inside == section:
                return number
        key = re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)
        if key and key[1] == name and inside == section:
            return number
        if key and not inside and key[1] in (section, f"{section}.{name}"):
            return number
    return 0
