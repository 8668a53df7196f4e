"""Making a bundle: ops somebody lacks, written to a stick whole or not at all, and kept in mind as carried (S8)."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sync.courier.bundle import SUFFIX, Closing, Header, NotCarried, Opening, Writer, boxed
from sync.frame import cut, pack_frame, salted
from sync.log import CARRIED_AS, DeskLog
from sync.protocol import FRAME_OPS, Stored, Vector
from workstation.domain.roster import NO_LIMIT, Device
from workstation.domain.sentence import Sentence, say
from workstation.recovery import KEY_BYTES, sync_folder
from workstation.signing import x25519_public

KNOWN_AS: Final = "courier_known"
"""Under which name a log keeps what others are known to have."""
_OP_BYTES, _SPARE_BYTES = 200, 1 << 20
"""What an op takes in a bundle at most, on average, and the roster: for the look whether there is room."""
Heard = Callable[[str, int], None]
"""Is told which step it is, and how far, in percent."""


class Made(msgspec.Struct, frozen=True):
    """A bundle that lies on the disk: its file, how many ops are in it, and who can read it."""

    path: Path
    ops: int
    readers: tuple[str, ...]


class Order(msgspec.Struct, frozen=True):
    """What is wanted: where to (a folder, or a new file), for whom (names of devices, none = all others of the site),
    and whether all of the record, whatever they have.
    """

    place: Path
    to: tuple[str, ...] = ()
    everything: bool = False


def sentence_of(made: Made) -> Sentence:
    """What came of it, in words."""
    file, names = str(made.path), ", ".join(made.readers)
    if not made.ops:
        return say("courier.receipt", file=file, names=names)
    return say("courier.given", ops=made.ops, file=file, names=names)


def give(log: DeskLog, order: Order, now_ms: int, random: Callable[[int], bytes], heard: Heard | None = None) -> Made:
    """Make a bundle; it is on the disk when this returns, and no part of it is there otherwise. Raises NotCarried.

    One without ops is a receipt: it tells its readers what is here.
    """
    site, readers = _readers(log, order.to)
    replicas = _of_site(log, site)
    target = {r: seq for r, seq in log.sealed().items() if replicas is None or r in replicas}
    since = {} if order.everything else _since(log, readers)
    lacking = sum(max(0, seq - since.get(replica, 0)) for replica, seq in target.items())
    path = _path(order.place, site, log.replica, now_ms)
    _room(path.parent, lacking * _OP_BYTES + _SPARE_BYTES)
    key = random(KEY_BYTES)
    boxes = [(device.replica, _box(log, site, device, key, random)) for device in readers]
    told = heard or (lambda step, percent: None)
    with _whole(path, f".tahuri-{log.replica}.partial") as out:
        writer = Writer(out, Header(site, log.replica, boxes), key)
        had, roster = log.vector(), log.roster()
        writer.put(msgspec.msgpack.encode(Opening(since, had, roster, now_ms)))
        frames, ops, reach = 0, 0, dict(since)
        for some in _frames(log, since, target, replicas):
            writer.put(pack_frame(some, log.salts(salted(some))))
            frames, ops = frames + 1, ops + len(some)
            reach.update({stored.replica: stored.seq for stored in some})
            told("courier_give", min(99, 100 * ops // max(lacking, 1)))
        writer.put(msgspec.msgpack.encode(Closing(frames, ops, reach)), last=True)
        writer.sign(log.device)
    told("courier_give", 100)
    _note_carried(log, reach.get(log.replica, 0), now_ms)
    return Made(path, ops, tuple(device.name for device in readers))


def _box(log: DeskLog, site: str, device: Device, key: bytes, random: Callable[[int], bytes]) -> bytes:
    try:
        return boxed(site, log.replica, device.replica, x25519_public(device.key), key, random)
    except ValueError:
        raise NotCarried(say("courier.bad_key", name=device.name)) from None


# --- for whom, and from where on
def _readers(log: DeskLog, names: Sequence[str]) -> tuple[str, list[Device]]:
    """The devices of one site that have these names, none = all but this one. Raises NotCarried."""
    rosters = log.trust().rosters
    if not rosters:
        raise NotCarried(say("courier.no_site"))
    wanted = {name.casefold() for name in names}
    known: list[str] = []
    for site in sorted(rosters, key=lambda site: site != log.site):
        there = [d for d in rosters[site].by_replica.values() if d.upto == NO_LIMIT and d.replica != log.replica]
        found = [device for device in there if not wanted or device.name.casefold() in wanted]
        if found and wanted <= {device.name.casefold() for device in found}:
            return site, found
        known += [device.name for device in there]
    if not known:
        raise NotCarried(say("courier.alone"))
    raise NotCarried(say("courier.nobody", names=", ".join(names), known=", ".join(sorted(set(known)))))


def _of_site(log: DeskLog, site: str) -> frozenset[int] | None:
    """The replicas of a site, where this log holds others too; None = all: one that serves two gives neither
    the other's.
    """
    rosters = log.trust().rosters
    return None if len(rosters) < 2 else frozenset(rosters[site].by_replica)


def _since(log: DeskLog, readers: Sequence[Device]) -> dict[int, int]:
    """What every one of them is known to have: by its own bundles, and the hub by its acknowledgements."""
    known = known_of(log)
    hubs = [device for roster in log.trust().rosters.values() for device in roster.by_replica.values()
            if device.role == "hub" and device.upto == NO_LIMIT]  # fmt: skip
    theirs = [dict(known.get(device.replica, {})) for device in readers]
    for device, has in zip(readers, theirs, strict=True):
        if len(hubs) == 1 and device.replica == hubs[0].replica:
            _more(has, log.acked_vector())
    first, *others = theirs
    return {replica: least for replica, seq in first.items()
            if (least := min([seq, *(has.get(replica, 0) for has in others)])) > 0}  # fmt: skip


def known_of(log: DeskLog) -> dict[int, dict[int, int]]:
    """What devices are known to have, by their replica."""
    kept = log.kept(KNOWN_AS)
    return msgspec.msgpack.decode(kept, type=dict[int, dict[int, int]]) if kept else {}


def note_known(log: DeskLog, replica: int, vector: Vector) -> None:
    """Keep in mind that a device has this, by its own word."""
    known = known_of(log)
    _more(known.setdefault(replica, {}), vector)
    log.keep(KNOWN_AS, msgspec.msgpack.encode(known)).result()


def _more(has: dict[int, int], vector: Vector) -> None:
    has.update({replica: max(seq, has.get(replica, 0)) for replica, seq in vector.items() if seq})


def _note_carried(log: DeskLog, seq: int, now_ms: int) -> None:
    """The oldest bundle of which the hub has not everything says since when; the newest says up to where."""
    kept = log.kept(CARRIED_AS)
    before = json.loads(kept) if kept else {"replica": 0, "seq": 0}
    open_ = before["replica"] == log.replica and before["seq"] > log.acked_vector().get(log.replica, 0)
    told = {"replica": log.replica, "seq": max(seq, before["seq"]) if open_ else seq,
            "since": before["since"] if open_ else now_ms}  # fmt: skip
    log.keep(CARRIED_AS, json.dumps(told).encode()).result()


def _frames(
    log: DeskLog, since: Vector, target: Mapping[int, int], replicas: frozenset[int] | None
) -> Iterator[Sequence[Stored]]:
    """Runs of ops that fit a frame each; what is written meanwhile is for the next bundle."""
    vector = dict(since)
    while any(vector.get(replica, 0) < seq for replica, seq in target.items()):
        ops = next(cut(log.page(vector, FRAME_OPS, replicas)), ())
        if not ops:
            return
        yield ops
        vector.update({stored.replica: stored.seq for stored in ops})


# --- the file
def _path(place: Path, site: str, replica: int, now_ms: int) -> Path:
    """The file to be made. Raises NotCarried: no such folder, or there is such a file."""
    if place.is_dir():
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S")
        place = place / f"tahuri-{re.sub('[^A-Za-z0-9-]', '_', site)}-{replica}-{stamp}{SUFFIX}"
    if not place.parent.is_dir():
        raise NotCarried(say("courier.no_stick", place=str(place.parent)))
    if place.exists():
        raise NotCarried(say("courier.there", file=str(place)))
    return place


def _room(folder: Path, need: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _failed(error, folder) from None
    if free < need:
        raise NotCarried(say("courier.no_room", need=-(-need >> 20), free=free >> 20))


@contextlib.contextmanager
def _whole(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file that comes to its name only when it is on the disk; what a killed export left is written over."""
    partial = path.with_name(name)
    try:
        with partial.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
        with contextlib.suppress(OSError):  # some sticks' systems can't; the file itself is there
            sync_folder(path.parent)
    except OSError as error:
        raise _failed(error, path.parent) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _failed(error: OSError, folder: Path) -> NotCarried:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NotCarried(say("courier.full", place=str(folder)))
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return NotCarried(say("courier.read_only", place=str(folder)))
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.EIO, errno.ENXIO):
        return NotCarried(say("courier.no_stick", place=str(folder)))
    return NotCarried(say("courier.not_written", place=str(folder), error=error.strerror or str(error)))
