"""The wire between a desk and its hub, with the faults a real one has: a TCP proxy on loopback beside the test.

Faults are of two sorts: what happens to connections that are up (`cut`, `reset`, `half_open`), and what the wire does
from now on (`cut`, `black_hole`, `one_way`, `delay`, `stall`, `narrow`, `reset_after`). `mend` ends all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Address = tuple[str, int]
Direction = Literal["up", "down"]  # up: from the desk to the hub
_CHUNK = 65_536
_START_S = 10.0
_MOMENT_S = 0.05


@dataclass
class _Faults:
    """What the wire does now; read by every pump before each chunk."""

    refused: bool = False
    held: bool = False
    dropped: set[Direction] = field(default_factory=set)
    delay_s: float = 0.0
    stall_every: int = 0  # every so many chunks one is lost and comes `stall_s` later
    stall_s: float = 0.0
    rate: float = 0.0  # bytes a second each way, 0 = as fast as the machine can
    reset_after: int | None = None  # bytes of both directions still to be carried before every connection is reset


class _Pair:
    """One connection through the wire: the desk's socket, the hub's, and the two pumps between them."""

    def __init__(self, wire: Wire, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._wire = wire
        self.near, self.far = near, far
        self.dead = False  # half-open: both ends believe in it, nothing arrives any more

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        """Carry bytes one way until an end closes; a dead or held connection keeps its sockets open."""
        wire = self._wire
        while chunk := await reader.read(_CHUNK):
            if wire.faults.delay_s:
                await asyncio.sleep(wire.faults.delay_s)
            await wire.flowing()
            if self.dead or direction in wire.faults.dropped:
                continue
            if wire.lost():
                await asyncio.sleep(wire.faults.stall_s)
            chunk, last = wire.allowance(chunk)
            for piece in wire.pieces(chunk):
                await wire.paced(direction, len(piece))
                if (
                    reader.exception() is not None or writer.is_closing()
                ):  # reset meanwhile: what was on its way is lost
                    break
                writer.write(piece)
                await writer.drain()
                wire.carried[direction] += len(piece)
            if last:
                wire.reset_now()
        if not self.dead:
            writer.close()

    def reset(self) -> None:
        """End both sockets with RST, as a crash of the far end or a firewall does."""
        for writer in (self.near, self.far):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Wire:
    """A TCP proxy to `target` with faults on command; its own thread, so that a plain test can hold it.

    Use as a context manager; `scheme` is what the two ends speak, for `url`. Every command returns when the fault is in
    force. `connections` counts what was accepted, `carried` the bytes each way.
    """

    def __init__(self, target: Address, scheme: str = "http") -> None:
        self.target, self._scheme = target, scheme
        self.faults = _Faults()
        self._chunks = 0
        self.connections = 0
        self.carried: dict[Direction, int] = {"up": 0, "down": 0}
        self.address: Address = ("127.0.0.1", 0)
        self._free_at: dict[Direction, float] = {"up": 0.0, "down": 0.0}
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    # --- life
    def __enter__(self) -> Wire:
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError("the wire did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)
        if self._thread.is_alive():
            raise RuntimeError("the wire did not end")

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.address[0]}:{self.address[1]}"

    # --- faults
    def cut(self) -> None:
        """Reset what is up and refuse what comes: the hub's machine is off."""
        self._command(self._cut)

    def black_hole(self) -> None:
        """Accept and carry nothing either way, now or later, until mended: a pulled cable. Mended, it arrives."""
        self._command(lambda: self._set(held=True))

    def half_open(self) -> None:
        """Connections up now are dead for ever without a word; new ones work: a router that forgot them."""
        self._command(self._half_open)

    def one_way(self, dropped: Direction) -> None:
        """Lose every byte of one direction: with `down` the hub acts and its answer is lost."""
        self._command(lambda: self.faults.dropped.add(dropped))

    def delay(self, seconds: float) -> None:
        """Hold each chunk for `seconds` before it is carried on."""
        self._command(lambda: self._set(delay_s=seconds))

    def stall(self, every: int, seconds: float) -> None:
        """Lose each `every`-th chunk as TCP loses one: it comes `seconds` later, and all behind it waits."""
        self._command(lambda: self._set(stall_every=every, stall_s=seconds))

    def narrow(self, rate: float) -> None:
        """Carry at most so many bytes a second each way, all connections together."""
        self._command(lambda: self._set(rate=rate))

    def reset(self) -> None:
        """End every connection that is up with RST; new ones work."""
        self._command(self.reset_now)

    def reset_after(self, count: int) -> None:
        """Carry `count` more bytes (both ways together), then reset every connection, once."""
        self._command(lambda: self._set(reset_after=count))

    def mend(self) -> None:
        """End every fault."""
        self._command(self._mend)

    def retarget(self, target: Address) -> None:
        """Send new connections to another port: a hub that was started again."""
        self._command(lambda: setattr(self, "target", target))

    # --- for the pumps
    async def flowing(self) -> None:
        """Wait while the wire is a black hole."""
        while self.faults.held:
            self._moved.clear()
            await self._moved.wait()

    def lost(self) -> bool:
        """Whether this chunk is one of those that are lost."""
        self._chunks += 1
        return bool(self.faults.stall_every) and self._chunks % self.faults.stall_every == 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """A chunk as a narrow wire has it: what it carries in a moment, one after the other."""
        size = max(1, round(self.faults.rate * _MOMENT_S)) if self.faults.rate else len(chunk) or 1
        return (chunk[at : at + size] for at in range(0, len(chunk), size))

    async def paced(self, direction: Direction, size: int) -> None:
        """Wait until a narrow wire has carried what is before these bytes, and them."""
        if self.faults.rate:
            now = self._loop.time()
            self._free_at[direction] = max(now, self._free_at[direction]) + size / self.faults.rate
            await asyncio.sleep(self._free_at[direction] - now)

    def allowance(self, chunk: bytes) -> tuple[bytes, bool]:
        """What of `chunk` may still be carried, and whether the reset that was asked for is due after it."""
        left = self.faults.reset_after
        if left is None:
            return chunk, False
        self.faults.reset_after = left - len(chunk) if left > len(chunk) else None
        return chunk[:left], left <= len(chunk)

    def reset_now(self) -> None:
        for pair in tuple(self._pairs):
            pair.reset()

    # --- on the wire's thread
    def _command(self, act: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            self._moved.set()
            done.set()

        self._loop.call_soon_threadsafe(run)
        if not done.wait(_START_S):
            raise RuntimeError("the wire does not answer")

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.faults, name, value)

    def _cut(self) -> None:
        self.faults.refused = True
        self.reset_now()

    def _half_open(self) -> None:
        for pair in self._pairs:
            pair.dead = True

    def _mend(self) -> None:
        self.faults = _Faults()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._moved = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()[:2]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self.reset_now()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.faults.refused:
            _Pair(self, writer, writer).reset()
            return
        await self.flowing()
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        pair = _Pair(self, writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                pair.pump(reader, far_writer, "up"), pair.pump(far_reader, writer, "down"), return_exceptions=True
            )
        finally:
            self._pairs.discard(pair)
            for end in (writer, far_writer):
                end.transport.abort()


@contextlib.contextmanager
def wired(target: Address) -> Iterator[Wire]:
    """A mended wire to `target` for the length of a test."""
    with Wire(target) as wire:
        yield wire
