"""From packets that come when they like to sound that never stops.

`put` takes packets as they arrive, `get` gives the next samples when the ear wants them; both on one clock
(seconds), so that the same packets at the same times give the same sound, with no thread and no sleep. Positions are
samples on the sender's own timeline (RTP timestamps, unwrapped). Holes are concealed (`conceal`), delay is learnt
(`delay`) and followed by cutting or stretching where nobody hears it: in pauses, by at most 10 ms, or by a whole
pitch cycle when it is urgent.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from . import conceal
from .conceal import OneSided, Signal
from .delay import RATE, Delay
from .packet import Packet

Pcm = npt.NDArray[np.int16]

_INBOX = 200
_FRAMES = 250
_KNOWN = 256
_SECOND = RATE
_FADE = 40  # 5 ms
_CHUNK = 80  # concealed at a time while nothing is known of the far side
_BRIDGE_MAX = int(0.120 * RATE)
_ONE_SIDED_BRIDGE = int(0.030 * RATE)
_STALLED = 0.350 * RATE
_WAIT_FOR_LATE = 0.250 * RATE
_ADJUST_EVERY = int(0.040 * RATE)
_STEP = 80  # 10 ms
_CUT_AT, _GROW_AT = 0.010 * RATE, -0.006 * RATE
_LOUD_CUT_AT, _LOUD_GROW_AT, _LOUD_FIT = 0.060 * RATE, -0.015 * RATE, 0.75
_QUIET, _QUIET_PART = 30.0, 0.03


class Counts(Struct):
    """What happened to the packets and the timeline."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    foreign: int = 0
    resets: int = 0
    adjusted: int = 0
    concealed: int = 0  # samples


