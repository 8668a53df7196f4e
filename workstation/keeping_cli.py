"""The commands about what is kept, what goes, and what leaves: retention, holds, exports, and the access log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import click

from workstation.settings import Settings
from workstation.site_cli import open_desk, secret
from workstation.start import WRONG_SETTING, Stop, settings_of

if TYPE_CHECKING:
    from workstation.service.desk import Desk

_SETTINGS: Final = click.option(
    "--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's."
)
_BY: Final = click.option("--by", required=True, help="The login of who does it; the PIN is asked for.")
_REASON: Final = click.option("--reason", required=True, help="Why; it stands in the record.")


@click.command()
@click.option("--show", "wanted", flag_value="show", help="Say what is past its time, ordered to go, and held.")
@click.option("--apply", "wanted", flag_value="apply", help="Order what is past its time to go; erase what is ripe.")
@click.option("--reason", default="", help="Why; it stands in the record. For --apply.")
@_BY
@_SETTINGS
@click.pass_obj
def retention(outer: Path | None, wanted: str | None, reason: str, by: str, own: Path | None) -> None:
    """The retention clock: what goes when, and what is held back."""
    from workstation.service import retention as service
    from workstation.service import views

    if wanted is None:
        raise Stop("say which: --show or --apply", WRONG_SETTING)
    settings = settings_of(own or outer)
    rules = settings.retention
    if not (rules.incident_days or rules.call_days):
        raise Stop("no time is set: set retention.incident_days and retention.call_days first", WRONG_SETTING)
    with _visitor(settings, by) as desk:
        if wanted == "apply":
            ordered = erased = 0
            while True:
                told = service.apply(desk, reason).result()
                ordered, erased = ordered + told.ordered, erased + told.erased
                if not told.more:
                    break
            click.echo(f"{ordered} entities ordered to go in {rules.grace_days} days, {erased} erased.")
        found = desk.see(views.due, desk.clock.now_ms(), rules).result()
        holds = [hold for hold in desk.see(views.holds).result() if hold.live]
    click.echo(f"past their time, not ordered yet: {len(found.fresh)} incidents and calls")
    click.echo(f"ordered, within the days of grace: {len(found.waiting)}")
    click.echo(f"ripe, erased by the next --apply:  {len(found.ripe)}")
    click.echo(f"held back:                         {len(found.held)}")
    click.echo(f"erased entities:                   {found.erased}")
    for hold in holds:
        click.echo(f"hold: {', '.join(filter(None, hold.on)) or 'a call'}: {hold.reason} ({hold.person})")


@click.command()
@click.argument("numbers", nargs=-1, required=True)
@_REASON
@_BY
@_SETTINGS
@click.pass_obj
def hold(outer: Path | None, numbers: tuple[str, ...], reason: str, by: str, own: Path | None) -> None:
    """Keep the incidents of these NUMBERS, with their calls, beyond their time (a court, an inquiry)."""
    from workstation.service import retention as service

    with _visitor(settings_of(own or outer), by) as desk:
        service.place_hold(desk, [_incident(desk, number) for number in numbers], reason).result()
    click.echo(f"{', '.join(numbers)}: held until released.")


@click.command()
@click.argument("number")
@_REASON
@_BY
@_SETTINGS
@click.pass_obj
def release(outer: Path | None, number: str, reason: str, by: str, own: Path | None) -> None:
    """End all holds that lie on the incident of this NUMBER."""
    from workstation.service import retention as service
    from workstation.service import views

    with _visitor(settings_of(own or outer), by) as desk:
        mine = [hold for hold in desk.see(views.holds).result() if hold.live and number in hold.on]
        if not mine:
            raise Stop(f"nothing holds {number}")
        for one in mine:
            service.lift_hold(desk, one.uid, reason).result()
    freed = sorted({each for one in mine for each in one.on if each})
    click.echo(f"{', '.join(freed)}: released.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--purpose", required=True, help="statistics, agency, review or court: says what stays in it.")
@click.option("--from", "first", required=True, help="The first day, YYYY-MM-DD, by the clock on the wall.")
@click.option("--to", "last", required=True, help="The last day.")
@_REASON
@_BY
@_SETTINGS
@click.pass_obj
def export(
    outer: Path | None, file: Path, purpose: str, first: str, last: str, reason: str, by: str, own: Path | None
) -> None:
    """Write incidents to FILE, without the personal data their purpose does not need."""
    from workstation.service import export as service

    settings = settings_of(own or outer)
    from_at, to_at = _day(settings, first), _day(settings, last, after=1)
    with _visitor(settings, by) as desk:
        made = service.export(desk, file, purpose, from_at, to_at, reason).result()
    click.echo(f"{made.incidents} incidents in {made.path}; sha256 {made.digest.hex()}")


@click.command("access")
@click.option("--from", "first", default="", help="The first day, YYYY-MM-DD. [all]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_REASON
@_BY
@_SETTINGS
@click.pass_obj
def access_log(outer: Path | None, first: str, as_json: bool, reason: str, by: str, own: Path | None) -> None:
    """Who looked at whose data at this desk, when and why; the newest first. This look is in it, too."""
    from workstation.service import views

    settings = settings_of(own or outer)
    with _visitor(settings, by) as desk:
        people = {person.uid: person.login for person in desk.see(views.roster).result()}
        found = desk.because(reason).see(views.access_log, _day(settings, first) if first else 0).result()
    zone = ZoneInfo(settings.desk.zone)
    for line in found:
        at, who = datetime.fromtimestamp(line.at / 1000, zone), people.get(line.person, "")
        if as_json:
            told = {"at": line.at, "login": who, "role": line.role, "view": line.view, "about": line.about}
            click.echo(json.dumps(told | {"rows": line.rows, "why": line.why}))
        else:
            click.echo(f"{at:%Y-%m-%d %H:%M} {who or '-':12} {line.view:14} {line.about:34} {line.rows:5} {line.why}")


KEEPING_COMMANDS: Final = (retention, hold, release, export, access_log)


@contextmanager
def _visitor(settings: Settings, login: str) -> Iterator[Desk]:
    """The desk as who gives their PIN; what is refused ends in one sentence."""
    from workstation.service import people
    from workstation.service.desk import Refused

    with open_desk(settings) as desk:
        try:
            yield people.visitor(desk, login, secret(f"PIN of {login}")).result()
        except Refused as error:
            raise Stop(str(error)) from None


def _incident(desk: Any, number: str) -> bytes:
    sql = "select uid from incident where number = ?"
    row = desk.ask(lambda db: db.execute(sql, [number]).fetchone()).result()
    if row is None:
        raise Stop(f"{number}: no such incident in this desk's record")
    return bytes(row[0])


def _day(settings: Settings, text: str, after: int = 0) -> int:
    """The beginning of a day at the centre, ms UTC."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(settings.desk.zone))
    except ValueError:
        raise Stop(f"{text} is no day such as 2026-11-22", WRONG_SETTING) from None
    return int((day + timedelta(days=after)).timestamp() * 1000)
