"""`python -m sync.hub courier export / import`: what the hub has, carried on a stick, and others' taken in (S8).

A hub on a file is stopped for it; one on PostgreSQL may run.
"""

from __future__ import annotations

from pathlib import Path

import click

from sync.courier import giving, taking
from sync.courier.bundle import NotCarried
from sync.hub.founding import common, opened
from sync.hub.speaker import Speaker
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.domain.sentence import Sentence
from workstation.words import english


@click.group(help="Carry what is in this hub's log on a stick, where no wire leads.")
def courier() -> None:
    pass


@courier.command("export", help="Write a courier file to PLACE: a folder, or a file that is not there yet.")
@click.argument("place", type=click.Path(path_type=Path))
@common
@click.option("--to", multiple=True, required=True, help="A device that can read it, by its name; may be repeated.")
@click.option("--everything", is_flag=True, help="The whole log, not only what they are not known to have.")
def export(
    place: Path, store: str, key_file: Path | None, site: str, as_json: bool, to: tuple[str, ...], everything: bool
) -> None:
    speaker = Speaker(as_json)
    with opened(speaker, store, key_file, site) as log:
        try:
            order = giving.Order(place, to, everything)
            made = giving.give(log, order, SystemClock().now_ms(), SystemIds().secret, None if as_json else _heard)
        except NotCarried as why:
            speaker.refuse(str(why))
    speaker.say(english(giving.sentence_of(made)), file=str(made.path), ops=made.ops, readers=list(made.readers))


@courier.command("import", help="Take in a courier FILE that was made for this hub.")
@click.argument("file", type=click.Path(path_type=Path))
@common
def take_in(file: Path, store: str, key_file: Path | None, site: str, as_json: bool) -> None:
    speaker = Speaker(as_json)
    with opened(speaker, store, key_file, site) as log:
        try:
            taken = taking.take(log, file, None if as_json else _heard)
        except NotCarried as why:
            speaker.refuse(str(why))
    speaker.say(english(taking.sentence_of(taken)), maker=taken.maker, fresh=taken.fresh, ops=taken.ops)


def _heard(step: str, percent: int) -> None:
    """How far it is, on one line of standard error."""
    click.echo(f"\r{english(Sentence(f'step.{step}'))} {percent:3} %", nl=percent == 100, err=True)
