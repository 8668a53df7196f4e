from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from workstation import crash, log
from workstation.domain.hlc import HandClock


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[log.Ring]:
    level = logging.getLogger().level
    yield log.start("debug", tmp_path / "desk.log")
    log.stop()
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize("number", ["081200004417", "+62 812-0000-4417", "0911 312345"])
def test_no_number_is_written_above_debug(ring: log.Ring, tmp_path: Path, number: str) -> None:
    logging.getLogger("call").info("ring from %s at desk %d", number, 3)
    logging.getLogger("call").debug("raw %s", number)
    loud, quiet = ring.lines()
    assert "ring from [number] at desk 3" in loud
    assert number in quiet
    written = (tmp_path / "desk.log").read_text(encoding="utf-8")
    assert "ring from [number]" in written
    assert (tmp_path / "desk.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.expected_log("the ring broke", "unexpected, in")
def test_no_number_is_written_in_a_traceback(ring: log.Ring, tmp_path: Path) -> None:
    file = tmp_path / "last-crash.txt"
    try:
        raise ValueError("no such caller: +62 812-0000-4417")
    except ValueError as error:
        logging.getLogger("call").exception("the ring broke")
        told = crash.Crash(file, ring, HandClock()).note(error, "the board")
    written = [*ring.lines(), (tmp_path / "desk.log").read_text(), file.read_text(), told]
    assert "0000" not in "".join(written)
    assert "".join(written).count("no such caller: [number]") >= 6


def test_the_time_of_a_line_is_left_as_it_is() -> None:
    record = logging.LogRecord("call", logging.INFO, __file__, 1, "ring", (), None)
    line = log.Veil().format(record)
    assert line == f"{record.asctime} INFO call ring" and "[number]" not in line


def test_the_ring_keeps_the_newest_lines() -> None:
    ring = log.Ring(lines=3)
    for n in range(5):
        ring.handle(logging.LogRecord("sync", logging.INFO, __file__, 1, "line %d", (n,), None))
    assert [line[-6:] for line in ring.lines()] == ["line 2", "line 3", "line 4"]


@pytest.mark.expected_log("no log file")
def test_a_log_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    level = logging.getLogger().level
    ring = log.start("info", tmp_path / "gone" / "desk.log")
    logging.getLogger("store").info("still heard")
    log.stop()
    logging.getLogger().setLevel(level)
    assert "still heard" in ring.lines()[-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the full device is Linux's")
def test_a_disk_without_room_for_the_log_stops_nothing_and_fills_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "desk.log").symlink_to("/dev/full")
    level = logging.getLogger().level
    ring = log.start("info", tmp_path / "desk.log")
    logging.getLogger("store").info("still heard")
    log.stop()
    logging.getLogger().setLevel(level)
    assert "still heard" in ring.lines()[-1]
    assert "still heard" in (told := capsys.readouterr().err) and told.count("\n") == 1


@pytest.mark.expected_log("unexpected, in")
def test_what_nobody_caught_is_on_disk_with_the_lines_before_it(ring: log.Ring, tmp_path: Path) -> None:
    shown: list[str] = []
    file = tmp_path / "last-crash.txt"
    guard = crash.Crash(file, ring, HandClock(), shown.append)
    before = (sys.excepthook, threading.excepthook)
    guard.install()
    try:
        logging.getLogger("ui").info("the last thing that went well")

        def breaks() -> None:
            raise RuntimeError("the board broke")

        thread = threading.Thread(target=breaks, name="painter")
        thread.start()
        thread.join()
    finally:
        guard.remove()
    assert (sys.excepthook, threading.excepthook) == before
    written = file.read_text(encoding="utf-8")
    assert "in the thread painter: RuntimeError: the board broke" in written
    assert "in breaks" in written and "the last thing that went well" in written
    assert file.stat().st_mode & 0o777 == 0o600
    assert shown == ["RuntimeError: the board broke"]
    told = crash.last(file)
    assert told is not None and told.startswith("2026-01-01T00:00:00+00:00 Tahuri")
    assert crash.last(tmp_path / "none.txt") is None
