"""A write that fails costs the record nothing: the engine tells it again while everything goes on (promise P2)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.phone.desk import alive, settings_for
from tests.phone.raw import Raw
from tests.screens.seat import NOW, Seat
from tests.waiting import wait_until
from workstation.calling import make_line
from workstation.demo.process import free_port
from workstation.domain.hlc import HandClock, SystemClock
from workstation.phone import meeting
from workstation.service import views


def refuse(seat: Seat, monkeypatch: pytest.MonkeyPatch, which: set[int], at_once: bool) -> list[int]:
    """The store fails at these writes, as it does on a full disk; the list counts all of them."""
    write = seat.store.write
    tried: list[int] = []

    def fails(act: Callable[..., Any]) -> Future[Any]:
        tried.append(1)
        if len(tried) not in which:
            return write(act)
        if at_once:
            raise OSError("no space left on the disk")
        refused: Future[Any] = Future()
        refused.set_exception(OSError("no space left on the disk"))
        return refused

    monkeypatch.setattr(seat.store, "write", fails)
    return tried


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    ("which", "at_once"),
    [
        pytest.param({1}, False, marks=pytest.mark.expected_log("is not in the store")),
        pytest.param({1, 2, 4}, False, marks=pytest.mark.expected_log("is not in the store")),
        pytest.param({1}, True, marks=pytest.mark.expected_log("was not taken")),
    ],
)
def test_a_ring_whose_write_fails_is_in_the_record_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: set[int], at_once: bool
) -> None:
    port, folder = free_port(), tmp_path / "d"
    with Seat(tmp_path, 3, HandClock(NOW)) as seat, Raw(port) as raw:
        settings = settings_for(folder, port=port, peers=("127.0.0.1",))
        states: list[Any] = []
        line = make_line(settings, b"k" * 32, seat.desk, SystemClock(), states.append)
        tried = refuse(seat, monkeypatch, which, at_once)
        line.start()
        try:
            wait_until(lambda: states and states[-1].line != "failed", 15, what="the engine answers")
            call = raw.dialog()
            raw.send(call.invite())
            call.learn(raw.until("SIP/2.0 180"))
            wait_until(lambda: tried, 5, what="the write that fails")
            wait_until(lambda: line.calls, 5, what="it rings")
            offer = bytes.fromhex(line.calls[0].offer)
            line.answer(offer)
            raw.until("SIP/2.0 200")
            raw.send(call.request("ACK"))
            raw.send(call.next("BYE"))
            raw.until("SIP/2.0 200")

            def row() -> Any:
                found = seat.desk.ask(lambda db: views.calls_page(db, None, 10)).result(10)
                return [c for c in found if c.offer == offer and c.ended_at]

            wait_until(row, 15, what="the call is in the record, whole")
            assert row()[0].number == "081234567" and row()[0].answered_at is not None
            journal = folder / meeting.JOURNAL_FILE
            wait_until(lambda: journal.stat().st_size < 20, 10, what="all is acknowledged")
            kinds = seat.desk.ask(lambda db: db.execute("select kind from op order by kind").fetchall()).result(10)
            told = [kind for (kind,) in kinds if kind.startswith("offer.")]
            assert told == ["offer.answered", "offer.ended", "offer.rang"]
            assert line.started == 1
        finally:
            runtime = meeting.read_runtime(folder)
            assert line.quit_engine()
            assert runtime is not None
            wait_until(lambda: not alive(runtime.pid), 5, what="the engine has ended")
