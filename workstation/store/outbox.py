"""The outbox journal: what this desk wrote and the hub has not acknowledged, once more, beside the record (promise D5).

The record is one file; where that is damaged or gone, what nobody else has yet stands here. An act is in the record
first, durably; its ops are then written here before it is said to be saved, and flushed to the disk a moment later by
a thread of their own: `docs/adr/011-outbox-journal.md` says why, and what that leaves open.

    folder  = segments: NUMBER.open, being written; NUMBER-REPLICA-SEQ.seg, whole: nothing in it is newer than that
    segment = mark, salt, then records: length, AES-256-GCM under a key of this segment; the place in it is bound in
    record  = the owner first (who writes, and by which device key), then ops with the chain's hash after each

Segments are never rewritten: one goes when the hub has all that is in it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.protocol import Admitted
from workstation.recovery import sync_folder

log = logging.getLogger("store")
_MARK: Final = b"TAHO\x00\x01"
_SALT_BYTES: Final = 16
_HEAD: Final = len(_MARK) + _SALT_BYTES
_LENGTH: Final = struct.Struct(">I")
_RECORD_MOST: Final = 64 << 20
SEGMENT_BYTES: Final = 256 * 1024
"""A segment is followed by another beyond this."""
FLUSH_S: Final = 0.02
"""How long after a write the disk is asked to keep it: several writes are kept together."""
_PUT_TOGETHER: Final = 200


class Owner(msgspec.Struct, frozen=True):
    """Who writes here: enough to send what is found, should the record be lost whole.

    `reached` is the newest op of the replica when the segment was begun, `sites` the public keys believed in.
    """

    replica: int
    device: bytes
    site: str
    sites: dict[str, bytes]
    reached: int


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """One op as it lies here: its bytes, the chain's hash after it, its replica's salt on its entity, a seal or b""."""

    replica: int
    seq: int
    raw: bytes
    head: bytes
    salt: bytes = b""
    seal: bytes = b""


class Outbox:
    """The journal of one record, written by its writer. A disk that fails here is told and never stops an act."""

    def __init__(self, folder: Path, key: bytes | None, owner: Owner, random: Callable[[int], bytes]) -> None:
        self.folder, self._key, self._random = folder, key, random
        self._owner = owner
        self._newest = {owner.replica: owner.reached}
        self._missed: list[Kept] = []
        self.fault = ""
        """What the machine said when an op could not be written here; "" = all is here."""
        self._gate = threading.Lock()
        self._segment: _Segment | None = None
        self._whole: list[_Segment] = []
        self._lying = _files(folder)
        self._acked: Mapping[int, int] = {}
        self._ask = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-outbox", daemon=True)
        self._thread.start()

    def put(self, ops: Sequence[Admitted]) -> None:
        """Write these ops, which the record has by now; they are on the disk within `FLUSH_S` and a little."""
        self.put_kept([Kept(o.op.replica, o.op.seq, o.raw, o.head, o.salt) for o in ops])

    def put_kept(self, fresh: Sequence[Kept]) -> None:
        """Write these, as `put`."""
        if not fresh:
            return
        with self._gate:
            self._missed += fresh
            try:
                for start in range(0, len(self._missed), _PUT_TOGETHER):
                    self._current().put(self._missed[start : start + _PUT_TOGETHER])
            except OSError as error:
                if not self.fault:
                    log.error("the outbox journal can't be written, the record goes on: %s", error)
                self.fault = str(error)
                self._drop_current()
                return
            self._newest[fresh[-1].replica] = fresh[-1].seq
            self._missed.clear()
            self.fault = ""
        self._ask.set()

    def acked(self, vector: Mapping[int, int]) -> None:
        """The hub has these on disk: segments that hold nothing else go, by and by."""
        self._acked = dict(vector)
        self._ask.set()

    def renew(self, sites: Mapping[str, bytes]) -> None:
        """Begin a segment that names these sites: the desk believes in others than before."""
        with self._gate:
            self._owner = msgspec.structs.replace(self._owner, sites=dict(sites))
            if self._segment is not None:
                self._whole.append(self._segment)
                self._segment = None
        self._ask.set()

    def close(self) -> None:
        """Have everything on the disk, and end the thread."""
        self._closing.set()
        self._ask.set()
        self._thread.join()
        with self._gate:
            if self._segment is not None:
                self._whole.append(self._segment)
                self._segment = None
        self._tidy()

    def _current(self) -> _Segment:
        if self._segment is not None and self._segment.size >= SEGMENT_BYTES:
            self._whole.append(self._segment)
            self._segment = None
        if self._segment is None:
            owner = msgspec.structs.replace(self._owner, reached=self._newest[self._owner.replica])
            self._segment = _Segment.begin(self.folder, self._key, owner, self._random)
        return self._segment

    def _drop_current(self) -> None:
        """A segment in which a write failed may be torn there: nothing more is put behind it."""
        if self._segment is not None:
            self._whole.append(self._segment)
            self._segment = None

    # On the journal's own thread from here on.

    def _run(self) -> None:
        while self._ask.wait() and not self._closing.wait(FLUSH_S):
            self._ask.clear()
            if self._closing.is_set():  # asked for in between: what is left, `close` does
                return
            self._tidy()

    def _tidy(self) -> None:
        with self._gate:
            current, whole, self._whole = self._segment, self._whole, []
        try:
            if current is not None:
                current.flush()
            for segment in whole:
                self._lying.append(segment.end())
            self._drop(keep_last=current is None)
        except OSError as error:
            self.fault = str(error)
            log.error("the outbox journal can't be kept on the disk, the record goes on: %s", error)

    def _drop(self, *, keep_last: bool) -> None:
        """Remove segments that hold nothing but what the hub has; the last says how far this desk has written."""
        acked = self._acked
        for path in self._lying[:-1] if keep_last else list(self._lying):
            replica, seq = _told(path)
            if replica and seq <= acked.get(replica, 0):
                path.unlink(missing_ok=True)
                self._lying.remove(path)


class _Segment:
    """One file under way."""

    def __init__(self, path: Path, file: int, aead: AESGCM, owner: Owner) -> None:
        self.path, self._file, self._aead, self._owner = path, file, aead, owner
        self.size = _HEAD
        self._records = 0
        self._newest = owner.reached
        self._flushed = 0

    @classmethod
    def begin(cls, folder: Path, key: bytes | None, owner: Owner, random: Callable[[int], bytes]) -> _Segment:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((_number(path) for path in _files(folder)), default=0) + 1
        path = folder / f"{number:08d}.open"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.open(path, flags, 0o600)
        salt = random(_SALT_BYTES)
        segment = cls(path, file, AESGCM(_key_of(key, salt)), owner)
        try:
            _write(file, _MARK + salt)
            segment._record(msgspec.msgpack.encode(owner))
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        return segment

    def put(self, ops: Sequence[Kept]) -> None:
        self._record(msgspec.msgpack.encode(ops))
        self._newest = max(self._newest, *(kept.seq for kept in ops if kept.replica == self._owner.replica), 0)

    def _record(self, plain: bytes) -> None:
        place = self._records.to_bytes(12, "big")
        sealed = self._aead.encrypt(place, plain, _MARK)
        _write(self._file, _LENGTH.pack(len(sealed)) + sealed)
        self._records += 1
        self.size += _LENGTH.size + len(sealed)

    def flush(self) -> None:
        """Have what was written on the disk."""
        if self._flushed < self.size:
            size = self.size
            getattr(os, "fdatasync", os.fsync)(self._file)
            if not self._flushed:
                sync_folder(self.path.parent)
            self._flushed = size

    def end(self) -> Path:
        """Nothing more comes: it lies there under the name that says how far it goes, which is given."""
        try:
            self.flush()
        finally:
            os.close(self._file)
        return self.path.replace(self.path.with_name(_name(self.path, self._owner.replica, self._newest)))


def _name(path: Path, replica: int, newest: int) -> str:
    return f"{_number(path):08d}-{replica}-{newest}.seg"


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _key_of(key: bytes | None, salt: bytes) -> bytes:
    """A segment's own key; a plain record's journal hides nothing either."""
    return hmac.digest(key or bytes(32), b"tahuri outbox 1\0" + salt, hashlib.sha256)


def _files(folder: Path) -> list[Path]:
    """The segments, the oldest first."""
    found = [path for path in folder.glob("*.*") if path.suffix in (".open", ".seg") and _number(path)]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    first = path.stem.split("-")[0]
    return int(first) if first.isdecimal() else 0


def _told(path: Path) -> tuple[int, int]:
    """The replica and newest op a whole segment's name tells; (0, 0) for one that was under way."""
    parts = path.stem.split("-")
    if path.suffix == ".seg" and len(parts) == 3 and all(part.isdecimal() for part in parts):
        return int(parts[1]), int(parts[2])
    return 0, 0


