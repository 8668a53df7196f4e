"""The commands: the desk, and what IT and imports need; what the person can put right ends in one sentence."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstation.attach_cli import attach
from workstation.courier_cli import courier
from workstation.keeping_cli import KEEPING_COMMANDS
from workstation.record_cli import RECORD_COMMANDS
from workstation.settings import SettingsWrong
from workstation.site_cli import SITE_COMMANDS, open_desk, secret
from workstation.sound_settings import load_sound
from workstation.start import WRONG_SETTING, Stop, run, say_why, settings_of

if TYPE_CHECKING:
    from workstation.service.desk import Desk


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--settings", "file", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_context
def tahuri(context: click.Context, file: Path | None) -> None:
    """The workstation on a call-taker's desk. Without a command: the desk."""
    context.obj = file
    if context.invoked_subcommand is None:
        context.exit(run(file))


@tahuri.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def engine(file: Path | None) -> None:
    """The phone engine; the desk starts it by itself."""
    from workstation.phone.engine.main import run

    sys.exit(run(file))


@tahuri.command("voice-child", hidden=True)
def voice_child() -> None:
    """The speech process: one request on standard input, one answer on standard output; for programs."""
    try:
        child = importlib.import_module("workstation.voice.child")
    except ImportError as error:
        raise Stop(f"speech cannot start: {error}; install the locked packages again") from None
    sys.exit(child.main())


@tahuri.command("screen-child", hidden=True)
def screen_child() -> None:
    """Open a screen and close it again; says what it is, or why there is none. For the doctor."""
    from ui.opening import try_it

    click.echo(try_it())


@tahuri.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "mapping", required=True, type=click.Path(path_type=Path), help="How the columns are read.")
@click.option(
    "--speed", default=0.0, type=click.FloatRange(min=0), help="Record seconds a second; 0 = as fast as it goes."
)
@click.option("--by", default="", help="The login of who runs it: the record names them.")
@click.option("--json", "as_json", is_flag=True, help="No progress, only the last line.")
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def replay(
    outer: Path | None, file: Path, mapping: Path, speed: float, by: str, as_json: bool, own: Path | None
) -> None:
    """Feed another system's call records through the desk's services; ends with one line of JSON.

    The PIN of who runs it is asked for, or read from standard input.
    """
    from workstation.exchange.mapping import MappingWrong
    from workstation.exchange.mapping import load as load_mapping
    from workstation.exchange.replay import CutOff, Step
    from workstation.exchange.replay import replay as play

    def told(step: Step) -> None:
        share = 100 * step.done // step.calls if step.calls else 100
        click.echo(f"\r{step.done} / {step.calls} calls, {share} %, {step.rows} units", nl=False, err=True)

    never = threading.Event()

    def wait(seconds: float) -> None:
        never.wait(seconds)  # a pause that Ctrl-C ends

    with open_desk(settings_of(own or outer)) as opened:
        desk = run_by(opened, by)
        try:
            table = load_mapping(_existing_map(mapping))
            outcome = play(
                desk, file, table, speed=speed, told=(lambda step: None) if as_json else told,
                pause=wait,
            )  # fmt: skip
        except MappingWrong as error:
            raise Stop(str(error), WRONG_SETTING) from None
        except OSError as error:
            why = f"{file} cannot be read ({error.strerror}): name a CSV file that can be"
            raise Stop(why, WRONG_SETTING) from None
        except CutOff as error:
            click.echo(json.dumps(error.outcome.as_dict()))
            raise Stop(f"{error}; the same command goes on where it stopped") from None
        except KeyboardInterrupt:
            raise Stop("stopped; the same command goes on where it stopped", 130) from None
    if not as_json:
        click.echo(err=True)
    click.echo(json.dumps(outcome.as_dict()))


@tahuri.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def doctor(outer: Path | None, as_json: bool, own: Path | None) -> None:
    """Look at everything IT can be asked about; exit 0 good, 1 something to look at, 2 something failed."""
    from workstation.doctor import FAILED, Check, as_dict, examine, worst
    from workstation.domain.hlc import SystemClock

    try:
        checks = examine(load_sound(own or outer), SystemClock())
    except SettingsWrong as wrong:
        checks = [Check("settings", FAILED, str(wrong), "put the setting right")]
    if as_json:
        click.echo(json.dumps(as_dict(checks)))
    else:
        for check in checks:
            click.echo(f"{check.state:7} {check.name:10} {check.sentence}")
            if check.remedy:
                click.echo(f"{'':18} -> {check.remedy}")
    sys.exit(worst(checks))


@tahuri.command()
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def digest(outer: Path | None, own: Path | None) -> None:
    """Print the digest of this desk's record: equal on every desk and hub that hold the same ops."""
    from workstation.store import StoreFailed, StoreRefused, read_digest
    from workstation.store.keys import KeyMissing, find, missing

    settings = settings_of(own or outer)
    try:
        if not settings.places.store.exists():
            raise Stop(f"there is no record in {settings.places.folder} yet")
        found = find(settings)
        if found is None:
            raise missing(settings)
        click.echo(read_digest(settings.places.store, found.key).hex())
    except (StoreRefused, StoreFailed, KeyMissing) as error:
        raise Stop(str(error)) from None


def run_by(desk: Desk, login: str) -> Desk:
    """The desk as this person; as nobody only where nobody is on the roster yet. Raises Stop."""
    from workstation.service import people, views
    from workstation.service.desk import Refused

    if login:
        try:
            return people.visitor(desk, login, secret(f"PIN of {login}")).result()
        except Refused as error:
            raise Stop(str(error)) from None
    if desk.ask(views.roster).result():
        raise Stop("say who runs it, the record names them: --by LOGIN", WRONG_SETTING)
    return desk


def _existing_map(mapping: Path) -> Path:
    """Give the mapping's file: a path, or the name of one the program carries. Raises Stop where it is neither."""
    import resources

    carried = {path.name: path for path in sorted(resources.path("imports").glob("*.toml"))}
    if mapping.exists():
        return mapping
    if mapping.name in carried:
        return carried[mapping.name]
    known = ", ".join(carried)
    raise Stop(f"{mapping} is not there: name a file of your own, or one that is carried: {known}", WRONG_SETTING)


for _command in (*SITE_COMMANDS, *RECORD_COMMANDS, *KEEPING_COMMANDS, attach, courier):
    tahuri.add_command(_command)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    try:
        tahuri.main(args=arguments, prog_name="tahuri", standalone_mode=True)
    except Stop as stop:
        return say_why(stop)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
