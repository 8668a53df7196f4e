"""One call's media: a paced thread between the RTP socket and the sound device."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field
from msgspec.structs import replace

from workstation.domain.hlc import Clock

from . import pacing
from .g711 import ALAW, CODECS, Codec
from .packet import Keys, Packet, build, parse
from .playout import Playout
from .ports import bind_pair
from .rtcp import Reports

Pcm = npt.NDArray[np.int16]
log = logging.getLogger("tahuri.phone")

FRAME = 160
FRAME_S = 0.020
BLOCK = 80
_PUMP_S = 0.010
_TOO_LATE_S = 0.100
_READS_A_TURN = 64
_QUIET_SOURCE_S = 2.0
_REPORT_S = 5.0
_GAPS = 3000


class Sound(Protocol):
    """What a call needs of the sound device: 8 kHz, one channel, int16; never blocks, never raises."""

    def open_call(self) -> None:
        """The call begins: ringing in the headset stops, what lies in the buffers is dropped."""

    def close_call(self) -> None:
        """The call has ended."""

    def read(self, n: int) -> Pcm:
        """`n` samples of the microphone, silence where it has fewer."""

    def room(self) -> int:
        """How many samples the output wants now."""

    def write(self, pcm: Pcm) -> None:
        """Sound for the operator's ear."""


class Stats(Struct):
    """What a call's media did. Delays in ms; `digits` are (key, ms UTC) heard by RFC 4733; `remote` is where we
    send.
    """

    sent: int = 0
    received: int = 0
    ignored: int = 0
    loss: float = 0.0
    duplicate: int = 0
    late: int = 0
    concealed_ms: float = 0.0
    delay_ms: float = 0.0
    target_ms: float = 0.0
    adjusted: int = 0
    send_gap_p99_ms: float = 0.0
    remote: tuple[str, int] | None = None
    digits: list[tuple[str, int]] = field(default_factory=list)


class _Peer(Struct, frozen=True):
    """What the peer's SDP says of its media. `host` is an address, never a name."""

    host: str
    port: int
    codec: Codec
    events: int | None


