"""Taking a bundle in: looked through whole before anything of it is applied, then let in as a push is (S8, S9, S11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from sync.admission import Trust, admit, device_of, events_of
from sync.courier.bundle import Closing, Damaged, NotCarried, Opening, Reader, decoded
from sync.courier.giving import Heard, note_known
from sync.log import DeskLog, admitted_now
from sync.opwire import ProtocolError
from sync.protocol import ChainBroken, Gap, Stranger, Vector
from workstation.domain.ids import Uid
from workstation.domain.roster import NO_LIMIT, Device
from workstation.domain.sentence import Sentence, say
from workstation.recovery import RecoveryKey


class Taken(msgspec.Struct, frozen=True):
    """What came of a bundle: who made it, how many of its ops were new here (0 = none), and how many it holds."""

    maker: str
    fresh: int
    ops: int


def sentence_of(taken: Taken) -> Sentence:
    """What came of it, in words."""
    if not taken.fresh:
        return say("courier.nothing_new", maker=taken.maker)
    return say("courier.taken", fresh=taken.fresh, maker=taken.maker)


def take(log: DeskLog, path: Path, heard: Heard | None = None) -> Taken:
    """Take a bundle in. Raises NotCarried, with nothing applied but where its sentence says so.

    Raises LogAway, and the store's own errors, at the disk.
    """
    told = heard or (lambda step, percent: None)
    with _opened(path) as (source, size):

        def step(name: str) -> None:
            told(name, min(99, 100 * source.tell() // max(size, 1)))

        bundle = _Bundle(log, source)
        looked = bundle.look(lambda: step("courier_look"))
        if looked.fresh:
            _applied(bundle, source, lambda: step("courier_take"))
    told("courier_take" if looked.fresh else "courier_look", 100)
    _note(log, bundle.maker, bundle.opening.had)
    return looked


def _applied(bundle: _Bundle, source: BinaryIO, step: Callable[[], None]) -> None:
    """What was looked through; a stick that is pulled out, or changed, since then leaves what came before."""
    try:
        source.seek(0)
        bundle.apply(step)
    except (OSError, Damaged, ProtocolError):
        raise NotCarried(say("courier.interrupted", maker=bundle.maker.name)) from None


def _note(log: DeskLog, maker: Device, had: Vector) -> None:
    """What the maker has, by its own signed word: a hub's is as good by hand as by wire."""
    note_known(log, maker.replica, had)
    if maker.role == "hub":
        acked = log.acked_vector()
        log.acked(acked | {replica: seq for replica, seq in had.items() if seq > acked.get(replica, 0)}).result()
    else:
        log.told_beside(had).result()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    try:
        with path.open("rb") as source:
            yield source, path.stat().st_size
    except IsADirectoryError:
        raise NotCarried(say("courier.a_folder", place=str(path))) from None
    except OSError as error:
        raise NotCarried(say("courier.not_read", file=str(path), error=error.strerror or str(error))) from None


