"""`python -m workstation.demo`: plays the demonstration once; exit code 0 only if every step held."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from workstation.demo.play import Play
from workstation.demo.report import Report
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
@click.option(
    "--pictures", type=click.Path(path_type=Path), help="Folder for the screenshots; a temporary one otherwise."
)
def main(as_json: bool, pictures: Path | None) -> None:
    """A hub, a small PBX, a caller who speaks and two desks, all real, on loopback."""
    clock = SystemClock()
    report = Report(clock, as_json)
    kept = pictures or Path(tempfile.mkdtemp(prefix="tahuri-pictures-"))
    kept.mkdir(parents=True, exist_ok=True)
    play = Play(report, kept, clock, SystemIds(clock))
    trouble = ""
    try:
        with tempfile.TemporaryDirectory(prefix="tahuri-demo-") as folder:
            play.run(Path(folder))
    except Exception as error:
        report.ok = False
        trouble = f"{type(error).__name__}: {error}"
    report.close(play.shots, trouble)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
