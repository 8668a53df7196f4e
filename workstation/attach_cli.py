"""The command that attaches a file to an incident; at a desk whose screen is open, the screen does it (promise S12)."""

from __future__ import annotations

from pathlib import Path

import click

from workstation.site_cli import open_desk
from workstation.start import Stop, settings_of


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--about", required=True, help="The incident's number, such as AMB-3-0142.")
@click.option("--by", default="", help="The login of who attaches it: the record names them.")
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def attach(outer: Path | None, file: Path, about: str, by: str, own: Path | None) -> None:
    """Attach FILE to an incident: it is encrypted here, and goes to the server once the desk runs and text is sent."""
    from workstation.cli import run_by
    from workstation.service import attachments
    from workstation.service.desk import Refused

    with open_desk(settings_of(own or outer)) as opened:
        desk = run_by(opened, by)
        sql = "select uid from incident where number = ?"
        row = desk.ask(lambda db: db.execute(sql, [about]).fetchone()).result()
        if row is None:
            raise Stop(f"no incident {about} is in this desk's record: check the number, or let the desk catch up")
        try:
            attachments.attach(desk, row[0], file).result()
        except Refused as error:
            raise Stop(str(error)) from None
    click.echo(f"{file.name} is attached to {about}.")
