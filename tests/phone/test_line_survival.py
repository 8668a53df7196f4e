"""The screen dies, the conversation lives (promises P2, P3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.peers.caller import sipp
from tests.peers.registrar import Pbx
from tests.phone.desk import Told, alive, desk, end, engine_log, settings_for
from tests.phone.raw import Raw
from tests.waiting import wait_until
from workstation.demo.process import free_port
from workstation.domain.sentence import say
from workstation.phone import meeting, wire
from workstation.phone.settings import PhoneSettings
from workstation.words import said

ROOT = Path(__file__).parents[2]


class Screen:
    """A screen in a process of its own."""

    def __init__(self, settings: PhoneSettings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.phone.screen"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.events: list[wire.Event] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.say(msgspec.json.encode(settings).decode())

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode() + b"\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(wire.read_event(line))

    def wait(self, kind: type, **fields: object) -> wire.Event:
        def look() -> list[wire.Event]:
            return [
                e
                for e in list(self.events)
                if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())
            ]

        return wait_until(look, 15, what=f"{kind.__name__} {fields}")[0]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def screen(settings: PhoneSettings) -> Iterator[Screen]:
    made = Screen(settings)
    try:
        yield made
    finally:
        made.kill()


@contextmanager
def engine_ends(folder: Path) -> Iterator[None]:
    """Whatever happens, no engine is left behind."""
    try:
        yield
    finally:
        runtime = meeting.read_runtime(folder)
        if runtime is not None and alive(runtime.pid):
            os.kill(runtime.pid, signal.SIGKILL)


@pytest.mark.promise("P2", "P3")
def test_the_screen_is_killed_and_the_restarted_one_finds_call_and_journal(tmp_path: Path, pbx: Pbx) -> None:
    folder = tmp_path / "d"
    settings = settings_for(folder, pbx)
    with engine_ends(folder), sipp_after_screen(settings, pbx, tmp_path) as (first, caller, ring):
        pid = meeting.read_runtime(folder).pid  # type: ignore[union-attr]
        first.say(f"answer {ring.offer}")
        first.wait(wire.Answered)
        caller.answered()
        wait_until(lambda: len(caller.heard()) > 800, 5, what="the desk's RTP reaches the caller")
        first.kill()
        # Alone, the engine keeps the conversation up and takes note of a second caller who gives up.
        heard = len(caller.heard())
        with sipp(pbx, tmp_path, scenario="gives_up", number="+62822", ring_ms=200) as impatient:
            wait_until(lambda: impatient.process.ended() is not None, 10, what="the second caller gave up")
        wait_until(lambda: len(caller.heard()) > heard + 1600, 5, what="RTP goes on without a screen")
        assert alive(pid)
        assert b"8114701122" not in (folder / meeting.JOURNAL_FILE).read_bytes()

        told = Told(settings)
        told.line.start()
        try:
            hello = told.wait(wire.Hello)
            assert hello.pid == pid and told.line.started == 0
            assert [(c.offer, c.state) for c in hello.calls] == [(ring.offer, "talking")]
            wait_until(lambda: told.all(wire.Ended), 10, what="the journal is told")
            assert told.wait(wire.Ringing, offer=ring.offer) == ring
            assert told.wait(wire.Answered, offer=ring.offer)
            missed = told.wait(wire.Ringing, number="+62822")
            assert told.wait(wire.Ended, offer=missed.offer).reason == "cancelled"
            # History changes nothing: only the conversation that is up stands on the strip.
            state = told.line.state
            assert state.ringing == () and state.talking == bytes.fromhex(ring.offer)
            assert all(shown.ringing == () for shown in told.states)
            told.line.hang_up()
            caller.wait_over()
            assert told.wait(wire.Ended, offer=ring.offer).reason == "desk_hung_up"
            journal = folder / meeting.JOURNAL_FILE
            wait_until(lambda: journal.stat().st_size < 20, 5, what="all acknowledged: the journal is empty")
        finally:
            end(told, folder)


@contextmanager
def sipp_after_screen(settings: PhoneSettings, pbx: Pbx, run_dir: Path):  # type: ignore[no-untyped-def]
    with screen(settings) as first:
        first.wait(wire.Registration, state="registered")
        with sipp(pbx, run_dir) as caller:
            yield first, caller, first.wait(wire.Ringing)


@pytest.mark.promise("P3")
@pytest.mark.expected_log("the phone engine is gone")
def test_a_line_that_loses_its_engine_says_so_and_starts_another(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "d"
    with desk(settings_for(folder, port=port, peers=("127.0.0.1",))) as told, Raw(port) as raw:
        call = raw.dialog()
        raw.send(call.invite())
        call.learn(raw.until("SIP/2.0 180"))
        ring = told.wait(wire.Ringing)
        told.line.answer(bytes.fromhex(ring.offer))
        raw.until("SIP/2.0 200")
        raw.send(call.request("ACK"))
        told.wait(wire.Answered)
        first = told.wait(wire.Hello).pid
        os.kill(first, signal.SIGKILL)
        second = told.wait(wire.Hello, count=2, deadline_s=15)
        assert second.pid != first and second.calls == () and told.line.started == 2
        assert any(state.sentence == say("engine.lost") for state in told.states)
        # The new engine knows from the journal what the old one was doing.
        assert told.wait(wire.Ended, offer=ring.offer).reason == "lost"
        assert told.line.state.talking is None
        late = raw.dialog()
        raw.send(late.request("OPTIONS"))
        raw.until("SIP/2.0 200")


@pytest.mark.promise("P3")
def test_an_engine_that_runs_is_found_not_doubled(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "d")
    with desk(settings) as one:
        other = Told(settings)
        other.line.start()
        try:
            assert other.wait(wire.Hello).pid == one.wait(wire.Hello).pid
            assert (one.line.started, other.line.started) == (1, 0)
        finally:
            other.line.stop()
        assert alive(one.wait(wire.Hello).pid)
        # A second engine started by hand gives way at once.
        order = meeting.Order(settings, "00" * 32)
        process = meeting.start_engine(order)
        assert process.wait(10) == 0
        wait_until(lambda: "another engine holds" in engine_log(tmp_path / "d"), 10)


@pytest.mark.promise("P3")
@pytest.mark.expected_log("the phone engine is gone")
def test_newer_settings_replace_an_engine_that_has_no_call(tmp_path: Path) -> None:
    old, new = free_port(), free_port()
    folder = tmp_path / "d"
    with desk(settings_for(folder, port=old, peers=("127.0.0.1",))) as told:
        first = told.wait(wire.Hello).pid
        told.line.stop()
        assert alive(first)
        with desk(settings_for(folder, port=new, peers=("127.0.0.1",))) as later, Raw(new) as raw:
            assert later.wait(wire.Hello).pid != first
            raw.send(raw.dialog().request("OPTIONS"))
            raw.until("SIP/2.0 200")


def test_without_a_screen_and_a_call_the_engine_ends_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    told = Told(settings_for(folder, idle_stop_min=0.02))
    told.line.start()
    pid = told.wait(wire.Hello, deadline_s=15).pid
    told.line.stop()
    wait_until(lambda: not alive(pid), 10, what="the engine has ended")
    assert meeting.read_runtime(folder) is None


@pytest.mark.expected_log("ended with")
def test_an_engine_that_can_not_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    told = Told(settings_for(tmp_path / "d", bind="192.0.2.1"))  # no address of this machine
    told.line.start()
    try:
        wait_until(
            lambda: any(meeting.LOG_FILE in said(s.sentence, "id") for s in told.states), 20, what="the sentence"
        )
        assert told.line.state.line == "failed" and not told.line.state.may_ring
        assert "can't start" in engine_log(tmp_path / "d")
    finally:
        told.line.stop()


@pytest.mark.expected_log("ended with")
def test_a_port_another_program_has_is_named_with_the_remedy_and_taken_once_free(tmp_path: Path) -> None:
    with Raw(free_port()) as other:
        port = other.port
        taken = say("engine.port_taken", port=str(port))
        told = Told(settings_for(tmp_path / "d", port=port, peers=("127.0.0.1",)))
        told.line.start()
        try:
            wait_until(lambda: any(s.sentence == taken for s in told.states), 20, what="the sentence")
            state = told.line.state
            assert f"Port {port} dipakai program lain" in said(state.sentence, "id")
            assert state.line == "failed" and not state.may_ring
        except BaseException:
            told.line.stop()
            raise
    try:
        told.wait(wire.Hello, deadline_s=20)
        assert told.line.state.line != "failed" and told.line.state.sentence != taken
        with Raw(port) as raw:
            raw.send(raw.dialog().request("OPTIONS"))
            raw.until("SIP/2.0 200")
    finally:
        end(told, tmp_path / "d")


@pytest.mark.promise("P3")
def test_the_door_opens_with_the_key_alone(tmp_path: Path) -> None:
    from multiprocessing.connection import AuthenticationError, Client

    folder = tmp_path / "d"
    with desk(settings_for(folder)) as told:
        runtime = meeting.read_runtime(folder)
        assert runtime is not None
        assert (folder / meeting.RUNTIME_FILE).stat().st_mode & 0o077 == 0
        assert Path(runtime.address).parent.stat().st_mode & 0o077 == 0
        with pytest.raises((AuthenticationError, EOFError, OSError)):
            Client(runtime.address, authkey=b"guess")
        # One that says nothing keeps nobody out.
        mute = Client(runtime.address)
        with meeting.connect(folder) as line:  # type: ignore[union-attr]
            assert isinstance(wire.read_event(line.recv_bytes()), wire.Hello)
            line.send_bytes(b"\x00 no command")
            line.send_bytes(wire.pack(wire.Snapshot()))
            while not isinstance(wire.read_event(line.recv_bytes()), wire.Hello):
                pass
        mute.close()
        told.line.snapshot()
        told.wait(wire.Hello, count=2)
    assert runtime.key not in engine_log(folder)


@pytest.mark.promise("P2")
def test_a_stalled_screen_holds_nothing_up(tmp_path: Path) -> None:
    """A line that never reads: the engine goes on ringing, and every other line hears of it."""
    port = free_port()
    folder = tmp_path / "d"
    with desk(settings_for(folder, port=port, peers=("127.0.0.1",))) as told, Raw(port) as raw:
        deaf = meeting.connect(folder)
        assert deaf is not None
        for _ in range(30):
            call = raw.dialog()
            raw.send(call.invite([f"X-Pad: {'x' * 12000}"]))
            call.learn(raw.until("SIP/2.0 180"))
            raw.send(call.next("BYE"))
            raw.until("SIP/2.0 200")
        wait_until(lambda: len(told.all(wire.Ended)) == 30, 10, what="every call is told")
        deaf.close()
