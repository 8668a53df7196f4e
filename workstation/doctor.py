"""The doctor: everything IT can be asked about, looked at one by one; each finding is a sentence, and what to do."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

import resources
from workstation.crash import VERSION, last
from workstation.domain.hlc import Clock
from workstation.domain.ids import SystemIds
from workstation.phone.settings import BadPhoneSetting, split_host
from workstation.phone.settings import PhoneSettings as EngineSettings
from workstation.reach import ask_hub, ask_registrar
from workstation.service import catalogue
from workstation.settings import Settings, hub_token
from workstation.store import Connection, StoreFailed, StoreRefused, reads
from workstation.store.cipher import OLDEST, dbapi2, library_version
from workstation.store.database import looked_into
from workstation.store.keys import Found, KeyMissing, find
from workstation.words import english

GOOD, LOOK, FAILED = "good", "look", "failed"
EXIT: Final = {GOOD: 0, LOOK: 1, FAILED: 2}
LEAST_DISK_MB: Final = 500
TIGHT_DISK_MB: Final = 2000
SKEW_MS: Final = 2000
EARLIEST_MS: Final = 1_767_225_600_000
"""A clock before the year this program was built in (2026) is wrong."""


class Check(Struct, frozen=True):
    """One finding: `state` good, look (works, but not as it should) or failed; `remedy` "" = nothing to be done."""

    name: str
    state: str
    sentence: str
    remedy: str = ""


def examine(settings: Settings, clock: Clock) -> list[Check]:
    """Look at everything; never raises: a check that breaks is itself a finding."""
    logging.getLogger("sound").setLevel(logging.ERROR)
    return [finding for check in CHECKS for finding in _guarded(check, settings, clock)]


def worst(checks: list[Check]) -> int:
    """Give the exit code: 0 all good, 1 something to look at, 2 something failed."""
    return max((EXIT[check.state] for check in checks), default=0)


def as_dict(checks: list[Check]) -> dict[str, object]:
    """Give the findings as they are printed."""
    return {"version": VERSION, "exit": worst(checks), "checks": [asdict(check) for check in checks]}


def _guarded(check: Callable[[Settings, Clock], Iterator[Check]], settings: Settings, clock: Clock) -> Iterator[Check]:
    try:
        yield from check(settings, clock)
    except Exception as error:
        name = check.__name__.strip("_")
        yield Check(
            name, FAILED, f"could not be looked at: {type(error).__name__}: {error}", "report this to the makers"
        )


def _version(settings: Settings, clock: Clock) -> Iterator[Check]:
    yield Check("version", GOOD, f"Tahuri {VERSION}, Python {sys.version.split()[0]}, {sys.platform}")
    if crash := last(settings.places.crash):
        yield Check("crash", LOOK, f"the last crash: {crash}", f"send {settings.places.crash} to the makers")


def _settings(settings: Settings, clock: Clock) -> Iterator[Check]:
    files = ", ".join(str(path) for path in settings.files) or "none, all defaults"
    try:
        catalogue.Catalogue.load(settings.targets_s, settings.duty)
        EngineSettings.from_mapping(settings.phone.table(), settings.places.folder)
    except (catalogue.CatalogueWrong, BadPhoneSetting) as error:
        yield Check("settings", FAILED, str(error), "put the setting right")
        return
    yield Check("settings", GOOD, f"read: {files}")


def _folder(settings: Settings, clock: Clock) -> Iterator[Check]:
    folder = settings.places.folder
    if not folder.exists():
        yield Check("folder", LOOK, f"{folder} is not there yet", "start the desk once; it makes the folder")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check("folder", FAILED, f"{folder} cannot be written", "give it to the user the desk runs as")
    elif sys.platform != "win32" and folder.stat().st_mode & 0o077:
        yield Check("folder", LOOK, f"{folder} can be looked into by others", f"chmod 700 {folder}")
    else:
        yield Check("folder", GOOD, f"{folder}, for its owner alone")


def _disk(settings: Settings, clock: Clock) -> Iterator[Check]:
    folder = settings.places.folder
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    state = FAILED if free_mb < LEAST_DISK_MB else LOOK if free_mb < TIGHT_DISK_MB else GOOD
    yield Check("disk", state, f"{free_mb} MB free", "" if state == GOOD else "free some space on this disk")


def _clock(settings: Settings, clock: Clock) -> Iterator[Check]:
    if clock.now_ms() < EARLIEST_MS:
        yield Check("clock", FAILED, "the machine's clock stands before this program was made", "set the clock")
    else:
        yield Check("clock", GOOD, "the machine's clock is plausible; the hub's offset is told at `hub`")


def _sqlite(settings: Settings, clock: Clock) -> Iterator[Check]:
    found = dbapi2.sqlite_version
    if library_version() < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        yield Check("sqlite", FAILED, f"SQLite {found} can damage its own file", f"install sqlcipher3 with {wanted}")
    else:
        yield Check("sqlite", GOOD, f"SQLite {found} with SQLCipher")


def _key(settings: Settings, clock: Clock) -> Iterator[Check]:
    try:
        found = find(settings)
    except KeyMissing as error:
        yield Check("key", FAILED, str(error), "bring the key back before anything else")
        return
    if found is None:
        made = settings.places.store.exists()
        state, remedy = (FAILED, "bring the key back, or restore a copy") if made else (LOOK, "start the desk once")
        yield Check("key", state, "there is no key" + (" to the record" if made else " yet"), remedy)
    elif found.kept_in == "plain":
        yield Check("key", LOOK, "the record is not encrypted (store.plain)", "set store.plain = false on a real desk")
    elif found.kept_in == "file":
        remedy = "encrypt the disk, or set up a keyring" if sys.platform != "win32" else ""
        yield Check("key", LOOK if remedy else GOOD, f"the key lies in {settings.places.key}, mode 0600", remedy)
    else:
        yield Check("key", GOOD, "the key is in the machine's keyring")


def _store(settings: Settings, clock: Clock) -> Iterator[Check]:
    path = settings.places.store
    if not path.exists():
        yield Check("store", LOOK, "there is no record yet", "start the desk once")
        return
    found = _found(settings)
    if found is None:
        yield Check("store", FAILED, f"{path} cannot be opened without its key", "see `key`")
        return
    try:
        with looked_into(path, found.key) as db:
            yield from _record(path, db)
    except (StoreRefused, StoreFailed) as error:
        what, _, remedy = str(error).rpartition(": ")
        yield Check("store", FAILED, what, remedy)


def _record(path: Path, db: Connection) -> Iterator[Check]:
    said = [row[0] for row in db.execute("pragma quick_check(5)")]
    broken = reads.broken_chains(db)
    if said != ["ok"] or broken:
        what = "; ".join(said if said != ["ok"] else [f"chain of replica {replica}" for replica in broken])
        yield Check("store", FAILED, f"{path} is damaged: {what}", "restore the newest copy")
        return
    ops = db.execute("select count(*) from op").fetchone()[0]
    yield Check("store", GOOD, f"{path}: {ops} ops, whole, every chain leads to its head")


def _found(settings: Settings) -> Found | None:
    try:
        return find(settings)
    except KeyMissing:
        return None


def _hub(settings: Settings, clock: Clock) -> Iterator[Check]:
    if not settings.hub.url:
        yield Check("hub", LOOK, "no hub is set: the desk works alone", "set hub.url")
        return
    try:
        token = hub_token(settings.hub)
    except OSError as error:
        yield Check("hub", FAILED, f"the hub's token cannot be read: {error.strerror}", "see hub.token_file")
        return
    answer = ask_hub(settings, token, clock)
    remedy = "" if answer.ok else "check the network and the hub; until then the desk works alone"
    yield Check("hub", GOOD if answer.ok else FAILED, answer.sentence, remedy)
    if answer.offset_ms is not None:
        state = GOOD if abs(answer.offset_ms) <= SKEW_MS else LOOK
        remedy = "" if state == GOOD else "let the clock be set by a time server"
        yield Check("hub clock", state, f"the hub's clock is {answer.offset_ms:+d} ms from this machine's", remedy)


def _port(settings: Settings, clock: Clock) -> Iterator[Check]:
    own = settings.phone
    if not own.port:
        yield Check("port", GOOD, "the phone takes any free port")
        return
    kind = socket.SOCK_DGRAM if own.transport == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in own.bind else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((own.bind, own.port))
        except OSError as error:
            sentence = f"{own.transport} port {own.port} on {own.bind} is not free: {error.strerror}"
            remedy = "right while the desk runs; else end the program that has it, or set phone.port = 0"
            yield Check("port", LOOK, sentence, remedy)
            return
    yield Check("port", GOOD, f"{own.transport} port {own.port} is free")


def _registrar(settings: Settings, clock: Clock) -> Iterator[Check]:
    if not settings.phone.registrars:
        yield Check("registrar", LOOK, "no registrar is set: no call comes in through one", "set phone.registrars")
        return
    for number, name in enumerate(settings.phone.registrars, 1):
        answer = ask_registrar(*split_host(name, 5060), settings.phone.transport, SystemIds(clock))
        # The engine uses the first; a second that is down costs nothing yet.
        state = GOOD if answer.ok else FAILED if number == 1 else LOOK
        remedy = "" if answer.ok else "check the network, the address and the exchange"
        yield Check("registrar", state, f"{name}: {answer.sentence}", remedy)
    secret = Path(settings.phone.secret_file) if settings.phone.secret_file else None
    if secret is not None and not secret.is_file():
        yield Check("secret", FAILED, f"{secret} is not there", "put the SIP password on its first line, mode 0600")
    elif secret is not None and sys.platform != "win32" and secret.stat().st_mode & 0o077:
        yield Check("secret", FAILED, f"{secret} can be read by others", f"chmod 600 {secret}")


def _sound(settings: Settings, clock: Clock) -> Iterator[Check]:
    from workstation.phone.engine.audio import open_audio

    audio = open_audio(settings.phone, clock)
    try:
        device = audio.device
    finally:
        audio.close()
    if device.null:
        yield Check("sound", LOOK, english(device.sentence), "plug the headset in; calls still ring on the screen")
    else:
        yield Check(
            "sound", GOOD, f"microphone {device.input or 'chosen by the system'}, ear {device.output or 'the same'}"
        )


def _voice(settings: Settings, clock: Clock) -> Iterator[Check]:
    if sys.platform == "win32":
        yield Check("voice", LOOK, "speech on Windows is not looked at yet")
        return
    program = shutil.which("espeak-ng")
    if program is None:
        yield Check("voice", LOOK, "espeak-ng is not installed: nothing is read aloud", "apt install espeak-ng")
        return
    told = subprocess.run([program, "--voices=id"], capture_output=True, text=True, timeout=10, check=False)
    if "poz/id" in told.stdout:
        yield Check("voice", GOOD, "espeak-ng with its Indonesian voice")
    else:
        yield Check("voice", LOOK, "espeak-ng has no Indonesian voice", "apt install --reinstall espeak-ng-data")


def _screen(settings: Settings, clock: Clock) -> Iterator[Check]:
    if importlib.util.find_spec("PySide6") is None:
        yield Check("screen", FAILED, "PySide6 is not installed", "install the locked packages again")
        return
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform == "offscreen":
        yield Check("screen", LOOK, "Qt draws offscreen: QT_QPA_PLATFORM is set so", "unset it on a real desk")
    elif sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Check("screen", LOOK, "there is no display here", "run the doctor in the desk's own session")
    else:
        yield Check("screen", GOOD, f"Qt on {platform or 'its own choice of platform'}")


def _fonts(settings: Settings, clock: Clock) -> Iterator[Check]:
    missing = [name for name in ("Regular", "Medium", "SemiBold") if not _carried(f"fonts/Inter-{name}.otf")]
    if missing:
        yield Check("fonts", FAILED, f"Inter {', '.join(missing)} is not in the program", "install the program again")
    else:
        yield Check("fonts", GOOD, "Inter in three weights")


def _carried(name: str) -> bool:
    return resources.path(name).is_file()


CHECKS: Final = (
    _version, _settings, _folder, _disk, _clock, _sqlite, _key, _store, _hub, _port, _registrar, _sound, _voice,
    _screen, _fonts,
)  # fmt: skip