class _Bundle:
    """One bundle under one log's eyes: `look` through it, then `apply` it."""

    def __init__(self, log: DeskLog, source: BinaryIO) -> None:
        self._log, self._source = log, source
        self.opening: Opening
        self.maker: Device
        self._key = b""

    def look(self, step: Callable[[], None]) -> Taken:
        """Every check, with nothing applied. Raises NotCarried."""
        reader = Reader(self._source)
        self._key = self._key_of(reader)
        records = reader.records(self._key)
        self.opening = decoded(next(records), Opening, "opening")
        trust = self._trust()
        self.maker = self._maker(trust, reader)
        ahead = _Ahead(self._log, trust)
        waiting, frames, refused = b"", 0, None
        for number, record in enumerate(records):
            if number:  # the last record is no frame
                refused = refused or self._admit(ahead, waiting)
                frames += 1
            waiting = record
            step()
        closing = decoded(waiting, Closing, "closing")
        if not trust.verify(self.maker.key, reader.signature, reader.signed):
            raise Damaged("signature")
        # Only of a bundle that is whole it is said what in it does not fit.
        if closing.frames != frames:
            raise Damaged("closing")
        if gap := self._lacks(closing):
            raise gap
        if refused:
            raise refused
        return Taken(self.maker.name, ahead.fresh, closing.ops)

    def apply(self, step: Callable[[], None]) -> None:
        """Frame by frame, each durable before the next, checked once more against what is here by then."""
        records = Reader(self._source).records(self._key)
        next(records)
        waiting = b""
        for record in records:
            if waiting and (ops := admitted_now(self._log, waiting, self._trust)):
                self._log.merge(ops).result()
            waiting = record
            step()

    def _key_of(self, reader: Reader) -> bytes:
        header = reader.header
        rosters = self._log.trust().rosters
        if not rosters:
            raise NotCarried(say("courier.no_site"))
        roster = rosters.get(header.site)
        if roster is None:
            raise NotCarried(say("courier.other_site", site=header.site, own=self._log.site))
        key = reader.key(RecoveryKey(self._log.device.x25519_seed()), self._log.replica)
        if key is None:
            names = [d.name if (d := roster.by_replica.get(number)) else str(number) for number, _ in header.boxes[:8]]
            raise NotCarried(say("courier.not_for_us", names=", ".join(names)))
        return key

    def _trust(self) -> Trust:
        """Whom the log believes, and whom the bundle introduces with proofs that hang on the site's key."""
        trust = self._log.trust()
        try:
            events = events_of(self.opening.roster)
        except ProtocolError:
            raise Damaged("opening") from None
        introduced = trust.with_events(events)
        return Trust(introduced, lambda more: trust.with_events([*events, *more]), trust.verify)

    def _maker(self, trust: Trust, reader: Reader) -> Device:
        roster = trust.rosters.get(reader.header.site)
        maker = roster.by_replica.get(reader.header.replica) if roster else None
        if maker is None:
            raise NotCarried(say("courier.stranger", replica=reader.header.replica))
        if maker.upto != NO_LIMIT:
            raise NotCarried(say("courier.retired", name=maker.name))
        return maker

    def _admit(self, ahead: _Ahead, packed: bytes) -> NotCarried | None:
        """Let a frame in ahead, or say why not."""
        try:
            ahead.admit(packed)
        except Gap as gap:
            return self._gap([(gap.replica, gap.expected, gap.got - 1)])
        except ChainBroken as broken:
            return NotCarried(say("courier.history", name=self._name(broken.replica), maker=self.maker.name))
        except Stranger as stranger:
            return NotCarried(say("courier.strange_ops", replica=stranger.replica, maker=self.maker.name))
        except ProtocolError as error:
            return NotCarried(say("courier.not_let_in", error=str(error), maker=self.maker.name))
        return None

    def _lacks(self, closing: Closing) -> NotCarried | None:
        """What the bundle takes to be here already and is not."""
        own, since = self._log.vector(), self.opening.since
        lacking = [(replica, own.get(replica, 0) + 1, since.get(replica, 0)) for replica, seq in closing.reach.items()
                   if own.get(replica, 0) < since.get(replica, 0) < seq]  # fmt: skip
        return self._gap(lacking) if lacking else None

    def _gap(self, lacking: list[tuple[int, int, int]]) -> NotCarried:
        what = ", ".join(f"{self._name(replica)} {first}-{last}" for replica, first, last in sorted(lacking)[:8])
        return NotCarried(say("courier.gap", what=what, maker=self.maker.name))

    def _name(self, replica: int) -> str:
        device = device_of(self._trust().rosters, replica)
        return device.name if device else str(replica)


class _Ahead:
    """Where a log would stand if it had taken the frames so far."""

    def __init__(self, log: DeskLog, trust: Trust) -> None:
        self._log, self._trust = log, trust
        self._vector, self._heads = log.reached()
        self._salts: dict[tuple[int, Uid], bytes] = {}
        self.fresh = 0

    def admit(self, packed: bytes) -> None:
        """Raises as `admission.admit` does."""
        ops = admit(packed, self._vector, self._heads, self._salts_of, self._trust)
        for op in ops:
            self._vector[op.op.replica] = op.op.seq
            self._heads[op.op.replica] = op.head
            self._salts[op.op.replica, op.op.entity] = op.salt
        self.fresh += len(ops)

    def _salts_of(self, wanted: Iterable[tuple[int, Uid]]) -> Mapping[tuple[int, Uid], bytes]:
        pairs = set(wanted)
        ahead = {pair: self._salts[pair] for pair in pairs if pair in self._salts}
        return {**self._log.salts(pairs - ahead.keys()), **ahead}