class MediaSession:
    """RTP of one call. `port` is even and bound from the start, so it can stand in an SDP before the call is answered.

    `ports` is the range the site's firewall lets through, None any. `draw(bits)` gives random numbers for SSRC, first
    sequence number and first timestamp (RFC 3550 section 5.1 wants them unguessable). Raises OSError when no port is
    free.
    """

    def __init__(
        self,
        local_host: str,
        clock: Clock,
        *,
        ports: range | None = None,
        draw: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._rtp, self._rtcp = bind_pair(local_host, ports)
        self.port: int = self._rtp.getsockname()[1]
        self._clock = clock
        self._ssrc, self._seq, self._timestamp = draw(32), draw(16), draw(32)
        self._lock = threading.Lock()
        self._peer: _Peer | None = None
        self._target: tuple[str, int] | None = None
        self._source: tuple[str, int] | None = None
        self._source_at = 0.0
        self._sending = self._receiving = True
        self._muted = False
        self._mark = True
        self._audio: Sound | None = None
        self._playout = Playout(ALAW.decode, BLOCK)
        self._keys = Keys()
        self._reports = Reports(self._ssrc)
        self._next_report = 0.0
        self._stats = Stats()
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._last_sent: float | None = None
        self._levels = [0.0, 0.0]
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    # ---- for the call signalling

    def start(
        self, remote_host: str, remote_port: int, payload_type: int, audio: Sound, *, events: int | None = 101
    ) -> None:
        """Begin to send and hear; again after a re-INVITE, when the peer may have moved or changed the codec.

        `remote_host` and `remote_port` stand in the peer's SDP; port 0 or host 0.0.0.0 means "send nothing".
        Raises ValueError for a payload type that is not G.711, OSError for a host that is no address.
        """
        codec = CODECS.get(payload_type)
        if codec is None:
            raise ValueError(f"payload type {payload_type} is not one of {sorted(CODECS)}")
        peer = _Peer(_address(remote_host, self._rtp.family), remote_port, codec, events)
        with self._lock:
            if self._over.is_set():
                raise OSError("this media session has been stopped")
            if self._peer is None or (self._peer.codec, self._peer.host, self._peer.port) != (
                codec,
                peer.host,
                remote_port,
            ):
                # What is learnt of a source belongs to it: another codec, host or port is another stream.
                self._playout = Playout(codec.decode, BLOCK)
                self._source = None
                silent = remote_port == 0 or peer.host in ("0.0.0.0", "::")
                self._target = None if silent else (peer.host, remote_port)
            self._peer, self._mark = peer, True
            if self._audio is not audio:
                if self._audio is not None:
                    self._audio.close_call()
                self._audio = audio
                audio.open_call()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"media-{self.port}", daemon=True)
                self._thread.start()

    def set_direction(self, send: bool, recv: bool) -> None:
        """Hold and its end: whether we send, and whether what comes in is heard."""
        with self._lock:
            if send and not self._sending:
                self._mark = True
            self._sending, self._receiving = send, recv

    def mute(self, on: bool) -> None:
        """The operator's microphone is sent as silence; the stream goes on."""
        with self._lock:
            self._muted = on

    def levels(self) -> tuple[float, float]:
        """(received, sent): 0 at -60 dB and below, 1 at full scale, of about the last 100 ms."""
        return self._levels[0], self._levels[1]

    def stats(self) -> Stats:
        """A copy of the counters."""
        with self._lock:
            playout, counts, gaps = self._playout, self._playout.counts, list(self._gaps)
            stats = replace(
                self._stats,
                loss=playout.loss,
                duplicate=counts.duplicate,
                late=counts.late,
                concealed_ms=counts.concealed / 8,
                adjusted=counts.adjusted,
                delay_ms=playout.delay_ms,
                target_ms=playout.target_ms,
                remote=self._target,
                digits=list(self._stats.digits),
            )
        gaps.sort()  # outside the lock: the thread that sends must not wait for a figure
        stats.send_gap_p99_ms = gaps[min(len(gaps) - 1, int(0.99 * len(gaps)))] * 1000 if gaps else 0.0
        return stats

    def stop(self) -> None:
        """End the thread, close both ports, give the sound device back. Twice is harmless."""
        self._over.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.5)
        with self._lock:
            audio, self._audio = self._audio, None
            self._rtp.close()
            self._rtcp.close()
        if audio is not None:
            audio.close_call()

    # ---- the thread

    def _run(self) -> None:
        with pacing.precise():
            next_send = self._clock.monotonic_s()
            while not self._over.is_set():
                try:
                    next_send = self._turn(next_send)
                except Exception:
                    # A fault in one turn must not end the conversation; the next turn is a few milliseconds away.
                    if self._over.is_set():
                        return
                    log.exception("media: one turn failed")
                    self._over.wait(FRAME_S)

    def _turn(self, next_send: float) -> float:
        now = self._clock.monotonic_s()
        if now >= next_send:
            if now - next_send > _TOO_LATE_S:
                # The machine slept: what was not said then is not said now.
                self._timestamp += FRAME * int((now - next_send) / FRAME_S)
                next_send = now
            with self._lock:
                self._send_frame(now)
            next_send += FRAME_S
        with self._lock:
            self._pump()
        rest = min(_PUMP_S, next_send - self._clock.monotonic_s())
        ready, _, _ = select.select([self._rtp, self._rtcp], [], [], max(0.0, rest))
        if ready:
            self._receive(self._clock.monotonic_s())
        return next_send

    def _send_frame(self, now: float) -> None:
        audio, peer = self._audio, self._peer
        if audio is None or peer is None:
            return
        pcm = audio.read(FRAME)
        heard = self._sending and not self._muted
        self._meter(1, pcm if heard else None)
        if self._sending and self._target is not None:
            payload = peer.codec.encode(pcm) if heard else bytes([peer.codec.silence]) * FRAME
            packet = Packet(peer.codec.payload_type, self._mark, self._seq, self._timestamp, self._ssrc, payload)
            with contextlib.suppress(OSError):  # no route just now: the next frame tries again
                self._rtp.sendto(build(packet), self._target)
            self._seq += 1
            self._mark = False
            self._stats.sent += 1
            self._reports.sent(self._timestamp, FRAME)
            if self._last_sent is not None:
                self._gaps.append(now - self._last_sent)
            self._last_sent = now
            self._report(now)
        else:
            self._last_sent = None
        self._timestamp += FRAME

    def _report(self, now: float) -> None:
        if now >= self._next_report and self._target is not None:
            self._next_report = now + _REPORT_S
            report = self._reports.build(self._clock.now_ms(), self._playout.loss)
            with contextlib.suppress(OSError):
                self._rtcp.sendto(report, (self._target[0], self._target[1] + 1))

    def _pump(self) -> None:
        audio = self._audio
        if audio is None:
            return
        for _ in range(audio.room() // BLOCK):
            pcm = self._playout.get(self._clock.monotonic_s(), BLOCK)
            if not self._receiving:
                pcm = np.zeros(BLOCK, np.int16)
            self._meter(0, pcm)
            audio.write(pcm)

    def _receive(self, arrival: float) -> None:
        for sock in (self._rtcp, self._rtp):
            for _ in range(_READS_A_TURN):
                try:
                    datagram, source = sock.recvfrom(2048)
                except (BlockingIOError, InterruptedError):
                    break
                except OSError:
                    # Windows tells of a port unreachable here; Linux of a closed socket.
                    break
                if sock is self._rtp:
                    with self._lock:
                        self._accept(datagram, (source[0], source[1]), arrival)

    def _accept(self, datagram: bytes, source: tuple[str, int], arrival: float) -> None:
        peer = self._peer
        packet = parse(datagram)
        if peer is None or packet is None or not self._trusted(source, arrival):
            self._stats.ignored += 1
            return
        if packet.payload_type == peer.events:
            key = self._keys.hear(packet)
            if key:
                self._stats.digits.append((key, self._clock.now_ms()))
                del self._stats.digits[:-100]
        elif packet.payload_type == peer.codec.payload_type:
            self._stats.received += 1
            self._reports.heard(packet)
            self._playout.put(packet, arrival)
        else:
            self._stats.ignored += 1

    def _trusted(self, source: tuple[str, int], arrival: float) -> bool:
        """Only the host of the SDP is heard, and of it one port: the first that speaks, until it is silent for long.

        We send to where it speaks from (symmetric RTP, RFC 4961): behind an address translation the SDP's port is
        wrong.
        """
        peer = self._peer
        if peer is None or source[0] != peer.host:
            return False
        if self._source != source:
            if self._source is not None and arrival - self._source_at < _QUIET_SOURCE_S:
                return False
            self._source = source
            if self._target is not None:
                self._target = source
        self._source_at = arrival
        return True

    def _meter(self, side: int, pcm: Pcm | None) -> None:
        level = 0.0
        if pcm is not None and len(pcm):
            signal = pcm.astype(np.float32)
            rms = math.sqrt(float(signal @ signal) / len(signal)) / 32768
            level = max(0.0, 1 + math.log10(rms) / 3) if rms > 0.001 else 0.0
        # Up at once, down within about 100 ms.
        self._levels[side] = min(1.0, max(level, self._levels[side] - len(pcm if pcm is not None else ()) / 800))
        if pcm is None:
            self._levels[side] = 0.0


def _address(host: str, family: int) -> str:
    """The numeric address of the SDP's host; a name is asked for once, here, not in the media thread."""
    with contextlib.suppress(OSError):
        socket.inet_pton(family, host)
        return host
    return str(socket.getaddrinfo(host, None, family, socket.SOCK_DGRAM)[0][4][0])
