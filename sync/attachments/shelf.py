"""Where a log keeps attachments: a folder of sealed files, each under the digest of its bytes (promise S12).

    DIGEST            a sealed file, whole: its bytes were seen to give this digest before it had the name
    DIGEST.N.part     what replica N has brought of one so far (0 = this machine itself); it grows from offset to offset
    DIGEST.sent       the hub of this epoch has the file
    DIGEST.damaged    was whole once, and is not any more

Nothing here can be read without the key, and that is in the op alone. Any method may be called from any thread; all but
the quick ones wait for the disk.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from workstation.domain.ops import DIGEST_BYTES
from workstation.domain.sentence import NOTHING, Sentence
from workstation.recovery import private, sync_folder

log = logging.getLogger("sync")
SPARE: Final = 256 * 1024 * 1024
"""Bytes of the disk that attachments leave alone: text and calls need them."""
LEFT_MS: Final = 7 * 86_400_000
"""How long a file stays that no op names."""
_READ: Final = 1024 * 1024
_NAME: Final = 2 * DIGEST_BYTES
_SOME: Final = 500

Named = Callable[[Collection[bytes]], Mapping[bytes, int]]
"""Which of these digests an op names."""


class OtherOffset(Exception):
    """A piece does not begin where what is here ends; `offset` says where that is."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset} bytes are here")
        self.offset = offset


class WrongDigest(Exception):
    """All bytes are there and give another digest: they are gone, and it can be begun anew."""


class NoRoom(Exception):
    """The disk has no room for it and for the record; `free` says what it has, bytes."""

    def __init__(self, free: int) -> None:
        super().__init__(f"{free} bytes are free")
        self.free = free


class Want(Struct):
    """A file somebody here waits for: how long it is sealed, how much has come, and what is in its way."""

    whole: int
    come: int = 0
    not_before_s: float = 0.0  # put off until then, monotonic s
    trouble: Sentence = NOTHING


