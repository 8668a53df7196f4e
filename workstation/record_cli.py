"""The commands about the record as a file: copy it, bring it back, and the key that opens it without this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from workstation.settings import Settings
from workstation.site_cli import open_desk, secret
from workstation.start import Stop, settings_of

if TYPE_CHECKING:
    from workstation.bringback import Back
    from workstation.recovery import RecoveryKey

_SETTINGS: Final = click.option(
    "--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's."
)
_SITE_KEY: Final = click.option(
    "--site-key", type=click.Path(path_type=Path), help="The site's offline key; its password is asked for."
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_SETTINGS
@click.pass_obj
def backup(outer: Path | None, folder: Path, own: Path | None) -> None:
    """Copy the record into FOLDER and look the copy through; the desk may be running."""
    from sync.attachments.shelf import Shelf
    from workstation.domain.hlc import SystemClock
    from workstation.store import copies
    from workstation.store.keys import KeyMissing, find

    settings = settings_of(own or outer)
    place = settings.places.store
    try:
        found = find(settings)
    except KeyMissing as error:
        raise Stop(str(error)) from None
    if found is None or not place.exists():
        raise Stop(f"there is no record in {settings.places.folder} yet")
    try:
        copy = copies.make(place, found.key, folder, settings.desk.prefix, SystemClock().now_ms(), heard=heard)
        copies.attachments(Shelf(place.with_suffix(".attachments")), folder, settings.desk.prefix)
    except copies.CopyFailed as error:
        raise Stop(str(error)) from None
    click.echo(f"The record is copied, and the copy is whole: {copy.path}")
    if not copy.sealed and found.key is not None:
        click.echo("No recovery key of the site is known here: this machine's key alone opens it.")


@click.command()
@click.argument("copy", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_SITE_KEY
@_SETTINGS
@click.pass_obj
def restore(outer: Path | None, copy: Path, site_key: Path | None, own: Path | None) -> None:
    """Make a record here, where there is none, out of COPY of this or another machine."""
    from workstation import bringback
    from workstation.domain.hlc import SystemClock
    from workstation.domain.ids import SystemIds

    settings = settings_of(own or outer)
    clock = SystemClock()
    try:
        back = bringback.restore(
            settings, copy, _recovery_keys(settings, site_key), clock, SystemIds(clock), heard=heard
        )
    except bringback.NotBroughtBack as error:
        raise Stop(str(error)) from None
    _tell(back)


@click.command()
@click.argument("more", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_SITE_KEY
@click.option("--empty", is_flag=True, help="Begin an empty record where nothing can be read: the hub fills it.")
@_SETTINGS
@click.pass_obj
def recover(outer: Path | None, more: tuple[Path, ...], site_key: Path | None, empty: bool, own: Path | None) -> None:
    """Make a damaged or lost record anew: out of itself, its nightly copies, its journal, and the copies in MORE."""
    from workstation import bringback
    from workstation.domain.hlc import SystemClock
    from workstation.domain.ids import SystemIds
    from workstation.domain.sentence import say
    from workstation.words import english

    settings = settings_of(own or outer)
    clock, keys = SystemClock(), _recovery_keys(settings, site_key)
    try:
        back = bringback.recover(settings, more, keys, clock, SystemIds(clock), empty=empty, heard=heard)
    except bringback.NotBroughtBack as error:
        raise Stop(str(error)) from None
    if back is None:
        click.echo(english(say("restore.whole")))
    else:
        _tell(back)


@click.command()
@click.option("--site-key", required=True, type=click.Path(path_type=Path), help="The site's offline key.")
@click.option("--renew", is_flag=True, help="Put a new recovery key into the file first.")
@_SETTINGS
@click.pass_obj
def recovery(outer: Path | None, site_key: Path, renew: bool, own: Path | None) -> None:
    """Tell all devices to which recovery key they are to seal their records' keys."""
    from workstation import site

    settings = settings_of(own or outer)
    with open_desk(settings) as desk:
        roster = desk.store.trust().rosters.get(desk.store.site)
        if roster is None:
            raise Stop("this desk belongs to no site yet: found one, or join it with a code")
        key = _opened(desk, site_key, renew)
        if key.public != roster.key:
            raise Stop(f"{site_key} is the key of another site of this name")
        if not key.recovery:
            raise Stop(f"{site_key} holds no recovery key yet: do it again with --renew")
        site.name_recovery(desk.store, key, desk.ids, desk.clock.now_ms())
    click.echo("The devices of the site seal their records' keys to the newest recovery key as they hear of it.")


RECORD_COMMANDS: Final = (backup, restore, recover, recovery)


def _opened(desk: Any, site_key: Path, renew: bool) -> Any:
    from workstation import site

    opens = site.renew_recovery if renew else lambda path, name, password, ids: site.read_site_key(path, name, password)
    try:
        return opens(site_key, desk.store.site, secret(f"password of {site_key.name}"), desk.ids)
    except site.SiteRefused as error:
        raise Stop(str(error)) from None


def _recovery_keys(settings: Settings, site_key: Path | None) -> Sequence[RecoveryKey]:
    from workstation import site

    if site_key is None:
        return ()
    try:
        key = site.read_site_key(site_key, settings.desk.site, secret(f"password of {site_key.name}"))
    except site.SiteRefused as error:
        raise Stop(str(error)) from None
    return key.recovery


def heard(step: str, percent: int) -> None:
    """How far it is, on one line of standard error."""
    from workstation.domain.sentence import Sentence
    from workstation.words import english

    click.echo(f"\r{english(Sentence(f'step.{step}'))} {percent:3} %", nl=percent == 100, err=True)


def _tell(back: Back) -> None:
    from workstation.domain.sentence import say
    from workstation.words import english

    made = back.made
    said = [say("restore.done", ops=made.ops)]
    said += [say("restore.unsent", n=made.unsent)] if made.unsent else []
    said += [say("restore.waits", n=made.waiting)] if made.waiting else []
    said += [say("restore.lost", n=back.lost)] if back.lost else []
    said += [say("restore.aside", file=str(back.aside))] if back.aside else []
    for sentence in said:
        click.echo(english(sentence))
