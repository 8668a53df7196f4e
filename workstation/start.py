"""Starting the desk: settings, logs, crash file, then the screen. What a person can put right ends in one sentence.

A room of its own so that a desk started without a command, as it is every morning, does not load all the commands.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workstation.paths import Places
from workstation.settings import Settings, SettingsWrong
from workstation.sound_settings import load_sound

WRONG_SETTING = 2
CANNOT = 1


class Stop(Exception):
    """An end the person can do something about: one sentence, and the exit code."""

    def __init__(self, sentence: str, code: int = CANNOT) -> None:
        super().__init__(sentence)
        self.code = code


def desk() -> int:
    """Run the desk with the settings of this machine; gives the exit code."""
    try:
        return run(None)
    except Stop as stop:
        return say_why(stop)


def say_why(stop: Stop) -> int:
    """Say why it stopped, where there is somebody to read it; gives the exit code."""
    if sys.stderr is not None:  # a window program on Windows has none
        print(f"tahuri: {stop}", file=sys.stderr)
    return stop.code


def settings_of(file: Path | None) -> Settings:
    """Read the settings, all of them judged; raises Stop."""
    try:
        return load_sound(file)
    except SettingsWrong as wrong:
        raise Stop(str(wrong), WRONG_SETTING) from None


def places_of(settings: Settings) -> Places:
    """The data folder, made; raises Stop where it can't be, as a wrong setting where it was set."""
    places = settings.places
    try:
        return places.make()
    except OSError as error:
        why = f"{places.folder} can't be made or used: {error.strerror}"
    if settings.store.folder:
        raise Stop(str(settings.wrong("store.folder", why)), WRONG_SETTING)
    raise Stop(f"{why}; give this account the right to write there, or name another folder in store.folder")


@contextmanager
def _unswept() -> Iterator[None]:
    """Leave garbage alone until the desk stands, which turns the collector on itself, or the start has failed.

    A start makes half a million objects and drops almost none: looking for garbage among them costs a tenth of it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_unswept()
def run(file: Path | None) -> int:
    """Run the desk with its logs and its crash file until its window is closed; gives the exit code. Raises Stop."""
    from workstation import crash, log
    from workstation.app import run_desk
    from workstation.domain.hlc import SystemClock
    from workstation.phone.settings import BadPhoneSetting
    from workstation.service.catalogue import CatalogueWrong
    from workstation.store import StoreFailed, StoreRefused
    from workstation.store.keys import KeyMissing

    settings = settings_of(file)
    places = places_of(settings)
    ring = log.start(settings.log.level, places.folder / "desk.log")
    guard = crash.Crash(places.crash, ring, SystemClock())
    guard.install()
    try:
        return run_desk(settings)
    except (StoreRefused, StoreFailed, KeyMissing) as error:
        raise Stop(str(error)) from None
    except (CatalogueWrong, BadPhoneSetting) as error:
        raise Stop(str(error), WRONG_SETTING) from None
    finally:
        guard.remove()
        log.stop()