class Playout:
    """One incoming stream. `decode` turns a payload into samples at 8 kHz; `block` is how many `get` is mostly asked
    for.
    """

    def __init__(self, decode: Callable[[bytes], Pcm], block: int = _CHUNK) -> None:
        self._decode, self._block = decode, block
        self._inbox: deque[tuple[Packet, float]] = deque(maxlen=_INBOX)
        self._noise = np.random.default_rng(112)
        self.counts = Counts()
        self._held: list[tuple[Packet, float]] = []
        self._begin()

    def _begin(self) -> None:
        """A new stream: everything learnt of the last one is gone, except what was just heard."""
        self._wire = Delay(self._block)
        self._frames: list[tuple[int, Signal]] = []
        self._known: deque[int] = deque(maxlen=_KNOWN)
        self._ssrc: int | None = None
        self._last_ts = self._last_seq = 0
        self._pos: int | None = None
        self._queue: list[Signal] = []
        self._queued = 0
        self._past: Signal = np.zeros(conceal.PAST)
        self._hole: OneSided | None = None
        self._hole_at = 0
        self._average: float | None = None
        self._since_adjusted = _ADJUST_EVERY
        self._speech = self._floor = 0.0

    @property
    def delay_ms(self) -> float:
        """Smoothed delay between the earliest a sample could have come and its playing."""
        return (self._average or 0.0) * 1000 / RATE

    @property
    def target_ms(self) -> float:
        return self._wire.target * 1000 / RATE

    @property
    def loss(self) -> float:
        """Part of the last packets that never came, 0..1."""
        return self._wire.loss

    def put(self, packet: Packet, arrival: float) -> None:
        """A packet that arrived at `arrival`; may be called from another thread than `get`."""
        self._inbox.append((packet, arrival))

    def get(self, now: float, n: int) -> Pcm:
        """The next `n` samples, always `n`."""
        while self._inbox:
            self._take(*self._inbox.popleft())
        self._measure(now)
        while self._queued < n:
            self._produce(now, n)
        line = np.concatenate(self._queue) if len(self._queue) != 1 else self._queue[0]
        self._queue, self._queued = [line[n:]], len(line) - n
        return np.clip(np.rint(line[:n]), -32768, 32767).astype(np.int16)

    # ---- packets

    def _take(self, packet: Packet, arrival: float) -> None:
        self.counts.received += 1
        if self._ssrc is None:
            self._ssrc, self._last_ts, self._last_seq = packet.ssrc, packet.timestamp, packet.seq
        ts = self._last_ts + _signed(packet.timestamp - self._last_ts, 32)
        transit = arrival * RATE - ts
        if packet.ssrc != self._ssrc or (self._wire.known and abs(transit - self._wire.base) > _SECOND):
            self._hold(packet, arrival)
            return
        self._held.clear()
        if ts in self._known:
            self.counts.duplicate += 1
            return
        self._known.append(ts)
        pcm = self._decode(packet.payload).astype(np.float64)
        seq = self._last_seq + _signed(packet.seq - self._last_seq, 16)
        self._last_ts, self._last_seq = max(ts, self._last_ts), max(seq, self._last_seq)
        self._wire.learn(arrival, transit, seq, len(pcm))
        self._place(ts, pcm, arrival)

    def _hold(self, packet: Packet, arrival: float) -> None:
        """A stranger: three in a row that agree (two when the first says it begins something) are the new stream."""
        if self._held and not _agree(self._held[-1], (packet, arrival)):
            self._held.clear()
        self._held.append((packet, arrival))
        self.counts.foreign += 1
        if len(self._held) < (2 if self._held[0][0].marker else 3):
            return
        held, self._held = self._held, []
        past = self._past
        self._begin()
        self._past = past
        self.counts.resets += 1
        self.counts.received -= len(held)
        for each in held:
            self._take(*each)

    def _place(self, ts: int, pcm: Signal, arrival: float) -> None:
        if self._pos is not None and ts < self._pos:
            back = max(ts, self._hole_at)
            if self._hole is None or ts + len(pcm) <= self._hole_at:
                if ts + len(pcm) <= self._pos:
                    self.counts.late += 1
                    return
            elif self._delay(arrival, back) <= max(self._wire.target, _WAIT_FOR_LATE):
                # Nothing of it was heard yet, only what stood in for it: play it now and be later from here on.
                self._pos = back
            elif ts + len(pcm) <= self._pos:
                self.counts.late += 1
                return
        if len(self._frames) < _FRAMES:
            insort(self._frames, (ts, pcm), key=lambda frame: frame[0])

    # ---- timeline

    def _delay(self, now: float, pos: int) -> float:
        return now * RATE - (pos - self._queued) - self._wire.base

    def _measure(self, now: float) -> None:
        if self._pos is None:
            return
        delay = self._delay(now, self._pos)
        if delay - self._wire.target > _STALLED:
            self._jump(int(delay - self._wire.target))
            delay = self._delay(now, self._pos)
            self._average = delay
        self._average = delay if self._average is None else self._average + 0.1 * (delay - self._average)

    def _jump(self, samples: int) -> None:
        """The device stood still: what it missed is not played after the fact."""
        assert self._pos is not None
        self._pos += samples
        self._open_hole()

    def _produce(self, now: float, n: int) -> None:
        if self._pos is None and not self._start(now):
            self._emit(np.zeros(n - self._queued))
            return
        assert self._pos is not None
        self._drop_played()
        if self._frames and self._frames[0][0] <= self._pos:
            self._play()
        else:
            self._conceal()

    def _start(self, now: float) -> bool:
        if not self._frames:
            return False
        first = self._frames[0][0]
        if now * RATE - first - self._wire.base < self._wire.target - self._block / 2:
            return False
        self._pos = first
        self._average = self._delay(now, first)
        # The first sound comes out of silence; a fade would cost the first bits of it.
        self._hole = None
        return True

    def _drop_played(self) -> None:
        while self._frames and self._frames[0][0] + len(self._frames[0][1]) <= (self._pos or 0):
            self._frames.pop(0)

    def _ahead(self, most: int) -> Signal:
        """What lies at the position without a hole, at most `most` samples."""
        assert self._pos is not None
        return self._from(self._pos, most)

    def _from(self, pos: int, most: int) -> Signal:
        pieces: list[Signal] = []
        have = 0
        at = bisect_left(self._frames, pos + 1, key=lambda frame: frame[0]) - 1
        for ts, pcm in self._frames[max(0, at) :]:
            if not ts <= pos + have < ts + len(pcm):
                if ts > pos + have:
                    break
                continue
            pieces.append(pcm[pos + have - ts : pos + have - ts + most - have])
            have += len(pieces[-1])
            if have >= most:
                break
        return np.concatenate(pieces) if pieces else np.zeros(0)

    def _play(self) -> None:
        assert self._pos is not None
        ts, pcm = self._frames[0]
        fresh = pcm[self._pos - ts :]
        if self._hole is not None:
            fade = min(_FADE, len(fresh))
            fresh = fresh.copy()
            fresh[:fade] = conceal.cross_fade(self._hole.take(fade), fresh[:fade])
            self._hole = None
        elif self._since_adjusted >= _ADJUST_EVERY and self._adjust():
            return
        self._pos += len(fresh)
        self._listen(fresh)
        self._emit(fresh)

    def _conceal(self) -> None:
        assert self._pos is not None
        gap = self._frames[0][0] - self._pos if self._frames else None
        into = self._pos - self._hole_at if self._hole is not None else 0
        if gap is not None and gap <= _BRIDGE_MAX and into <= _ONE_SIDED_BRIDGE:
            far = self._from(self._frames[0][0], conceal.PAST)
            sound = conceal.bridge(self._past, far, gap)
            self._hole = None
        else:
            if self._hole is None:
                self._open_hole()
            assert self._hole is not None
            sound = self._hole.take(min(_CHUNK, gap) if gap is not None else _CHUNK)
        self._pos += len(sound)
        self.counts.concealed += len(sound)
        self._emit(sound)

    def _open_hole(self) -> None:
        assert self._pos is not None
        self._hole = OneSided(self._past, self._floor, self._noise)
        self._hole_at = self._pos

    def _emit(self, sound: Signal) -> None:
        self._queue.append(sound)
        self._queued += len(sound)
        self._since_adjusted += len(sound)
        keep = conceal.PAST
        self._past = sound[-keep:] if len(sound) >= keep else np.concatenate([self._past[len(sound) - keep :], sound])

    def _listen(self, sound: Signal) -> None:
        """Follow how loud speech is and how loud the room, for telling a pause from a word."""
        level = _rms(sound)
        self._speech = max(level, self._speech * 0.999)
        self._floor = level if level < self._floor or self._floor == 0.0 else self._floor * 1.01 + 0.01
        self._floor = min(self._floor, 200.0)

    # ---- cutting and stretching

    def _adjust(self) -> bool:
        """Bring the delay nearer its target where it costs nothing; True when it did (and emitted)."""
        error = (self._average or 0.0) - self._wire.target
        if _GROW_AT < error < _CUT_AT:
            return False
        ahead = self._ahead(2 * conceal.PAST)
        if len(ahead) >= 2 * _STEP and _rms(ahead[: 2 * _STEP]) < max(_QUIET, _QUIET_PART * self._speech):
            step = min(_STEP, int(abs(error)))
            self._splice(ahead, _STEP if error < 0 else 0, -step if error < 0 else step, _FADE)
            return True
        if not (error >= _LOUD_CUT_AT or error <= _LOUD_GROW_AT):
            return False
        return self._splice_cycle(ahead, error)

    def _splice_cycle(self, ahead: Signal, error: float) -> bool:
        if len(ahead) < conceal.PAST:
            return False
        # Mirrored, the start of what lies ahead is the end of a past: the same search finds its cycle.
        pitch = conceal.find_pitch(ahead[: conceal.PAST][::-1])
        if pitch.fit < _LOUD_FIT or len(ahead) < 2 * pitch.lag:
            return False
        if error > 0:
            self._splice(ahead, 0, pitch.lag, pitch.lag)
        else:
            self._splice(ahead, pitch.lag, -pitch.lag, pitch.lag)
        return True

    def _splice(self, ahead: Signal, lead: int, skip: int, fade: int) -> None:
        """Emit `lead` samples as they are, then glide within `fade` samples to what lies `skip` further on (or
        back).
        """
        assert self._pos is not None
        old = ahead[lead : lead + fade]
        new = ahead[lead + skip : lead + skip + fade]
        fade = min(len(old), len(new))
        sound = np.concatenate([ahead[:lead], conceal.cross_fade(old[:fade], new[:fade])])
        self._pos += lead + skip + fade
        self._average = (self._average or 0.0) - skip
        self._since_adjusted = 0
        self.counts.adjusted += 1
        self._emit(sound)
        self._since_adjusted = len(sound)


def _signed(difference: int, bits: int) -> int:
    """A difference of wrapping counters as the nearest signed number."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half


def _agree(one: tuple[Packet, float], other: tuple[Packet, float]) -> bool:
    """Whether two held packets belong to one stream: same source, and timestamps that keep step with the clock."""
    (a, a_at), (b, b_at) = one, other
    drift = (b_at - a_at) * RATE - _signed(b.timestamp - a.timestamp, 32)
    return a.ssrc == b.ssrc and abs(drift) < _SECOND


def _rms(sound: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
