"""The desk's side of the telephone: finds the engine or starts it, tells the desk what happens, takes its commands.

Commands return at once; their outcome comes as an event. Ringing and answering need nobody signed in (promise P2).
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from workstation.domain.hlc import Clock
from workstation.domain.rows import PhoneState, Uid
from workstation.domain.sentence import Sentence, say
from workstation.phone import meeting, wire
from workstation.phone.settings import PhoneSettings
from workstation.phone.standing import Standing

log = logging.getLogger("tahuri.phone")

START_S = 10.0
TICK_S = 1.0
AGAIN_MOST_S = 30.0
"""The longest pause before what is not in the record is asked for once more; the first is a tick."""
WAITING_MOST = 1000


class Line:
    """One desk's line. `on_event` gets every event of the engine (those of calls carry `n`: `ack` it once it is
    stored), `on_state` what the strip shows; both are called on the line's own thread and must not block.

    `journal_key`: 32 bytes, the same at every start of this desk; the engine seals with it what the desk has not stored
    yet. `command` starts the engine, empty for this executable's own.
    """

    def __init__(
        self,
        settings: PhoneSettings,
        journal_key: bytes,
        *,
        clock: Clock,
        on_event: Callable[[wire.Event], None],
        on_state: Callable[[PhoneState], None] = lambda _: None,
        command: Sequence[str] = (),
    ) -> None:
        settings.check()
        self._settings, self._clock, self._command = settings, clock, tuple(command)
        self._folder = Path(settings.data_dir)
        self._order = meeting.Order(settings, journal_key.hex())
        self._on_event, self._on_state = on_event, on_state
        self._lock = threading.Lock()
        self._standing = Standing()
        self._shown: PhoneState | None = None
        self._unwritten: set[int] = set()
        self._again_at, self._pause = 0.0, TICK_S
        self._connection: Connection[Any, Any] | None = None
        self._out: queue.Queue[tuple[Connection[Any, Any], bytes] | None] = queue.Queue(WAITING_MOST)
        self._stopping = threading.Event()
        self._gone = threading.Event()
        self._threads: list[threading.Thread] = []
        self.started = 0
        """How many engines this line has started; more than one means that an engine was lost."""

    # ---------------------------------------------------------------- life
    def start(self) -> None:
        """Begin: find the engine that runs, else start one, and again whenever it is lost. Returns at once."""
        for target, name in (
            (self._run, "phone-line"),
            (self._write, "phone-line-out"),
            (self._tick, "phone-line-tick"),
        ):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let go of the engine, which goes on: it rings, and keeps the conversation that is up."""
        self._stopping.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            meeting.shut(connection)
        self._end_writing()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(START_S)
        self._threads.clear()

    def _end_writing(self) -> None:
        # Behind an engine that stands still the queue may be full: what waits in it reaches nobody any more.
        while True:
            try:
                return self._out.put_nowait(None)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._out.get_nowait()

    def quit_engine(self, deadline_s: float = 5.0) -> bool:
        """Hang up, sign off and end the engine, then stop; False when it hasn't gone within `deadline_s`."""
        self._stopping.set()
        with self._lock:
            connected = self._connection is not None
        if connected:
            self._send(wire.Quit())
            self._gone.wait(deadline_s)
        gone = self._gone.is_set() or not connected
        self.stop()
        return gone

    # ---------------------------------------------------------------- what the desk wants
    def answer(self, offer: Uid) -> None:
        """Take an offer that rings."""
        self._send(wire.Answer(offer=offer.hex()))

    def hang_up(self, offer: Uid = b"") -> None:
        """End the conversation, or the offer named; one that rings is refused."""
        self._send(wire.Hangup(offer=offer.hex()))

    def hold(self) -> None:
        """Let the caller wait."""
        self._send(wire.Hold())

    def resume(self) -> None:
        """Talk on with the caller who waits."""
        self._send(wire.Resume())

    def mute(self, on: bool) -> None:
        """Close or open the microphone."""
        self._send(wire.Mute(on=on))

    def ack(self, n: int) -> None:
        """Event `n` is in the desk's store; 0 is nothing."""
        if n:
            with self._lock:
                self._unwritten.discard(n)
                if not self._unwritten:
                    self._pause = TICK_S
            self._send(wire.Ack(n=n))

    def unwritten(self, n: int) -> None:
        """Event `n` could not be stored: the engine keeps it, and is asked for it again until it is acknowledged."""
        if n:
            with self._lock:
                self._unwritten.add(n)

    def snapshot(self) -> None:
        """Ask how things stand; the answer is a `Hello`."""
        self._send(wire.Snapshot())

    @property
    def state(self) -> PhoneState:
        """What the strip shows now."""
        with self._lock:
            return self._standing.state(self._clock.now_ms())

    @property
    def calls(self) -> tuple[wire.CallFace, ...]:
        """The calls that are up or ring."""
        with self._lock:
            return self._standing.calls

    def _send(self, command: wire.Command) -> None:
        with self._lock:
            connection = self._connection
        if connection is None:
            # What was meant for a lost engine must not reach the next one: its offers are others.
            log.warning("no phone engine: %s is not carried out", type(command).__name__.lower())
            return
        try:
            self._out.put_nowait((connection, wire.pack(command)))
        except queue.Full:
            log.warning("the phone engine takes no commands: %s is not carried out", type(command).__name__.lower())

    # ---------------------------------------------------------------- threads
    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            connection = self._reach()
            if connection is None:
                wait = min(2 * wait + 0.5, 5.0)
                continue
            wait = 0.0
            self._gone.clear()
            with self._lock:
                self._connection = connection
                self._unwritten.clear()  # all that is not acknowledged is told at the beginning anyway
                self._pause = TICK_S
            if self._stopping.is_set():
                meeting.shut(connection)
            try:
                self._listen(connection)
            finally:
                with self._lock:
                    self._connection = None
                connection.close()
                self._gone.set()
            if not self._stopping.is_set():
                log.warning("the phone engine is gone; it is looked for, or started again")
                self._lost(say("engine.lost"))

    def _reach(self) -> Connection[Any, Any] | None:
        """The engine that runs, or a new one; None when neither can be had now."""
        connection = meeting.connect(self._folder)
        if connection is not None:
            return connection
        try:
            process = meeting.start_engine(self._order, self._command)
        except OSError as error:
            log.error("the phone engine can't be started: %s", error)
            self._lost(say("engine.not_started", error=str(error)))
            return None
        self.started += 1
        deadline = self._clock.monotonic_s() + START_S
        while self._clock.monotonic_s() < deadline and not self._stopping.wait(0.02):
            # On POSIX what we started ends when the engine listens, with 0; on Windows it is the engine.
            code = process.poll()
            if code:
                log.error("the phone engine ended with %d; %s says why", code, self._folder / meeting.LOG_FILE)
                self._lost(self._why(code))
                return None
            connection = meeting.connect(self._folder)
            if connection is not None:
                if os.name == "posix":
                    process.wait(START_S)
                return connection
        if os.name == "posix":
            process.kill()
            process.wait(START_S)
        if not self._stopping.is_set():
            log.error("the phone engine doesn't answer; %s may say why", self._folder / meeting.LOG_FILE)
            self._lost(say("engine.silent", file=meeting.LOG_FILE))
        return None

    def _why(self, code: int) -> Sentence:
        if code == meeting.PORT_TAKEN:
            return say("engine.port_taken", port=str(self._settings.port))
        return say("engine.refuses", file=meeting.LOG_FILE)

    def _listen(self, connection: Connection[Any, Any]) -> None:
        while not self._stopping.is_set() or not self._gone.is_set():
            try:
                frame = connection.recv_bytes(wire.FRAME_MOST)
            except (OSError, EOFError):
                return
            try:
                event = wire.read_event(frame)
            except msgspec.DecodeError as error:
                log.warning("an event can't be read: %s", error)
                continue
            if isinstance(event, wire.Hello) and self._outdated(event):
                self._send(wire.Quit(idle=True))
                continue
            self._take(event)

    def _outdated(self, hello: wire.Hello) -> bool:
        """Whether the engine runs with other settings than ours and can be replaced without ending a call."""
        return bool(hello.settings) and hello.settings != meeting.settings_mark(self._settings) and not hello.calls

    def _take(self, event: wire.Event) -> None:
        with self._lock:
            self._standing.event(event)
        try:
            self._on_event(event)
        except Exception:
            log.exception("an event of the phone was not taken; it comes again if it was journalled")
            self.unwritten(event.n)
        self._show()

    def _lost(self, sentence: Sentence) -> None:
        with self._lock:
            self._standing.engine_lost(sentence)
        self._show()

    def _show(self) -> None:
        state = self.state
        if state != self._shown:
            self._shown = state
            try:
                self._on_state(state)
            except Exception:
                log.exception("the screen did not take the phone's state")

    def _tick(self) -> None:
        """The proof that a call can come in grows old by itself, and what was not written is asked for again."""
        while not self._stopping.wait(TICK_S):
            self._show()
            if self._asks_again():
                self._send(wire.Snapshot(news=True))

    def _asks_again(self) -> bool:
        now = self._clock.monotonic_s()
        with self._lock:
            if not self._unwritten or self._connection is None or now < self._again_at:
                return False
            self._again_at, self._pause = now + self._pause, min(2 * self._pause, AGAIN_MOST_S)
            return True

    def _write(self) -> None:
        while (said := self._out.get()) is not None:
            connection, frame = said
            # To the engine it was meant for or to nobody: a hang-up that waited must not hit the next one's call.
            with contextlib.suppress(OSError, ValueError):
                connection.send_bytes(frame)
