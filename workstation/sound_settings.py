"""Settings that only another room can judge: the line's and the catalogue's; a wrong one is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workstation.phone.settings import BadPhoneSetting, PhoneSettings
from workstation.settings import Settings, load


def load_sound(file: Path | None = None) -> Settings:
    """Read the settings and judge all of them before anything is opened; raises `SettingsWrong`."""
    settings = load(file)
    judge(settings)
    return settings


def judge(settings: Settings) -> None:
    """Raise `SettingsWrong` on the first setting the line or the catalogue cannot use."""
    try:
        PhoneSettings.from_mapping(settings.phone.table(), settings.places.folder)
    except BadPhoneSetting as error:
        why = str(error).removeprefix(f"phone.{error.name}: ")
        raise settings.wrong(f"phone.{error.name}", why, or_at="phone.registrars") from None
    # Read only where a site sets some: the catalogue is read once more when the desk opens, and a start is short.
    for name, seconds in settings.targets_s.items():
        _known(settings, f"targets_s.{name}", {name: seconds}, {})
    for name, number in settings.duty.items():
        _known(settings, f"duty.{name}", {}, {name: number})


def _known(settings: Settings, name: str, targets_s: Mapping[str, Any], duty: Mapping[str, str]) -> None:
    from workstation.service.catalogue import Catalogue, CatalogueWrong

    try:
        Catalogue.load(targets_s, duty)
    except CatalogueWrong as error:
        raise settings.wrong(name, str(error)) from None
