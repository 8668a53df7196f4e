"""Attachments: a file laid beside an incident or a call, and looked at again (promise S12).

A file is sealed under a key of its own before anything else; the key is in the op alone, so that erasing the op makes
every copy of the file unreadable (promise M2). Sending and fetching are the exchange's, which goes by the shelf.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from msgspec.structs import replace

from sync.attachments.sealed import Altered, opened, sealed, sealed_size
from sync.attachments.shelf import NoRoom
from workstation.domain.ids import Uid
from workstation.domain.kinds import KEY_BYTES
from workstation.domain.rows import AttachmentRow
from workstation.domain.sentence import Sentence, say
from workstation.recovery import private
from workstation.service.desk import BadValue, Desk, NotFound, Pending, Refused, then
from workstation.service.registers import known
from workstation.store import Connection, Tx, reads

T = TypeVar("T")
SIZE_MOST: Final = 500_000_000
"""Bytes of one file; what a hub takes (`sync.serve.Limits`) is a little more."""
MOST: Final = 200
"""Attachments shown of one incident."""
NAME_MOST: Final = 100
FILES: Final = (
    "jpg", "jpeg", "png", "gif", "webp", "bmp", "pdf", "txt", "csv", "wav", "mp3", "ogg", "opus", "m4a", "flac",
    "mp4", "mov", "webm",
)  # fmt: skip
"""Kinds of file by their ending: those a system shows or plays, and never runs."""
PATIENCE_S: Final = 45.0
"""How long a file that is fetched may not move before it is said that nobody brings it."""
_LOOK_S: Final = 0.2
_MEGABYTE: Final = 1_000_000
_ROW: Final = """select attachment.uid, attachment.about, attachment.name, attachment.size, attachment.digest,
    attachment.added_at, coalesce(person.name, '') from attachment left join person on person.uid = attachment.person"""
NO_VIEWER: Final = say("attachment.no_viewer")
Heard = Callable[[int], None]
"""Is told, on another thread, how far it is, in percent."""


def attachments(db: Connection, about: Uid) -> list[AttachmentRow]:
    """Give what is attached to an incident or a call, the oldest first; where each file is, `shown` adds."""
    sql = f"{_ROW} where attachment.about = ? and attachment.digest <> x'' order by attachment.id limit ?"
    return [AttachmentRow(*row) for row in db.execute(sql, [about, MOST])]


def attachment(db: Connection, uid: Uid) -> AttachmentRow | None:
    """Give one attachment; None when this desk has not heard of it, or it was erased."""
    row = db.execute(f"{_ROW} where attachment.uid = ? and attachment.digest <> x''", [uid]).fetchone()
    return AttachmentRow(*row) if row else None


def shown(desk: Desk, about: Uid) -> Pending[list[AttachmentRow]]:
    """Give what is attached to an incident or a call, each with where its file is now."""
    return then(desk.see(attachments, about), lambda rows: [_placed(desk, row) for row in rows])


def attach(desk: Desk, about: Uid, file: Path) -> Pending[Uid]:
    """Attach a file to an incident or a call; gives the attachment, once file and op are on disk here.

    Raises `BadValue` (not readable, too large, not a kind that is shown), `NotFound`, `Refused` (no room).
    """
    person = desk.person_uid

    def work() -> Uid:
        _see_fits(file)
        desk.ask(lambda db: _see_known(db, about)).result()
        key = desk.ids.secret(KEY_BYTES)
        try:
            with file.open("rb") as source:
                counted = _Counted(source)
                with desk.store.shelf.taken(sealed(counted, key)) as digest:  # type: ignore[arg-type]
                    body = {
                        "about": about,
                        "name": _name(file.name),
                        "size": counted.size,
                        "digest": digest,
                        "key": key,
                    }
                    return desk.store.write(lambda tx: _added(tx, about, body, person)).result().value
        except NoRoom as full:
            raise Refused(say("attachment.no_room", free=full.free // _MEGABYTE)) from None
        except OSError as error:
            raise BadValue(say("attachment.unread", file=file.name, error=error.strerror or str(error))) from error

    return _beside(work)


def open_file(desk: Desk, uid: Uid, heard: Heard = lambda _: None) -> Pending[Path]:
    """Have an attachment here and readable: fetched where it is not here, opened into a private folder.

    The look is in the access log first (promise D6). `put_away` empties the folder. Raises `NotAllowed`, `NotFound`,
    `Refused` (nobody brings it, no room, altered).
    """
    seen = desk.see(attachment, uid)

    def work() -> Path:
        row = seen.result()
        if row is None:
            raise NotFound(say("attachment.unknown"))
        if row.name.rpartition(".")[2].lower() not in FILES:  # what another desk wrote
            raise Refused(say("attachment.kind", known=", ".join(FILES)))
        _fetched(desk, row, heard)
        key = desk.ask(lambda db: _key(db, uid)).result()
        try:
            return _opened(desk, row, key)
        except OSError as error:
            raise Refused(say("attachment.unread", file=row.name, error=error.strerror or str(error))) from error

    return _beside(work)


def put_away(desk: Desk) -> None:
    """Remove the files that were opened here to be looked at; what is still being looked at goes the next time."""
    shutil.rmtree(_folder(desk), ignore_errors=True)


# --- small parts
class _Counted:
    """A file that is read, and how much of it was: it may grow meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def read(self, most: int) -> bytes:
        piece = self._file.read(most)
        self.size += len(piece)
        if self.size > SIZE_MOST:
            raise BadValue(say("attachment.too_large", most=SIZE_MOST // _MEGABYTE))
        return piece


def _see_fits(file: Path) -> None:
    """Raises BadValue."""
    if not file.is_file():
        raise BadValue(say("attachment.no_file", file=file.name))
    if file.suffix.lower().removeprefix(".") not in FILES:
        raise BadValue(say("attachment.kind", known=", ".join(FILES)))


def _see_known(db: Connection, about: Uid) -> None:
    """Raises NotFound, before a long file is read for nothing."""
    state = reads.state(db, about)
    if state is None or state.created is None:
        raise NotFound(say("refused.not_here", what=Sentence("thing.incident")))


def _added(tx: Tx, about: Uid, body: dict[str, Any], person: Uid) -> Uid:
    known(tx, about, "incident")  # it may have been erased meanwhile
    uid = tx.uid()
    tx.append("attachment.added", uid, {**body, "at": tx.now()}, person)
    return uid


def _name(name: str) -> str:
    """A name that every system takes, its ending kept."""
    plain = re.sub(r"[^\w .()+-]", "_", name).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    return f"{stem[: NAME_MOST - len(ending) - 1] or '_'}.{ending}" if dot else plain[:NAME_MOST] or "_"


def _placed(desk: Desk, row: AttachmentRow) -> AttachmentRow:
    """The row with where its file is and how far it has come, as the shelf knows."""
    shelf, digest, whole = desk.store.shelf, row.digest, sealed_size(row.size)
    if want := shelf.wanted.get(digest):
        return replace(row, place="coming", percent=100 * want.come // whole)
    if not shelf.has(digest):
        return replace(row, place="away")
    if shelf.sent(digest):
        return replace(row, place="sent")
    percent = 100 * shelf.sending.get(digest, 0) // whole
    return replace(row, place="waiting", percent=percent, trouble=shelf.trouble.get(digest, row.trouble))


def _fetched(desk: Desk, row: AttachmentRow, heard: Heard) -> None:
    """Wait until the file is here. Raises Refused."""
    shelf, digest, whole = desk.store.shelf, row.digest, sealed_size(row.size)
    shelf.want(digest, whole)
    come, moved_s = -1, desk.clock.monotonic_s()
    while want := shelf.wanted.get(digest):
        if want.trouble:
            shelf.give_up(digest)
            raise Refused(want.trouble)
        if want.come != come:
            come, moved_s = want.come, desk.clock.monotonic_s()
            heard(100 * come // whole)
        elif desk.clock.monotonic_s() - moved_s > PATIENCE_S:
            shelf.give_up(digest)
            raise Refused(say("attachment.nobody_brings"))
        shelf.wait(_LOOK_S)
    if not shelf.has(digest):
        raise Refused(say("attachment.nobody_brings"))
    heard(100)


def _key(db: Connection, uid: Uid) -> bytes:
    state = reads.state(db, uid)
    key = state.facts.get("key") if state else None
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise NotFound(say("attachment.unknown"))
    return key


def _opened(desk: Desk, row: AttachmentRow, key: bytes) -> Path:
    """The file as it was, in a folder of its own that only this account reads. Raises Refused, OSError."""
    folder = _folder(desk) / row.uid.hex()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _name(row.name)
    try:
        with desk.store.shelf.path(row.digest).open("rb") as source, private(path) as plain:
            for piece in opened(source, key):
                plain.write(piece)
            if plain.tell() != row.size:
                raise Altered
    except Altered:
        path.unlink(missing_ok=True)
        desk.store.shelf.whole(row.digest)
        raise Refused(say("attachment.altered")) from None
    return path


def _folder(desk: Desk) -> Path:
    return desk.store.path.with_suffix(".opened")


def _beside(work: Callable[[], T]) -> Pending[T]:
    """On a thread of its own: a long file or a slow wire holds up nobody who signs in."""
    out: Pending[T] = Future()

    def run() -> None:
        try:
            out.set_result(work())
        except BaseException as error:
            out.set_exception(error)

    threading.Thread(target=run, name="attachment", daemon=True).start()
    return out
