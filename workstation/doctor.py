"""The doctor: everything IT can be asked about, looked at one by one; each finding is a sentence, and what to do."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import asdict

import resources
from workstation.crash import VERSION, last
from workstation.domain.hlc import Clock
from workstation.domain.ids import SystemIds
from workstation.finding import EXIT, FAILED, GOOD, LOOK, Check
from workstation.settings import Settings
from workstation.words import english

LEAST_DISK_MB: Final = 500
TIGHT_DISK_MB: Final = 2000
SKEW_MS: Final = 2000
SCREEN_S: Final = 30
EARLIEST_MS: Final = 1_767_225_600_000
"""A clock before the year this program was built in (2026) is wrong."""


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
    name = check.__name__.strip("_")
    try:
        yield from check(settings, clock)
    except ImportError as error:
        yield Check(name, FAILED, f"a library is missing or broken ({error})", "run ./run, which installs it")
    except Exception as error:
        yield Check(
            name, FAILED, f"could not be looked at: {type(error).__name__}: {error}", "report this to the makers"
        )


# What a check stands on it loads itself: a library that is missing is the finding of its check, and of no other.


def _version(settings: Settings, clock: Clock) -> Iterator[Check]:
    yield Check("version", GOOD, f"Tahuri {VERSION}, Python {sys.version.split()[0]}, {sys.platform}")
    if crash := last(settings.places.crash):
        yield Check("crash", LOOK, f"the last crash: {crash}", f"send {settings.places.crash} to the makers")


def _settings(settings: Settings, clock: Clock) -> Iterator[Check]:
    from workstation.phone.settings import BadPhoneSetting
    from workstation.phone.settings import PhoneSettings as EngineSettings
    from workstation.service import catalogue

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
    from workstation.store.cipher import OLDEST, dbapi2, library_version

    found = dbapi2.sqlite_version
    if library_version() < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        yield Check("sqlite", FAILED, f"SQLite {found} can damage its own file", f"install sqlcipher3 with {wanted}")
    else:
        yield Check("sqlite", GOOD, f"SQLite {found} with SQLCipher")


def _key(settings: Settings, clock: Clock) -> Iterator[Check]:
    from workstation import doctor_record

    yield from doctor_record.key(settings, clock)


def _store(settings: Settings, clock: Clock) -> Iterator[Check]:
    from workstation import doctor_record

    yield from doctor_record.store(settings, clock)


def _safety(settings: Settings, clock: Clock) -> Iterator[Check]:
    from workstation import doctor_record

    yield from doctor_record.safety(settings, clock)


def _hub(settings: Settings, clock: Clock) -> Iterator[Check]:
    if not settings.hub.url:
        yield Check("hub", LOOK, "no hub is set: the desk works alone", "set hub.url")
        return
    from workstation.reach import ask_hub

    answer = ask_hub(settings, clock, SystemIds())
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
    from workstation.phone.settings import split_host
    from workstation.reach import ask_registrar

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
    """Asked of Qt itself, in a process of its own: where there is no screen Qt ends the one that asks."""
    frozen = getattr(sys, "frozen", False)
    command = [sys.executable, *([] if frozen else ["-m", "workstation"]), "screen-child"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=SCREEN_S, check=False)
    except subprocess.TimeoutExpired:
        yield Check("screen", FAILED, f"the screen does not open within {SCREEN_S} s", "log out and in again")
        return
    said = (told.stdout if told.returncode == 0 else told.stderr).strip().split("\n")[-1]
    if told.returncode:
        what, _, remedy = said.removeprefix("tahuri: ").rpartition(": ")
        yield Check("screen", FAILED, what or f"Qt ended with {told.returncode}", remedy or "run ./run")
    elif said.startswith("offscreen"):
        yield Check("screen", LOOK, "Qt draws offscreen: QT_QPA_PLATFORM is set so", "unset it on a real desk")
    else:
        yield Check("screen", GOOD, f"Qt opens it: {said}")


def _fonts(settings: Settings, clock: Clock) -> Iterator[Check]:
    missing = [name for name in ("Regular", "Medium", "SemiBold") if not _carried(f"fonts/Inter-{name}.otf")]
    if missing:
        yield Check("fonts", FAILED, f"Inter {', '.join(missing)} is not in the program", "install the program again")
    else:
        yield Check("fonts", GOOD, "Inter in three weights")


def _carried(name: str) -> bool:
    return resources.path(name).is_file()


CHECKS: Final = (
    _version, _settings, _folder, _disk, _clock, _sqlite, _key, _store, _safety, _hub, _port, _registrar, _sound,
    _voice, _screen, _fonts,
)  # fmt: skip
