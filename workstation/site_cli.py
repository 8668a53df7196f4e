"""The commands about the site: found it, invite and join devices, put people on the roster; secrets are asked for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from workstation.settings import Settings
from workstation.start import WRONG_SETTING, Stop, places_of, settings_of

if TYPE_CHECKING:
    from workstation.site import Signatory

_SETTINGS: Final = click.option(
    "--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's."
)
_LOOK_S: Final = 5.0
_BY: Final = click.option("--by", default="", help="The login of the lead or IT person who signs.")
_SITE_KEY: Final = click.option(
    "--site-key", type=click.Path(path_type=Path), help="The site's offline key, in place of a person."
)


@click.command()
@click.option("--site-key", required=True, type=click.Path(path_type=Path), help="Where to keep the new site's key.")
@_SETTINGS
@click.pass_obj
def found(outer: Path | None, site_key: Path, own: Path | None) -> None:
    """Found a site with this desk as its first device, for a centre without a hub."""
    from workstation import site
    from workstation.service.people import SECRET_LEAST

    with open_desk(settings_of(own or outer)) as desk, _told():
        if desk.store.site in desk.store.trust().rosters:
            raise Stop(f"this desk belongs to the site {desk.store.site!r} already")
        password = secret(f"new password of {site_key.name}", again=True)
        if len(password) < SECRET_LEAST:
            raise Stop(f"a password has {SECRET_LEAST} characters or more")
        key = site.make_site_key(site_key, desk.store.site, password, desk.ids)
        site.found(desk.store, key, desk.name, "desk", desk.ids, desk.clock.now_ms())
        name = desk.store.site
    click.echo(f"The site {name} is founded. Keep {site_key} and its password offline: whoever has both owns the site.")


@click.command()
@click.option("--name", required=True, help='What the device is called, such as "Meja 3".')
@click.option("--role", type=click.Choice(["desk", "hub"]), default="desk", show_default=True)
@_BY
@_SITE_KEY
@_SETTINGS
@click.pass_obj
def invite(outer: Path | None, name: str, role: str, by: str, site_key: Path | None, own: Path | None) -> None:
    """Invite a device: prints the one-time code that is typed there. Works while the hub is down."""
    from workstation import site

    with open_desk(settings_of(own or outer)) as desk, _told():
        signatory = _signatory(desk, "site.invite", by, site_key)
        key = desk.store.trust().rosters[desk.store.site].key
        _, code = site.invite(desk.store, name, role, signatory, key, desk.ids, desk.clock.now_ms())
    click.echo(f"The code for {name}, good for one device: {code.text}")


@click.command()
@click.option("--url", default="", help="Who enrols this desk. [hub.url, or any desk found on the network]")
@_SETTINGS
@click.pass_obj
def join(outer: Path | None, url: str, own: Path | None) -> None:
    """Make this desk part of a site. The one-time code is asked for, or read from standard input."""
    from sync.replica.enrolling import NotJoined
    from sync.replica.enrolling import join as ask
    from workstation.site import Code

    settings = settings_of(own or outer)
    with open_desk(settings) as desk, _told():
        code = Code.read(secret("one-time code"))
        try:
            name = asyncio.run(ask(url or settings.hub.url or _found(settings), code, desk.store, desk.ids))
        except NotJoined as why:
            raise Stop(str(why)) from None
    click.echo(f"This desk is enrolled as {name}.")


def _found(settings: Settings) -> str:
    """A desk of the site on this network; raises Stop."""
    from sync.replica.discovery import nearby

    click.echo("Looking for a desk of the site on this network …", err=True)
    found = asyncio.run(nearby(settings.desk.site, settings.lan.interfaces, _LOOK_S))
    if not found:
        raise Stop("no desk answers on this network: say who enrols this one with --url https://HOST:PORT")
    return found[0].urls[0]


@click.command()
@click.option("--login", required=True)
@click.option("--name", required=True, help="As it stands on the screen.")
@click.option("--role", required=True, type=click.Choice(["operator", "lead", "it"]))
@_BY
@_SITE_KEY
@_SETTINGS
@click.pass_obj
def enrol(
    outer: Path | None, login: str, name: str, role: str, by: str, site_key: Path | None, own: Path | None
) -> None:
    """Put a person on the roster. PINs are asked for, or read from standard input line by line."""
    from workstation.service import people

    with open_desk(settings_of(own or outer)) as desk, _told():
        signatory = _signatory(desk, "people.enrol", by, site_key)
        people.enrol(desk, login, name, role, secret(f"new PIN of {login}", again=True), signatory).result()
    click.echo(f"{login} is on the roster as {role}.")


SITE_COMMANDS: Final = (found, invite, join, enrol)


def _signatory(desk: Any, act: str, by: str, site_key: Path | None) -> Signatory:
    """Who signs: the person who gives their PIN, or the site's key and its password."""
    from workstation import site
    from workstation.service import people

    roster = desk.store.trust().rosters.get(desk.store.site)
    if roster is None:
        raise Stop("this desk belongs to no site yet: found one, or join it with a code")
    if site_key is not None:
        key = site.read_site_key(site_key, desk.store.site, secret(f"password of {site_key.name}"))
        if key.public != roster.key:
            raise Stop(f"{site_key} is the key of another site of this name")
        return site.Signatory(key)
    if not by:
        raise Stop("say who signs: --by LOGIN of a lead or IT person, or --site-key FILE", WRONG_SETTING)
    pin = secret(f"PIN of {by}")
    return people.signatory(desk, by, pin, act).result()


@contextmanager
def _told() -> Iterator[None]:
    """What the person can put right ends in one sentence."""
    from workstation.service.desk import Refused
    from workstation.site import SiteRefused

    try:
        yield
    except (Refused, SiteRefused) as error:
        raise Stop(str(error)) from None


def secret(prompt: str, again: bool = False) -> str:
    """Ask at the terminal without showing it; else take a line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def open_desk(settings: Settings) -> Iterator[Any]:
    """Open the record for a command and close it after; a desk that runs has it already, and that is said."""
    from workstation.domain.hlc import SystemClock
    from workstation.domain.ids import SystemIds
    from workstation.geo.gazetteer import Gazetteer
    from workstation.service.catalogue import Catalogue, CatalogueWrong
    from workstation.service.desk import Desk
    from workstation.store import Store, StoreFailed, StoreRefused
    from workstation.store.keys import KeyMissing, store_key

    clock = SystemClock()
    ids = SystemIds(clock)
    places = places_of(settings)
    try:
        catalogue = Catalogue.load(settings.targets_s, settings.duty)
        key = store_key(settings, ids)
        store = Store.open(places.store, key, clock=clock, ids=ids, site=settings.desk.site, outbox=settings.outbox)
    except (StoreRefused, StoreFailed, KeyMissing) as error:
        raise Stop(str(error)) from None
    except CatalogueWrong as error:
        raise Stop(str(error), WRONG_SETTING) from None
    try:
        desk = Desk(store, clock=clock, ids=ids, catalogue=catalogue, gazetteer=Gazetteer.load(), settings=settings)
        try:
            yield desk
        except StoreFailed as error:
            raise Stop(str(error)) from None
        finally:
            desk.close()
    finally:
        store.close()
