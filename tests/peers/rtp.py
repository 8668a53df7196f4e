"""The caller's mouth and ear: RTP of our own making, which plays speech and keeps every sample it hears.

SIPp plays a file but can't record. So where a test wants to know what the caller heard, SIPp speaks the signalling
and names this end's port in its SDP; this end sends from the very port it listens on, as a telephone does. Nothing
of the product is used here.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tests.peers import g711

Pcm = npt.NDArray[np.int16]
FRAME = 160
_ALAW = 8
_SILENCE = b"\xd5" * FRAME


class Voice:
    """One RTP end (A-law, 20 ms). `call(host, port)` begins to send; `heard()` is what came in, in the order of its
    timestamps.
    """

    def __init__(
        self,
        speech: Pcm | None,
        *,
        host: str = "127.0.0.1",
        ssrc: int = 0x5EED,
        seq: int = 65_500,
        timestamp: int = 4_294_960_000,
    ) -> None:
        # Sequence number and timestamp start just before they wrap, so that every test call takes the wrap along.
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self._sock.settimeout(0.05)
        self.host, self.port = self._sock.getsockname()
        self.speech = speech if speech is not None else np.zeros(0, np.int16)
        self._coded = g711.to_alaw(self.speech)
        self._ssrc, self._seq, self._timestamp = ssrc, seq, timestamp
        self._offset = 0
        self._remote: tuple[str, int] | None = None
        self._frames: list[tuple[int, bytes]] = []
        self.arrivals: list[float] = []
        self.payload_types: set[int] = set()
        self.sources: set[tuple[str, int]] = set()
        self.spoken = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._listen, name="voice-ear", daemon=True)]
        self._threads[0].start()

    def call(self, host: str, port: int) -> None:
        """Send to `host:port` from now on: the speech once, then silence."""
        first = self._remote is None
        self._remote = (host, port)
        if first:
            self._threads.append(threading.Thread(target=self._speak, name="voice-mouth", daemon=True))
            self._threads[-1].start()

    def again(self) -> None:
        """Say the speech once more, from its start; `spoken` is set when it has been sent."""
        self.spoken.clear()
        self._offset = 0

    def press(self, key: str, volume: int = 10) -> None:
        """A key by RFC 4733 (payload type 101): three packets of it and three that end it, all of one timestamp."""
        event = "0123456789*#ABCD".index(key)
        with self._lock:
            at = self._timestamp
            for n in range(6):
                end = 0x80 if n >= 3 else 0
                self._send(101, n == 0, at, struct.pack("!BBH", event, end | volume, 160 * (n + 1)))

    def _send(self, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> None:
        second = payload_type | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, second, self._seq & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc)
        self._seq += 1
        assert self._remote is not None
        with contextlib.suppress(OSError):
            self._sock.sendto(header + payload, self._remote)

    def _speak(self) -> None:
        start = time.monotonic()
        sent = 0
        while not self._over.wait(max(0.0, start + sent * 0.02 - time.monotonic())):
            offset = self._offset
            self._offset = offset + FRAME
            payload = self._coded[offset : offset + FRAME].ljust(FRAME, b"\xd5")
            if offset >= len(self._coded):
                payload = _SILENCE
                self.spoken.set()
            with self._lock:
                self._send(_ALAW, sent == 0, self._timestamp, payload)
                self._timestamp += FRAME
            sent += 1

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                packet, source = self._sock.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if len(packet) <= 12 or packet[0] >> 6 != 2:
                continue
            payload_type = packet[1] & 0x7F
            self.payload_types.add(payload_type)
            self.sources.add(source)
            if payload_type == _ALAW:
                self.arrivals.append(time.monotonic())
                self._frames.append((struct.unpack("!I", packet[4:8])[0], packet[12:]))

    def heard(self) -> Pcm:
        """Everything received, 8 kHz, holes as zeros."""
        frames = list(self._frames)
        if not frames:
            return np.zeros(0, np.int16)
        first = frames[0][0]
        # Distance from the first frame, right across the 32-bit wrap in either direction.
        placed = [((stamp - first + 0x80000000) % 0x100000000 - 0x80000000, payload) for stamp, payload in frames]
        low = min(at for at, _ in placed)
        out = np.zeros(max(at - low + len(payload) for at, payload in placed), np.int16)
        for at, payload in placed:
            out[at - low : at - low + len(payload)] = g711.from_alaw(payload)
        return out

    def stop(self) -> None:
        """End both threads and close the port; what was heard stays."""
        self._over.set()
        for thread in self._threads:
            thread.join(2.0)
        self._sock.close()


@contextlib.contextmanager
def voice(speech: Pcm | None = None) -> Iterator[Voice]:
    """A `Voice` that is stopped when the block is left."""
    end = Voice(speech)
    try:
        yield end
    finally:
        end.stop()
