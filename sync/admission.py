"""Letting ops in: what comes from a peer is read, chained, and held against its devices' signatures (S3, S9, S11).

Nothing is applied here. An op that passes is its author's, in its author's order, with nothing left out before it;
whether it has an effect (a person without the right signed it, say) is the fold's to decide: it is kept either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sync.frame import Frame, Frame1, joined, open_frame, sealing
from sync.opwire import GENESIS, Parsed, next_head, parse, parse_parts, signed_message
from sync.protocol import Admitted, ChainBroken, Gap, Heads, SaltMissing, Stranger, Vector
from workstation.domain.ids import Uid
from workstation.domain.rights import ROSTER, WRITES
from workstation.domain.roster import Device, Event, Rosters, Verify

Salts = Callable[[Iterable[tuple[int, Uid]]], Mapping[tuple[int, Uid], bytes]]
"""The salts of (replica, entity) pairs, as far as the log has them."""


_new: Final = tuple.__new__


class Trust(NamedTuple):
    """Whom a log believes: the rosters it has made of its ops, and how they change with further ops of the roster."""

    rosters: Rosters
    with_events: Callable[[Sequence[Event]], Rosters]
    verify: Verify


def admit(packed: bytes, vector: Vector, heads: Heads, salts: Salts, trust: Trust) -> list[Admitted]:
    """The ops of a frame that the receiver lacks, in their order, after every check.

    `vector` and `heads` say what the receiver has. Raises Gap, ChainBroken, Stranger, SaltMissing, or ProtocolError for
    what is no frame, too large, or of another version.
    """
    return _Admission(open_frame(packed), vector, heads, salts, trust).admitted()


class _Admission:
    def __init__(self, frame: Frame | Frame1, vector: Vector, heads: Heads, salts: Salts, trust: Trust) -> None:
        self._vector, self._heads, self._trust = vector, heads, trust
        self._seals = {(replica, seq): seal for replica, seq, seal in frame.seals}
        self._salts: dict[tuple[int, Uid], bytes] = {}
        self._fresh = self._unknown(frame)
        self._fetch_salts(frame, salts)
        self._runs: dict[int, list[Admitted]] = {}
        self._events: list[Event] = []

    def admitted(self) -> list[Admitted]:
        made = self._chained()
        # A device's own enrolment may come in this very frame; it counts by its own proof.
        rosters = self._trust.with_events(self._events) if self._events else self._trust.rosters
        for replica, run in self._runs.items():
            self._sealed(rosters, replica, run)
        self._no_other_history()
        return made

    def _unknown(self, frame: Frame | Frame1) -> list[tuple[Parsed, bytes]]:
        """The ops the receiver lacks, with their bytes, and the salts they bring; a gap among them is refused."""
        vector, salts = self._vector, self._salts
        reached: dict[int, int] = {}
        fresh = []
        for first, header, rest in frame.parts:
            parsed = parse_parts(first, header, rest)
            op = parsed.op
            replica, seq = op.replica, op.seq
            have = reached[replica] if replica in reached else vector.get(replica, 0)
            if seq <= have:
                continue
            if seq != have + 1:
                raise Gap(replica, have + 1, seq, vector)
            reached[replica] = seq
            if op.salt:
                salts[replica, op.entity] = op.salt
            fresh.append((parsed, joined(first, header, rest)))
        return fresh

    def _fetch_salts(self, frame: Frame | Frame1, salts: Salts) -> None:
        """The salts of all these ops: from the ops themselves, what the sender brought along, and the log."""
        brought = self._salts
        wanted = {(op.replica, op.entity) for (op, _, _), _ in self._fresh if not op.erased} - brought.keys()
        found = dict(salts(wanted)) if wanted else {}
        found |= {(replica, entity): salt for replica, entity, salt in frame.salts}
        self._salts = found | brought

    def _chained(self) -> list[Admitted]:
        salts, runs, made = self._salts, self._runs, list[Admitted]()
        heads, ends = dict(self._heads), dict[int, int]()
        for parsed, raw in self._fresh:
            op = parsed.op
            replica = op.replica
            salt = salts.get((replica, op.entity), b"")
            if not salt and not op.erased:
                raise SaltMissing(replica, op.entity)
            before = heads.get(replica, GENESIS)
            head = heads[replica] = next_head(before, parsed, salt)
            admitted = _new(Admitted, (op, raw, before, head, b"", salt))
            if replica in runs:
                runs[replica].append(admitted)
            else:
                runs[replica] = [admitted]
            ends[replica] = len(made)
            made.append(admitted)
            if op.kind in ROSTER:
                self._events.append(Event(op, signed_message(parsed, salt)))
        for replica, at in ends.items():  # the seal of each run at its end, and no other: one inside proves no more
            sealed = made[at]._replace(seal=self._seals.get(made[at].op.dot, b""))
            made[at] = runs[replica][-1] = sealed
        return made

    def _sealed(self, rosters: Rosters, replica: int, run: list[Admitted]) -> None:
        """The run's end is signed by the device of this replica, and what it wrote is a device's of its kind.

        A retired device is let in nowhere. What another took from it before it had heard of that is kept, and flagged:
        refused, it would keep an honest desk out of step for ever.
        """
        device, end = device_of(rosters, replica), run[-1]
        if device is None:
            raise Stranger(replica, "no device of this site was enrolled under this number")
        if not self._trust.verify(device.key, end.seal, sealing(replica, end.op.seq, end.head)):
            raise ChainBroken(replica, end.op.seq)
        for site, kind in {(op.site, op.kind) for op, *_ in run}:
            _at_home(device, site, kind)

    def _no_other_history(self) -> None:
        """A seal of an op we have already must be of our history: else there are two (promise S5)."""
        for (replica, seq), seal in self._seals.items():
            if replica not in self._runs and seq == self._vector.get(replica):
                device = device_of(self._trust.rosters, replica)
                if device and not self._trust.verify(device.key, seal, sealing(replica, seq, self._heads[replica])):
                    raise ChainBroken(replica, seq)


def events_of(roster: Iterable[tuple[bytes, bytes]]) -> list[Event]:
    """The roster's ops out of what a peer gave of its own, (op, salt) each. Raises ProtocolError."""
    events = []
    for raw, salt in roster:
        parsed = parse(raw)
        if parsed.op.kind in ROSTER:
            events.append(Event(parsed.op, signed_message(parsed, salt)))
    return events


def device_of(rosters: Rosters, replica: int) -> Device | None:
    """The device that writes a replica, of whichever site."""
    return next((device for roster in rosters.values() if (device := roster.by_replica.get(replica))), None)


def _at_home(device: Device, site: str, kind: str) -> None:
    if site != device.site:
        raise Stranger(device.replica, f"it belongs to the site {device.site!r}, and wrote for {site!r}")
    right = WRITES.get(kind)
    if right is not None and device.role not in right.devices:
        raise Stranger(device.replica, f"a {device.role} does not write {kind}")
