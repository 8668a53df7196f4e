"""The commands of the courier: what this desk has, carried to others on a stick, and theirs taken in (promise S8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from workstation.record_cli import heard
from workstation.site_cli import open_desk
from workstation.start import Stop, settings_of

_SETTINGS: Final = click.option(
    "--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's."
)


@click.group()
def courier() -> None:
    """Carry what is in the record to other devices of the site on a stick, where no wire leads."""


@courier.command("export")
@click.argument("place", type=click.Path(path_type=Path))
@click.option("--to", multiple=True, required=True, help="A device that can read it, by its name; may be repeated.")
@click.option("--everything", is_flag=True, help="The whole record, not only what they are not known to have.")
@_SETTINGS
@click.pass_obj
def export(outer: Path | None, place: Path, to: tuple[str, ...], everything: bool, own: Path | None) -> None:
    """Write a courier file to PLACE: a folder, or a file that is not there yet."""
    from sync.courier.giving import Order, give, sentence_of
    from workstation.words import english

    with open_desk(settings_of(own or outer)) as desk, _told():
        made = give(desk.store, Order(place, to, everything), desk.clock.now_ms(), desk.ids.secret, heard)
    click.echo(english(sentence_of(made)))


@courier.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_SETTINGS
@click.pass_obj
def take_in(outer: Path | None, file: Path, own: Path | None) -> None:
    """Take in a courier FILE that was made for this desk."""
    from sync.courier.taking import sentence_of, take
    from workstation.words import english

    with open_desk(settings_of(own or outer)) as desk, _told():
        taken = take(desk.store, file, heard)
    click.echo(english(sentence_of(taken)))


@contextmanager
def _told() -> Iterator[None]:
    from sync.courier.bundle import NotCarried

    try:
        yield
    except NotCarried as why:
        raise Stop(str(why)) from None
