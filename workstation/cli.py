"""The commands: the desk, and what IT and imports need; what the person can put right ends in one sentence."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from workstation.settings import Settings, SettingsWrong
from workstation.sound_settings import load_sound
from workstation.start import WRONG_SETTING, Stop, places_of, run, say_why, settings_of

NAME_WHO = "name the shift lead or IT person who enrols with --by LOGIN; their PIN is asked for first"


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


@tahuri.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "mapping", required=True, type=click.Path(path_type=Path), help="How the columns are read.")
@click.option(
    "--speed", default=0.0, type=click.FloatRange(min=0), help="Record seconds a second; 0 = as fast as it goes."
)
@click.option("--json", "as_json", is_flag=True, help="No progress, only the last line.")
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def replay(outer: Path | None, file: Path, mapping: Path, speed: float, as_json: bool, own: Path | None) -> None:
    """Feed another system's call records through the desk's services; ends with one line of JSON."""
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

    with _open_desk(settings_of(own or outer)) as desk:
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
@click.option("--login", required=True)
@click.option("--name", required=True, help="As it stands on the screen.")
@click.option("--role", required=True, type=click.Choice(["operator", "lead", "it"]))
@click.option(
    "--by", default="", help="The login of the lead or IT person who enrols; asked for once someone is on the roster."
)
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def enrol(outer: Path | None, login: str, name: str, role: str, by: str, own: Path | None) -> None:
    """Put a person on the roster. PINs are asked for, or read from standard input line by line; never an argument."""
    from workstation.service import people
    from workstation.service.desk import NotAllowed, Refused

    with _open_desk(settings_of(own or outer)) as desk:
        try:
            if by:
                people.sign_in(desk, by, _secret(f"PIN of {by}")).result()
            people.enrol(desk, login, name, role, _secret(f"new PIN of {login}", again=True)).result()
        except NotAllowed as error:
            # A shell has no sign-in page: who asks is named by an option.
            raise Stop(str(error) if by else f"somebody is on the roster already: {NAME_WHO}") from None
        except Refused as error:
            raise Stop(str(error)) from None
        finally:
            if desk.person is not None:
                people.sign_out(desk).result()
    click.echo(f"{login} is on the roster as {role}.")


@tahuri.command()
@click.option("--settings", "own", type=click.Path(path_type=Path), help="A settings file in place of the user's.")
@click.pass_obj
def digest(outer: Path | None, own: Path | None) -> None:
    """Print the digest of this desk's record: equal on every desk and hub that hold the same ops."""
    from workstation.store import StoreFailed, StoreRefused, read_digest
    from workstation.store.keys import KeyMissing, find

    settings = settings_of(own or outer)
    try:
        found = find(settings)
        if found is None or not settings.places.store.exists():
            raise Stop(f"there is no record in {settings.places.folder} yet")
        click.echo(read_digest(settings.places.store, found.key).hex())
    except (StoreRefused, StoreFailed, KeyMissing) as error:
        raise Stop(str(error)) from None


def _secret(prompt: str, again: bool = False) -> str:
    """Ask at the terminal without showing it; else take a line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True))
    return sys.stdin.readline().rstrip("\r\n")


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


@contextmanager
def _open_desk(settings: Settings) -> Iterator[Any]:
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
        store = Store.open(places.store, store_key(settings, ids), clock=clock, ids=ids, site=settings.desk.site)
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


def main(arguments: list[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    try:
        tahuri.main(args=arguments, prog_name="tahuri", standalone_mode=True)
    except Stop as stop:
        return say_why(stop)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