def exists(folder: Path) -> bool:
    """Whether a record was written beside this journal."""
    return bool(_files(folder))


class Found(msgspec.Struct, frozen=True):
    """What a segment tells: who wrote it, and ops in the order they were written; `torn` = it ends in the middle."""

    owner: Owner
    ops: list[Kept]
    torn: bool


def read(folder: Path, key: bytes | None) -> Iterator[Found]:
    """What can be read, the oldest segment first; one of another key, or none at all, is left out."""
    for path in _files(folder):
        found = _read(path, key)
        if found is not None:
            yield found


def _read(path: Path, key: bytes | None) -> Found | None:
    owner: Owner | None = None
    ops: list[Kept] = []
    try:
        data = _bytes_of(path)
        end = _HEAD
        for plain, behind in _records(data, key):
            end = behind
            if owner is None:
                owner = msgspec.msgpack.decode(plain, type=Owner)
            else:
                ops += msgspec.msgpack.decode(plain, type=list[Kept])
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("a segment of the outbox journal can't be read: %s", error)
    return None if owner is None else Found(owner, ops, end < len(data))


def _bytes_of(path: Path) -> bytes:
    """What is in a segment; its writer may end it, and drop it, while another looks. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        ended = next(path.parent.glob(f"{_number(path):08d}-*.seg"), None)
        return ended.read_bytes() if ended is not None and ended != path else b""


def _records(data: bytes, key: bytes | None) -> Iterator[tuple[bytes, int]]:
    """The records that are whole, each with the place behind it; a power cut tears the last, damage any."""
    if not data.startswith(_MARK):
        return
    aead = AESGCM(_key_of(key, data[len(_MARK) : _HEAD]))
    place, number = _HEAD, 0
    while place + _LENGTH.size <= len(data):
        size = _LENGTH.unpack_from(data, place)[0]
        start, end = place + _LENGTH.size, place + _LENGTH.size + size
        if size > _RECORD_MOST or end > len(data):
            return
        try:
            plain = aead.decrypt(number.to_bytes(12, "big"), data[start:end], _MARK)
        except InvalidTag:
            return
        yield plain, end
        place, number = end, number + 1


def reached(folder: Path, key: bytes | None, replica: int) -> int:
    """The newest op of a replica that was ever written here, as far as it can be told; 0 = none.

    Only segments that were under way when their writer ended are opened.
    """
    newest = 0
    for path in _files(folder):
        of, seq = _told(path)
        if of == replica:
            newest = max(newest, seq)
        elif not of and (found := _read(path, key)) is not None:
            if found.owner.replica == replica:
                newest = max(newest, found.owner.reached)
            newest = max([newest, *(kept.seq for kept in found.ops if kept.replica == replica)])
    return newest


def end_left_open(folder: Path, key: bytes | None) -> None:
    """Give segments a killed writer left their name; what is in none of this key's keeps the one it has."""
    for path in _files(folder):
        if path.suffix == ".open" and (found := _read(path, key)) is not None:
            own = found.owner.replica
            newest = max([found.owner.reached, *(kept.seq for kept in found.ops if kept.replica == own)])
            path.replace(path.with_name(_name(path, own, newest)))


def write_segment(
    folder: Path, key: bytes | None, owner: Owner, ops: Iterable[Kept], random: Callable[[int], bytes]
) -> None:
    """Write ops of a former replica of this desk as a segment of their own, on the disk when this returns."""
    segment = _Segment.begin(folder, key, owner, random)
    waiting = list(ops)
    for start in range(0, len(waiting), _PUT_TOGETHER):
        segment.put(waiting[start : start + _PUT_TOGETHER])
    segment.end()