class Shelf:
    """One folder, made when something first goes into it. `spare`: bytes of the disk to be left alone."""

    def __init__(self, folder: Path, spare: int = SPARE) -> None:
        self.folder, self.spare = folder, spare
        self._gate = threading.RLock()
        self._moved = threading.Condition(self._gate)
        self._coming: set[bytes] = set()  # sealed here, and their op is not on disk yet
        self._drafts: set[Path] = set()
        self._marks: dict[bytes, bytes] = {}
        self._listeners: list[Callable[[], None]] = []
        self.wanted: dict[bytes, Want] = {}
        """What somebody here waits for."""
        self.sending: dict[bytes, int] = {}
        """How much the peer has of what is going there now."""
        self.trouble: dict[bytes, Sentence] = {}
        """What keeps a file from going, as the peer said."""
        self.version = 0
        """Another one whenever there may be something new to send or to fetch."""

    # --- quick
    def path(self, digest: bytes) -> Path:
        return self.folder / digest.hex()

    def has(self, digest: bytes) -> bool:
        """Whether the whole file is here."""
        return self.path(digest).exists()

    def sent(self, digest: bytes) -> bool:
        """Whether a hub said that it has the file."""
        return digest in self._marks or self._mark(digest).exists()

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Be told when there may be something new to send or to fetch; gives the function that ends it."""
        with self._gate:
            self._listeners.append(callback)

        def stop() -> None:
            with self._gate:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def want(self, digest: bytes, whole: int) -> None:
        """Have a file fetched by whoever exchanges with a peer."""
        with self._gate:
            if digest not in self.wanted and not self.has(digest):
                self.wanted[digest] = Want(whole, self.part(digest, 0))
        self._news()

    def put_off(self, digest: bytes, until_s: float, trouble: Sentence) -> None:
        """Say what is in the way of a file somebody waits for, and until when it is left alone."""
        with self._moved:
            if want := self.wanted.get(digest):
                want.not_before_s, want.trouble = until_s, trouble
            self._moved.notify_all()

    def give_up(self, digest: bytes) -> None:
        """Nobody waits for it any more; what has come stays."""
        with self._moved:
            self.wanted.pop(digest, None)
            self._moved.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Wait until something moved here, or the time is over."""
        with self._moved:
            self._moved.wait(timeout_s)

    # --- a file of this machine
    @contextmanager
    def taken(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Keep sealed pieces; gives their digest. What fails inside the block takes the file away again.

        Raises OSError, NoRoom.
        """
        part = self._draft()
        digest = hashlib.sha256()
        try:
            with _full_is_no_room(), private(part) as file:
                for piece in pieces:
                    self._see_room(len(piece))
                    digest.update(piece)
                    file.write(piece)
                _to_disk(file)
            name = digest.digest()
            with self._gate:
                self._coming.add(name)
            part.replace(self.path(name))
            sync_folder(self.folder)
        finally:
            part.unlink(missing_ok=True)
            self._drafts.discard(part)
        try:
            yield name
        except BaseException:
            self.path(name).unlink(missing_ok=True)
            raise
        finally:
            with self._gate:
                self._coming.discard(name)
        self._news()

    # --- a file that comes in pieces
    def part(self, digest: bytes, by: int) -> int:
        """How many bytes of it `by` has brought."""
        try:
            return self._part(digest, by).stat().st_size
        except OSError:
            return 0

    def add(self, digest: bytes, by: int, offset: int, piece: bytes, whole: int) -> int:
        """Take the next piece of a file of `whole` bytes; gives how many bytes are here now.

        With the last one its digest is looked at, and only then is it here. Raises OtherOffset, WrongDigest, NoRoom,
        OSError.
        """
        with self._gate:
            if self.has(digest):
                return whole
            here = self.part(digest, by)
            if offset != here or offset + len(piece) > whole:
                raise OtherOffset(here)
            self._see_room(whole - offset)
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part, here = self._part(digest, by), offset + len(piece)
            with _full_is_no_room(), private(part, "ab") as file:
                file.write(piece)
            if want := self.wanted.get(digest):
                want.come, want.trouble = here, NOTHING
        if here == whole:
            self._finish(part, digest)
        with self._moved:
            self._moved.notify_all()
        return here

    def reached(self, digest: bytes, by: int, whole: int) -> int:
        """How many bytes are here; of a part that has them all, after a crash, only what its digest says."""
        if self.has(digest):
            return whole
        here = self.part(digest, by)
        if here < whole:
            return here
        try:
            return self.add(digest, by, whole, b"", whole)
        except (WrongDigest, OtherOffset):
            return 0

    def _finish(self, part: Path, digest: bytes) -> None:
        if digest_of(part) != digest:
            part.unlink(missing_ok=True)
            raise WrongDigest
        with part.open("rb+") as file:
            _to_disk(file)
        part.replace(self.path(digest))
        sync_folder(self.folder)
        for other in self.folder.glob(f"{digest.hex()}.*.part"):
            other.unlink(missing_ok=True)
        with self._gate:
            self.wanted.pop(digest, None)
        self._news()

    def read(self, digest: bytes, offset: int, most: int) -> bytes:
        """At most `most` bytes of a file that is here, from `offset` on. Raises OSError."""
        with self.path(digest).open("rb") as file:
            file.seek(offset)
            return file.read(most)

    def whole(self, digest: bytes) -> bool:
        """Whether its bytes still give its digest; where not, it is laid aside and is here no longer."""
        try:
            if digest_of(self.path(digest)) == digest:
                return True
            self.path(digest).replace(self.path(digest).with_suffix(".damaged"))
        except OSError as error:
            log.error("the attachment %s can't be read: %s", digest.hex(), error)
            return False
        log.error("the attachment %s is damaged on this disk, and was laid aside", digest.hex())
        return False

    def copy_to(self, other: Shelf, wanted: Callable[[], bool] = lambda: True) -> int:
        """Lay on another shelf what it lacks of the whole files here, while `wanted`; gives how many went.

        What is damaged here goes nowhere. Raises OSError, NoRoom.
        """
        copied = 0
        for path in self._files():
            if not _is_digest(path.name) or not wanted() or other.has(digest := bytes.fromhex(path.name)):
                continue
            try:
                with path.open("rb") as file, other.taken(iter(partial(file.read, _READ), b"")) as found:
                    if found != digest:
                        raise WrongDigest
                copied += 1
            except (FileNotFoundError, WrongDigest):  # erased meanwhile, or damaged: the latter it says itself
                self.whole(digest)
        return copied

    # --- what a hub has
    def waiting(self, epoch: bytes) -> list[bytes]:
        """The files here that the hub of this epoch has not said it has, the oldest first."""
        found = [(_touched_ms(path), bytes.fromhex(path.name)) for path in self._files() if _is_digest(path.name)]
        return [digest for _, digest in sorted(found) if self._marked(digest) != epoch and digest not in self._coming]

    def mark(self, digest: bytes, epoch: bytes) -> None:
        """The hub of this epoch has it."""
        self._marks[digest] = epoch
        self.trouble.pop(digest, None)
        with suppress(OSError):  # asked again, then
            self._mark(digest).write_bytes(epoch)

    # --- what goes
    def forget(self, digests: Iterable[bytes]) -> None:
        """Remove these files, and what has come of them."""
        for digest in digests:
            for kept in (self._marks, self.sending, self.trouble):
                kept.pop(digest, None)
            self.give_up(digest)
            for path in self.folder.glob(f"{digest.hex()}*"):
                path.unlink(missing_ok=True)

    def erased(self, digests: Collection[bytes], named: Named) -> None:
        """Ops were erased that named these files: they go, where no other op names them."""
        try:
            self.forget(set(digests) - named(digests).keys())
        except Exception:  # the erasing stands; what is left goes with the next sweep
            log.exception("erased attachments could not be removed")

    def sweep(self, named: Named, now_ms: int) -> int:
        """Remove what no op names and nobody touched for `LEFT_MS`: a crash left it behind. Gives how many went.

        Younger ones stay: a record that was brought back may have yet to hear of the ops that name them.
        """
        for draft in set(self.folder.glob("*.draft")) - self._drafts:
            draft.unlink(missing_ok=True)
        old = {bytes.fromhex(path.name[:_NAME]) for path in self._files() if _is_digest(path.name[:_NAME])}
        for path in self._files():
            if _is_digest(path.name[:_NAME]) and _touched_ms(path) > now_ms - LEFT_MS:
                old.discard(bytes.fromhex(path.name[:_NAME]))
        listed, gone = sorted(old - self._coming), 0
        for start in range(0, len(listed), _SOME):
            some = listed[start : start + _SOME]
            lost = set(some) - named(some).keys()
            self.forget(lost)
            gone += len(lost)
        return gone

    # --- small parts
    def _files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _part(self, digest: bytes, by: int) -> Path:
        return self.folder / f"{digest.hex()}.{by}.part"

    def _mark(self, digest: bytes) -> Path:
        return self.folder / f"{digest.hex()}.sent"

    def _marked(self, digest: bytes) -> bytes:
        if digest not in self._marks:
            with suppress(OSError):
                self._marks[digest] = self._mark(digest).read_bytes()
        return self._marks.get(digest, b"")

    def _draft(self) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._gate:
            self.version += 1
            draft = self.folder / f"{self.version}.draft"
            self._drafts.add(draft)
            return draft

    def _see_room(self, more: int) -> None:
        there = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        free = shutil.disk_usage(there).free
        if free - more < self.spare:
            raise NoRoom(free)

    def _news(self) -> None:
        with self._moved:
            self.version += 1
            self._moved.notify_all()
            listeners = list(self._listeners)
        for callback in listeners:
            callback()


@contextmanager
def _full_is_no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(0) from error
        raise


def digest_of(path: Path) -> bytes:
    """sha256 of a file's bytes. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ):
            digest.update(piece)
    return digest.digest()


def _touched_ms(path: Path) -> int:
    """When it was last written, ms UTC; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


def _is_digest(name: str) -> bool:
    return len(name) == _NAME and not set(name) - set("0123456789abcdef")


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
