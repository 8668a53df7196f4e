"""The engine's life: takes its order from standard input, lets go of the screen, and runs until it is told to quit.

The screen may crash, stall or be restarted meanwhile; the engine ends by itself only when no screen has come for as
long as the settings say and no call is up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tomllib
from pathlib import Path
from typing import IO

import msgspec

from workstation.domain.hlc import Clock, SystemClock
from workstation.domain.ids import Ids, SystemIds
from workstation.domain.sentence import NOTHING, Sentence, say
from workstation.log import veiled
from workstation.phone import meeting, wire
from workstation.phone.settings import BadPhoneSetting, PhoneSettings
from workstation.words import english

from .door import Door, Visitor
from .herald import Herald
from .journal import Journal
from .phone import Headset, Phone

log = logging.getLogger("tahuri.phone")

ORDER_MOST = 1_000_000
LOCK_TRIES = 80


def run(settings_path: str | Path | None = None) -> int:
    """The subcommand `engine`: read the order from standard input, detach, run. The exit code.

    `settings_path`: a TOML file whose `[phone]` table stands in place of the order's settings, for IT.
    """
    try:
        order = read_order(settings_path)
    except (BadPhoneSetting, OSError, ValueError, msgspec.DecodeError) as error:
        print(f"the phone engine can't start: {error}", file=sys.stderr)
        return 2
    ready = detach() if os.name == "posix" else None
    logging.basicConfig(level=logging.INFO, handlers=[veiled(sys.stderr)])
    try:
        return asyncio.run(Engine(order, SystemClock(), SystemIds(), ready).live())
    except meeting.EngineRuns as error:
        log.info("%s", error)
        tell_ready(ready)
        return 0
    except meeting.PortTaken as error:
        log.error("the phone engine can't start: %s", error)
        tell_ready(ready, meeting.PORT_TAKEN)
        return meeting.PORT_TAKEN
    except OSError as error:
        log.error("the phone engine can't start: %s", error)
        return 1


def detach() -> int:
    """Let go of whoever started us: it may end before us, and nobody is to wait for us. POSIX only.

    The process that was started stays until the engine listens, or has failed, and ends with a code that says which.
    Gives the descriptor `tell_ready` takes.
    """
    hears, says = os.pipe()
    if os.fork():
        os.close(says)
        word = os.read(hears, 1)
        os._exit(word[0] if word else 1)
    os.close(hears)
    return says


def tell_ready(ready: int | None, code: int = 0) -> None:
    """The engine listens: whoever started it may connect. With another code it never will, and the code says why."""
    if ready is not None:
        with contextlib.suppress(OSError):
            os.write(ready, bytes([code]))
            os.close(ready)


def read_order(settings_path: str | Path | None) -> meeting.Order:
    """The order from standard input. Raises msgspec.DecodeError, BadPhoneSetting, OSError, tomllib.TOMLDecodeError."""
    order = msgspec.json.decode(sys.stdin.buffer.read(ORDER_MOST), type=meeting.Order)
    if settings_path is not None:
        table = tomllib.loads(Path(settings_path).read_text(encoding="utf-8-sig")).get("phone", {})
        settings = PhoneSettings.from_mapping(table, order.settings.data_dir)
        order = msgspec.structs.replace(order, settings=settings)
    order.settings.check()
    if len(order.journal_key) != 64:
        raise ValueError("the journal's key is not 32 bytes")
    return order


class Engine:
    """Everything of one engine process."""

    def __init__(self, order: meeting.Order, clock: Clock, ids: Ids, ready: int | None = None) -> None:
        self._ready = ready
        self._settings, self._clock, self._ids = order.settings, clock, ids
        self._folder = Path(order.settings.data_dir)
        self._key = bytes.fromhex(order.journal_key)
        self._quit = asyncio.Event()
        self._door: Door | None = None
        self._alone_since = clock.monotonic_s()

    async def live(self) -> int:
        """Run until told to quit.

        Raises meeting.EngineRuns when this desk has an engine, OSError when it can't work.
        """
        with contextlib.ExitStack() as last:
            last.enter_context(await self._sole())
            journal = Journal(self._folder / meeting.JOURNAL_FILE, self._key, self._ids)
            last.callback(journal.close)
            herald = Herald(journal)
            last.callback(herald.close)
            password, fault = read_secret(self._settings.secret_file)
            phone = Phone(self._settings, password, self._clock, self._ids, herald.say, fault=fault)
            for offer in journal.orphans:
                herald.say(wire.Ended(offer=offer, reason="lost", at=self._clock.now_ms(), detail="the engine ended"))
            if fault:
                log.error("%s", english(fault))
            await phone.start()
            opening = asyncio.create_task(self._open_headset(phone))
            try:
                self._open_door(phone, herald, last)
                await self._until_quit(phone)
            finally:
                if self._door is not None:
                    await asyncio.to_thread(self._stop_listening)
                await asyncio.gather(opening, return_exceptions=True)
                await phone.stop()
                await asyncio.get_running_loop().shutdown_default_executor()
            return 0

    async def _sole(self) -> IO[bytes]:
        """The desk's lock. An engine that is signing off holds it a moment longer than its door is open."""
        for _ in range(LOCK_TRIES):
            try:
                return meeting.lock(self._folder)
            except meeting.EngineRuns:
                if meeting.read_runtime(self._folder) is not None:
                    raise
            await asyncio.sleep(0.1)
        return meeting.lock(self._folder)

    def _stop_listening(self) -> None:
        """A screen that comes now is to find no engine, and start a new one."""
        (self._folder / meeting.RUNTIME_FILE).unlink(missing_ok=True)

    def _open_door(self, phone: Phone, herald: Herald, last: contextlib.ExitStack) -> None:
        loop = asyncio.get_running_loop()

        def came(visitor: Visitor) -> None:
            loop.call_soon_threadsafe(self._welcome, phone, herald, visitor)

        def said(visitor: Visitor, command: wire.Command) -> None:
            loop.call_soon_threadsafe(self._obey, phone, herald, visitor, command)

        address, key = meeting.free_address(self._ids), self._ids.secret(32)
        last.callback(meeting.forget_address, address)
        self._door = Door(address, key, came, said, herald.farewell)
        last.callback(self._door.close)
        runtime = meeting.Runtime(address, key.hex(), os.getpid(), self._clock.now_ms())
        meeting.write_runtime(self._folder, runtime)
        tell_ready(self._ready)
        for name in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows has none for a loop
                loop.add_signal_handler(name, self._quit.set)

    async def _open_headset(self, phone: Phone) -> None:
        try:
            from .audio import open_audio

            headset: Headset = await asyncio.to_thread(open_audio, self._settings)
        except Exception as error:
            log.exception("no sound device could be opened")
            phone.no_headset(say("engine.no_sound", error=str(error)))
        else:
            phone.use(headset)

    def _welcome(self, phone: Phone, herald: Herald, visitor: Visitor) -> None:
        herald.welcome(visitor, self._hello(phone))
        for event in phone.news():
            herald.only(visitor, event)

    def _hello(self, phone: Phone) -> wire.Hello:
        mark = meeting.settings_mark(self._settings)
        return wire.Hello(calls=phone.face(), upto=0, muted=phone.muted, pid=os.getpid(), settings=mark)

    def _obey(self, phone: Phone, herald: Herald, visitor: Visitor, command: wire.Command) -> None:
        match command:
            case wire.Answer():
                phone.answer(command.offer)
            case wire.Hangup():
                phone.hang_up(command.offer)
            case wire.Hold():
                phone.hold()
            case wire.Resume():
                phone.resume()
            case wire.Mute():
                phone.mute(command.on)
            case wire.Ack():
                herald.ack(command.n)
            case wire.Snapshot():
                herald.welcome(visitor, self._hello(phone), news=command.news)
            case wire.Quit() if command.idle and phone.busy:
                # A call came in while the line looked at our settings: it is worth more than newer ones.
                herald.welcome(visitor, self._hello(phone), news=False)
            case wire.Quit():
                self._quit.set()

    async def _until_quit(self, phone: Phone) -> None:
        while not self._quit.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quit.wait(), 1.0)
            if phone.busy or (self._door is not None and self._door.visitors):
                self._alone_since = self._clock.monotonic_s()
            limit_s = self._settings.idle_stop_min * 60
            if limit_s and self._clock.monotonic_s() - self._alone_since > limit_s:
                log.info("no screen for %.0f minutes and no call: the engine ends", self._settings.idle_stop_min)
                return


def read_secret(path: str) -> tuple[str, Sentence]:
    """The account's password and what is wrong with its file (NOTHING if all is well).

    A wrong file costs the registration only.
    """
    if not path:
        return "", NOTHING
    try:
        file = Path(path)
        if os.name == "posix" and file.stat().st_mode & 0o077:
            return "", say("engine.secret_open", path=path)
        return file.read_text(encoding="utf-8-sig").splitlines()[0].strip(), NOTHING
    except (OSError, UnicodeDecodeError, IndexError) as error:
        return "", say("engine.secret_unread", path=path, error=str(error))
