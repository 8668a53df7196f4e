"""One call's media: a paced thread between the RTP socket and the sound device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .ports import bind_pair

Pcm = npt.NDArray[np.int16]


class MonotonicClock(Protocol):
    """What media needs of the injected clock (`workstation.domain.hlc.Clock`)."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...


class Sound(Protocol):
    """What a call needs of the sound device: 8 kHz, one channel, int16; never blocks."""

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


@dataclass(slots=True)
class Stats:
    """What a call's media did. Delays in ms, `digits` are (key, ms UTC) received by RFC 4733."""

    sent: int = 0
    received: int = 0
    ignored: int = 0
    lost: int = 0
    duplicate: int = 0
    late: int = 0
    concealed_ms: float = 0.0
    delay_ms: float = 0.0
    target_ms: float = 0.0
    send_gap_p99_ms: float = 0.0
    remote: tuple[str, int] | None = None
    digits: list[tuple[str, int]] = field(default_factory=list)


class MediaSession:
    """RTP of one call. `port` is even and bound from the start, so it can stand in an SDP before the call is answered."""

    def __init__(self, local_host: str, clock: MonotonicClock, *, ports: range | None = None, draw: Callable[[int], int] | None = None) -> None:
        self._rtp, self._rtcp = bind_pair(local_host, ports)
        self.port: int = self._rtp.getsockname()[1]
