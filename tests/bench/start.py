"""First frame: from starting the program to the painted window that can show a ring, its store open, no splash.

`python -m tests.bench start --json [--runs N] [--no-frozen]`. The desk from source, the frozen desk, and, in turn with
them, a bare PySide6 form in a process of its own: the same machine, the same minute. Wall milliseconds, warm.
The desk prints `first_frame`, then `form_ready` when the page of a call stands behind it and the phone is about to be
started, and ends, when `TAHURI_FIRST_FRAME=1` is set.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.package.freeze import frozen_desk

ROOT = Path(__file__).resolve().parents[2]
REACH_MS = 600.0

#: What it is compared with: Qt, a form of 40 fields and a table of 200 rows, nothing else.
BARE_FORM = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QFormLayout, QHBoxLayout, QLineEdit, QTableWidget, QTableWidgetItem, QWidget

class Form(QWidget):
    def __init__(self):
        super().__init__()
        row = QHBoxLayout(self)
        form = QFormLayout()
        for number in range(40):
            form.addRow(f"Field {number}", QLineEdit())
        row.addLayout(form)
        table = QTableWidget(200, 10)
        for line in range(200):
            for column in range(10):
                table.setItem(line, column, QTableWidgetItem(f"{line}:{column}"))
        row.addWidget(table)
        self.painted = False

    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            QTimer.singleShot(0, self.told)

    def told(self):
        print("first_frame", flush=True)
        QApplication.quit()

application = QApplication(sys.argv)
form = Form()
form.resize(1366, 768)
form.show()
application.exec()
"""

SETTINGS = """
[desk]
name = "Meja 1"
prefix = "UJI-1"

[store]
folder = "{folder}"
key = "file"
"""


@dataclass(frozen=True, slots=True)
class Starter:
    """One program to start; `name` is its row in the figures."""

    name: str
    command: tuple[str, ...]


class NoFirstFrame(Exception):
    """The program ended, or a minute passed, without a first frame; the text is what it said."""


def frames_ms(command: tuple[str, ...], environment: dict[str, str]) -> dict[str, float]:
    """Wall milliseconds from the start of the process to each word it says, by the word. Raises NoFirstFrame."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said: dict[str, float] = {}
    try:
        for line in process.stdout:
            said.setdefault(line.strip(), (time.perf_counter() - begin) * 1000)
        _, errors = process.communicate(timeout=60)
        if "first_frame" not in said:
            raise NoFirstFrame("\n".join(said) + errors)
        return said
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def starters(folder: Path, frozen: Path | None) -> list[Starter]:
    """The programs to compare; the desk's store lies in `folder`."""
    settings = folder / "config" / "tahuri" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS.format(folder=(folder / "desk").as_posix()), encoding="utf-8")
    rows = [
        Starter("bare_form", (sys.executable, "-c", BARE_FORM)),
        Starter("source", (sys.executable, "-m", "workstation")),
    ]
    if frozen is not None:
        rows.append(Starter("frozen", (str(frozen),)))
    return rows


def measure(runs: int, frozen: Path | None) -> dict[str, object]:
    """Median, least and greatest of `runs` warm starts of each program, in turn; their ratio to the bare form."""
    environment = {**os.environ, "TAHURI_FIRST_FRAME": "1"}
    # A desk has its byte code on disk after the first start; where it is forbidden, the compiler would be measured.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="tahuri-start-") as name:
        folder = Path(name)
        rows = starters(folder, frozen)
        # As every morning: without a command, with the settings of whoever sits there.
        environment["XDG_CONFIG_HOME"] = str(folder / "config")
        for row in rows:  # once unmeasured: the disk's cache is warm, the store exists
            frames_ms(row.command, environment)
        times: dict[str, list[dict[str, float]]] = {row.name: [] for row in rows}
        for _ in range(runs):
            for row in rows:
                times[row.name].append(frames_ms(row.command, environment))
    frames = {name: [each["first_frame"] for each in taken] for name, taken in times.items()}
    bare = statistics.median(frames["bare_form"])
    figures: dict[str, object] = {
        name: {
            "median_ms": round(statistics.median(taken)),
            "min_ms": round(min(taken)),
            "max_ms": round(max(taken)),
            "times_bare_form": round(statistics.median(taken) / bare, 2),
            **(
                {"form_ready_median_ms": round(statistics.median(each["form_ready"] for each in times[name]))}
                if name != "bare_form"
                else {}
            ),
        }
        for name, taken in frames.items()
    }
    worst = max(statistics.median(taken) for name, taken in frames.items() if name != "bare_form")
    return {
        "runs": runs,
        "platform": environment["QT_QPA_PLATFORM"],
        **figures,
        "reach_ms": REACH_MS,
        "reached": worst <= REACH_MS,
        "compared_with": "a bare PySide6 form of 40 fields and a table of 200 x 10, started in turn with the desk",
    }


def run(arguments: list[str]) -> dict[str, object]:
    """`--runs N` (default 7), `--no-frozen`; the frozen desk is built first where it is not at hand."""
    runs = int(arguments[arguments.index("--runs") + 1]) if "--runs" in arguments else 7
    return measure(runs, None if "--no-frozen" in arguments else frozen_desk())
