"""`python -m sync.hub found | invite | join | lead`: what IT does about sites.

A hub on a file is stopped for it; one on PostgreSQL may run, for these are writers like any other there.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sync.hub import settings
from sync.hub.log import LogRefused
from sync.hub.settings import SettingWrong
from sync.hub.speaker import Speaker
from sync.hub.stores import HubLog, chosen
from sync.log import LogAway
from sync.replica import enrolling
from sync.replica.enrolling import NotJoined
from workstation import site as sites
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.domain.kinds import DEVICE_ROLES
from workstation.signing import Key
from workstation.site import Signatory, SiteRefused
from workstation.words import english

F = TypeVar("F", bound=Callable[..., Any])
SECRET_LEAST: Final = 6
_STORE_HELP: Final = "sqlite:///PATH of a hub that is stopped, or postgresql://USER@HOST/DATABASE of one that may run."


_SITE_KEY: Final = click.option(
    "--site-key", type=click.Path(path_type=Path), required=True, help="The site's offline key file."
)


def common(command: F) -> F:
    """The options that say which log it is."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Say everything as one JSON object a line."),
        click.option("--site", default="ambon", show_default=True, help="The site whose record this is."),
        click.option("--key-file", type=click.Path(path_type=Path), help="The store's key. [STORE.key]"),
        click.option("--store", required=True, metavar="URL", help=_STORE_HELP),
    ):
        command = option(command)
    return command


@click.command(
    help="Found a site: make its offline key, and make this hub a device of it. With a key there is already: "
    "another hub for that site, such as after the first one was lost, or restored."
)
@common
@_SITE_KEY
@click.option("--name", default="Hub", show_default=True, help="What this hub is called.")
def found(store: str, key_file: Path | None, site: str, site_key: Path, as_json: bool, name: str) -> None:
    speaker = Speaker(as_json)
    ids, clock = SystemIds(), SystemClock()
    with opened(speaker, store, key_file, site) as log:
        roster = log.trust().rosters.get(site)
        if roster is not None and log.replica in roster.by_replica:
            speaker.refuse(f"This hub belongs to the site {site!r} already.")
        if site_key.exists():
            key = sites.read_site_key(site_key, site, _secret(f"password of {site_key.name}"))
            if roster is not None and key.public != roster.key:
                speaker.refuse(f"{site_key} is the key of another site of this name.")
        elif roster is not None:
            speaker.refuse(f"{site_key} is not there: this record is of a site that has a key, name its file.")
        else:
            key = sites.make_site_key(site_key, site, _new_secret(speaker, f"password of {site_key.name}"), ids)
        sites.found(log, key, name, "hub", ids, clock.now_ms())
    speaker.say(
        f"{name} is a hub of {site}. Keep {site_key} and its password offline: whoever has both owns the site.",
        founded=site, site_key=str(site_key),
    )  # fmt: skip


@click.command(help="Invite a device: prints the one-time code that is typed there.")
@common
@_SITE_KEY
@click.option("--name", required=True, help='What the device is called, such as "Meja 3".')
@click.option("--role", type=click.Choice(DEVICE_ROLES), default="desk", show_default=True)
def invite(store: str, key_file: Path | None, site: str, site_key: Path, as_json: bool, name: str, role: str) -> None:
    speaker = Speaker(as_json)
    with opened(speaker, store, key_file, site) as log:
        by = _by_site_key(speaker, log, site_key)
        key = log.trust().rosters[site].key
        _, code = sites.invite(log, name, role, by, key, SystemIds(), SystemClock().now_ms())
    speaker.say(f"The code for {name}, good for one device: {code.text}", code=code.text, name=name)


@click.command(help="Put the first lead on the roster; the PIN is asked for, or read from standard input.")
@common
@_SITE_KEY
@click.option("--login", required=True)
@click.option("--name", required=True, help="As it stands on the screen.")
def lead(store: str, key_file: Path | None, site: str, site_key: Path, as_json: bool, login: str, name: str) -> None:
    speaker = Speaker(as_json)
    ids = SystemIds()
    with opened(speaker, store, key_file, site) as log:
        by = _by_site_key(speaker, log, site_key)
        body = sites.person_body(login, name, "lead", _new_secret(speaker, f"PIN of {login}"), ids)
        log.append("person.enrolled", ids.uid(), body, person=by.person, signer=by.signer).result()
    speaker.say(f"{login} is on the roster as lead.", login=login)


@click.command(
    help="Make this hub a device of a site whose hub answers at --url: the central hub, once for each site it serves. "
    "The one-time code is asked for, or read from standard input; it was made there with --role hub."
)
@common
@click.option("--url", required=True, help="A hub or desk of that site.")
@click.option("--of", default="", metavar="SITE", help="The name of that site. [--site]")
def join(store: str, key_file: Path | None, site: str, as_json: bool, url: str, of: str) -> None:
    speaker = Speaker(as_json)
    with opened(speaker, store, key_file, site) as log:
        code = sites.Code.read(_secret("one-time code"))
        try:
            name = asyncio.run(enrolling.join(settings.peer_url(url), code, log, SystemIds(), of or site))
        except NotJoined as why:
            speaker.refuse(english(why.sentence))
    speaker.say(f"This hub is enrolled as {name} of {of or site}.", joined=of or site, name=name)


def _by_site_key(speaker: Speaker, log: HubLog, path: Path) -> Signatory:
    """The site's key, opened; it must be the one this hub believes."""
    roster = log.trust().rosters.get(log.site)
    if roster is None:
        speaker.refuse("This hub belongs to no site yet: found one first.")
    key: Key = sites.read_site_key(path, log.site, _secret(f"password of {path.name}"))
    if key.public != roster.key:
        speaker.refuse(f"{path} is the key of another site of this name.")
    return Signatory(key)


@contextmanager
def opened(speaker: Speaker, store: str, key_file: Path | None, site: str) -> Iterator[HubLog]:
    """The log of `--store`, opened for a command; what a person can put right ends in one sentence."""
    ids = SystemIds()
    try:
        kept = chosen(store, key_file, ids)
        speaker.made("key file", kept.key)
        with closing(kept.open(SystemClock(), ids, site)) as log:
            yield log
    except (SettingWrong, SiteRefused) as wrong:
        speaker.refuse(str(wrong))
    except LogRefused as refused:
        hint = "" if settings.is_postgres(store) else " (stop the hub first)"
        speaker.refuse(f"The store was not opened: {refused}{hint}")
    except LogAway as away:
        speaker.refuse(f"The store failed, and it is not known whether that was written: {away}. Look, and try again.")


def _new_secret(speaker: Speaker, what: str) -> str:
    chosen = _secret(f"new {what}", again=True)
    if len(chosen) < SECRET_LEAST:
        speaker.refuse(f"The {what} has {SECRET_LEAST} characters or more.")
    return chosen


def _secret(what: str, again: bool = False) -> str:
    """A secret from the terminal, unseen, or a line of standard input; never an argument."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=again))
    return sys.stdin.readline().rstrip("\r\n")
