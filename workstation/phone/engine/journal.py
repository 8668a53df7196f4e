"""What the desk must not miss: every event of a call on disk before it is told, encrypted, until the desk has it
(promise P2).

One append-only file. A record is length, number and AES-256-GCM of the event; the number is bound in, so that records
can't be swapped. The file is emptied when all is acknowledged and no call is up; until then it also tells the next
engine which calls its forerunner lost.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.domain.ids import Ids
from workstation.phone import wire

log = logging.getLogger("tahuri.phone")

_MARK = b"TAHJ\x00\x01"
_HEAD = struct.Struct(">6sQ")
_RECORD = struct.Struct(">IQ12s")
_RECORD_MOST = wire.FRAME_MOST


class Journal:
    """The engine's journal. Raises OSError where the folder can't be written; later faults of the disk are logged and
    the call goes on with what memory holds.
    """

    def __init__(self, path: Path, key: bytes, ids: Ids) -> None:
        self._path, self._aead, self._ids = path, AESGCM(key), ids
        self._lock = threading.Lock()
        self._pending: dict[int, wire.Event] = {}
        self._live: set[str] = set()
        self._last = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read()
        self.orphans: tuple[str, ...] = tuple(sorted(self._live))
        """Offers that rang or talked when the engine before this one ended without a word."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o600)
        self._at_rest = not self._pending
        if os.fstat(self._file).st_size == 0:
            self._begin()

    @property
    def last(self) -> int:
        """The number of the youngest event."""
        return self._last

    def append(self, event: wire.Event) -> wire.Event:
        """The event with its number, on disk."""
        with self._lock:
            self._last += 1
            numbered = msgspec.structs.replace(event, n=self._last)
            self._pending[self._last] = numbered
            self._follow(numbered)
            try:
                self._put(self._record(numbered))
            except OSError as error:
                log.error("the journal can't be written, the call goes on: %s", error)
            return numbered

    def ack(self, n: int) -> None:
        """The desk has event `n`."""
        with self._lock:
            self._pending.pop(n, None)
            if not self._pending and not self._live:
                try:
                    os.ftruncate(self._file, 0)
                    self._begin()
                except OSError as error:
                    log.warning("the journal can't be emptied: %s", error)

    def pending(self) -> list[wire.Event]:
        """What the desk hasn't acknowledged, oldest first."""
        with self._lock:
            return [self._pending[n] for n in sorted(self._pending)]

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _begin(self) -> None:
        # The next number stays: a desk that has seen 7 must never see another event called 7.
        self._put(_HEAD.pack(_MARK, self._last))

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)

    def _record(self, event: wire.Event) -> bytes:
        nonce = self._ids.secret(12)
        sealed = self._aead.encrypt(nonce, wire.pack(event), _bound(event.n))
        return _RECORD.pack(len(sealed), event.n, nonce) + sealed

    def _follow(self, event: wire.Event) -> None:
        if isinstance(event, wire.Ringing):
            self._live.add(event.offer)
        elif isinstance(event, wire.Ended):
            self._live.discard(event.offer)

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        if len(data) >= _HEAD.size and data.startswith(_MARK):
            self._last = _HEAD.unpack_from(data)[1]
            good = self._records(data)
            if good == len(data):
                return
            # A power cut tears the last record; what stands before it is whole.
            if good > _HEAD.size:
                log.warning("the journal's last record is torn: %d bytes left out", len(data) - good)
                os.truncate(self._path, good)
                return
        if data:
            self._set_aside()

    def _records(self, data: bytes) -> int:
        """Read the records; how many bytes are sound."""
        place = _HEAD.size
        while place + _RECORD.size <= len(data):
            size, n, nonce = _RECORD.unpack_from(data, place)
            start, end = place + _RECORD.size, place + _RECORD.size + size
            if size > _RECORD_MOST or end > len(data):
                break
            try:
                event = wire.read_event(self._aead.decrypt(nonce, data[start:end], _bound(n)))
            except (InvalidTag, msgspec.DecodeError):
                break
            self._last = max(self._last, n)
            self._pending[n] = event
            self._follow(event)
            place = end
        return place

    def _set_aside(self) -> None:
        """Another key, or no journal at all: keep the file for IT, begin a new one."""
        aside = self._path.with_suffix(f".{self._ids.secret(4).hex()}.unread")
        log.error("the journal can't be read with this desk's key; kept as %s", aside.name)
        self._path.replace(aside)
        self._pending.clear()
        self._live.clear()


def _bound(n: int) -> bytes:
    return _MARK + struct.pack(">Q", n)
