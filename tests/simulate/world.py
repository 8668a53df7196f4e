"""One seed's world: which machines, what goes wrong and when, what people do meanwhile, and how it must end."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final
from unittest import mock

from msgspec import Struct, field

from sync.opwire import unpack
from sync.protocol import PROTOCOL
from tests.simulate import checks, disasters, site
from tests.simulate.checks import Record
from tests.simulate.machines import KEY, SITE, Machine
from tests.simulate.people import Known, Person
from tests.simulate.power import Disk, PowerCut, powered
from tests.simulate.turns import DeskClock, Loop, Stalled, by_turns
from tests.simulate.wire import Mischief, Net, WireLink
from workstation.domain.kinds import OpInvalid
from workstation.domain.ops import Dot
from workstation.store import Store, reads
from workstation.store import store as store_module

HEAL_S: Final = 300.0
"""How long, in invented time, machines may take to come into step once nothing goes wrong any more."""
_HOUR_MS, _YEAR_MS = 3_600_000, 365 * 24 * 3_600_000
_MILD_MS: Final = (5_000, -5_000, 45_000)
_WRONG_MS: Final = (50_000, -50_000, 2 * _HOUR_MS, -2 * _HOUR_MS, _YEAR_MS, -_YEAR_MS)


class Outcome(Struct):
    """What one seed came to. `lost` and `divergent` count ops and records; `wrong` says everything that was."""

    seed: int
    acked: int = 0
    crashes: int = 0
    lost: int = 0
    divergent: int = 0
    wrong: list[str] = field(default_factory=list)
    forks: int = 0
    parted: int = 0
    """Desks that took another history of a copied disk than the hub has: made anew, or so to the end."""
    mischief: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.wrong


class World:
    """Made of a seed; `play` runs it to its end."""

    def __init__(self, seed: int, folder: Path, template: Path, loop: Loop) -> None:
        self.seed, self.rng, self.loop, self._template = seed, Random(seed), loop, template
        self.net = Net(loop, Random(seed + 1))
        self.known = Known()
        self.outcome = Outcome(seed)
        self.backups: dict[str, tuple[Path, dict[Dot, bytes]]] = {}
        self._folder = folder
        self.digests: list[str] = []
        self._ever: dict[tuple[bool, int], int] = {}
        self.disks: dict[Path, Disk] = {}
        rng = self.rng
        self.mild = rng.random() < 0.5
        """Whether all clocks are within the bound of each other."""
        self.central = rng.random() < 0.3
        names = [f"desk-{n}" for n in range(1, rng.choice((2, 2, 3, 3, 4, 5)) + 1)]
        self.machines = [self._machine("hub", hub=True, up="central" if self.central else "")]
        if self.central:
            self.machines.append(self._machine("central", hub=True, up=""))
        self.machines += [self._machine(name, hub=False, up="hub") for name in names]
        self.net.machines = {machine.name: machine for machine in self.machines}
        self.forked: set[int] = set()
        """Replicas that two machines wrote once."""
        self.it_comes = rng.random() < 0.5
        """Whether desks with another history than the hub are made anew before the end."""
        self.newer = rng.choice(names) if rng.random() < 0.3 else ""

    def _machine(self, name: str, *, hub: bool, up: str) -> Machine:
        machine = Machine(name, self._folder, self.loop, self.net, self.seed, hub=hub, up=up)
        machine.disk.path.write_bytes((self._template / f"{name}.db").read_bytes())
        if self.rng.random() < 0.25:
            machine.speaks = PROTOCOL - 1
        if self.rng.random() < 0.35:
            machine.clock = DeskClock(self.loop, self.rng.choice(_MILD_MS if self.mild else _WRONG_MS))
        return machine

    @property
    def desks(self) -> list[Machine]:
        return [machine for machine in self.machines if not machine.hub]

    @property
    def staying(self) -> list[Machine]:
        return [machine for machine in self.machines if not machine.gone]

    def parted(self) -> dict[str, set[int]]:
        """The machines that have another history of some replica than the hub, and of which."""
        hub = self.net.machines["hub"]
        found = {m.name: disasters.apart(m, hub) for m in self.staying} if self.forked else {}
        return {name: replicas for name, replicas in found.items() if replicas}

    # --- the run
    async def play(self) -> Outcome:
        """From the first power-on to the last check."""
        try:
            for machine in self.machines:
                machine.start()
            await asyncio.sleep(1)
            await self._trouble()
            await self._heal()
        finally:
            for machine in self.machines:
                machine.clear()
        self.outcome.crashes = sum(machine.crashes for machine in self.machines)
        self.outcome.mischief = dict(self.net.counts)
        return self.outcome

    async def _trouble(self) -> None:
        """People work while things go wrong; each seed has its own mixture of what does."""
        rng = self.rng
        rates = {name: rng.choice((0, 0, 3, 10)) for name in Mischief.__struct_fields__}
        self.net.mischief = Mischief(**rates)
        self.net.slow_s = rng.choice((0.01, 0.1, 1.0))
        kinds: list[tuple[int, Callable[[World], None]]] = [(60, work), (rng.choice((0, 8, 20)), disasters.partition)]
        kinds += [(rng.choice((0, *weights)), act) for weights, act in disasters.MIXTURE]
        weights, acts = [weight for weight, _ in kinds], [act for _, act in kinds]
        pace_s = rng.choice((0.5, 2.0, 5.0))
        for _ in range(rng.choice((30, 45, 60))):
            self._look()
            rng.choices(acts, weights)[0](self)
            disasters.part_twins(self)
            disasters.take_the_hubs_history(self)
            self._look()
            await asyncio.sleep(rng.expovariate(1 / pace_s))

    def _look(self) -> None:
        """No desk says of an op that it is on the server before the server has it on disk (S2)."""
        for machine in self.machines:
            for replica, seq in machine.disk.durable.items():
                self._ever[machine.hub, replica] = max(seq, self._ever.get((machine.hub, replica), 0))
        for desk in self.desks:
            if desk.serves and desk.store is not None:
                own = desk.store.replica
                said, had = desk.store.acked_vector().get(own, 0), self._ever.get((True, own), 0)
                if said > had:
                    self.outcome.wrong.append(f"{desk.name} says {said} of its ops are on the server, {had} are")

    async def _heal(self) -> None:
        """Nothing goes wrong any more: all must come into step, and then everything must be so."""
        self.net.mischief, self.net.slow_s = Mischief(), 0.01
        self.net.apart.clear()
        for machine in self.machines:
            machine.disk.cut_after(0)
        work(self, last=True)
        end = self.loop.time() + HEAL_S
        while self.loop.time() < end:
            for machine in self.staying:
                if machine.store is None:
                    machine.start()
            disasters.enrol_anew(self)
            disasters.part_twins(self)
            disasters.take_the_hubs_history(self)
            await asyncio.sleep(1)
            if self._in_step():
                break
        else:
            self._blocked()
        self._judge()

    def _in_step(self) -> bool:
        hub, parted = self.net.machines["hub"], self.parted()
        if not all(disasters.in_step_but(m, hub, parted.get(m.name, set())) for m in self.staying):
            return False
        # Two histories of one replica may be equally long: then all looks well until somebody is told.
        if any(machine.twin is not None and machine.name in parted for machine in self.staying):
            return False
        # Whoever has another history to the end says so; where IT comes, nobody has.
        told = [m.status is not None and bool(m.status.parted) for m in self.staying if m.name in parted]
        return all(told) and not (told and self.it_comes)

    def _blocked(self) -> None:
        for machine in self.staying:
            assert machine.store is not None
            said = machine.status.sentence.key if machine.status else ""
            self.outcome.wrong.append(
                f"{machine.name} is not in step: {machine.store.vector()}, unsent {machine.store.unsent()}, says {said}"
            )

    # --- the end
    def _judge(self) -> None:
        outcome = self.outcome
        outcome.wrong += self.net.lies
        expected: dict[Dot, bytes] = {}
        for machine in self.machines:
            if machine.twin is not None:  # no fork: one wrote on where the other had ended
                expected |= machine.contested
            outcome.wrong += machine.faults
            expected |= machine.written
        outcome.acked = len(expected)
        parted = self.parted()
        outcome.parted += len(parted)
        for machine in self.staying:
            had, out = machine.raws(), parted.get(machine.name, set())
            missing = [dot for dot, head in expected.items() if had.get(dot) != head and dot[0] not in out]
            missing += [dot for dot, head in machine.others.items() if had.get(dot) != head]
            outcome.lost += len(missing)
            outcome.wrong += [f"{machine.name} lacks {dot}" for dot in missing[:3]]
        records = {machine.name: Record(machine.store) for machine in self.staying if machine.store}
        for name in parted:
            record = records.pop(name)
            found = checks.chains_hold(record) + checks.void_stays_void(record, self.known)
            outcome.wrong += [f"{name}: {what}" for what in found]
        self._compare(records)
        for name, record in records.items():
            found = checks.void_stays_void(record, self.known) + checks.erased_is_gone(record)
            outcome.wrong += [f"{name}: {what}" for what in found]
        record = records[self.rng.choice(sorted(records))]
        for found in (
            checks.states_follow_from_ops(record, self.rng), checks.rivals_are_kept(record),
            checks.chains_hold(record), checks.closes_cascade(record),
            checks.delivery_is_causal(record, self.forked),
            checks.stamps_are_causal(record) if self.mild else [],
        ):  # fmt: skip
            outcome.wrong += found

    def _compare(self, records: dict[str, Record]) -> None:
        digests = {name: record.store.digest() for name, record in records.items()}
        faces = {name: record.faces() for name, record in records.items()}
        self.digests = [digest.hex() for digest in digests.values()]
        first = next(iter(records))
        for name in records:
            if digests[name] != digests[first]:
                self.outcome.divergent += 1
                self.outcome.wrong.append(f"{name} and {first} differ in state")
            elif faces[name] != faces[first]:
                self.outcome.divergent += 1
                table = next(t for t in faces[name] if faces[name][t] != faces[first][t])
                odd = set(faces[name][table]) ^ set(faces[first][table])
                self.outcome.wrong.append(f"{name} and {first} differ in their rows of {table}: {sorted(odd)[:2]}")


def work(world: World, *, last: bool = False) -> None:
    """Somebody does something at a desk that is on; `last`: what ends every shift here (`Person.one_fire`)."""
    desks = [machine for machine in world.desks if machine.serves]
    if not desks:
        return
    desk = world.rng.choice(desks)
    store = desk.store
    assert store is not None
    floor = newest_stamp(store)
    person = Person(world.rng, world.known, desk.name, newer=desk.name == world.newer)
    try:
        store.write(person.one_fire if last else person).result()
    except PowerCut:
        return
    except OpInvalid as error:
        world.outcome.wrong.append(f"{desk.name}: {error}")
        return
    for then in person.then:
        then()
    if person.dots:
        first, last = person.dots[0], person.dots[-1]
        sql = "select replica, seq, head from op where replica = ? and seq between ? and ?"
        rows = store.read(lambda db: db.execute(sql, [first[0], first[1], last[1]]).fetchall()).result()
        made = {(replica, seq): head for replica, seq, head in rows}
        world.known.void |= {dot: made[dot] for dot in person.void}
        if desk.twin is not None:
            desk.contested |= made
        else:
            desk.written |= made
        op = store.read(lambda db: reads.op(db, first)).result()
        if world.mild and op is not None and op.hlc <= floor:
            world.outcome.wrong.append(f"{desk.name}: {first} is stamped before what its author had seen")


def newest_stamp(store: Store) -> int:
    """The newest stamp of all ops had."""
    sql = "select raw from op where (replica, seq) in (select replica, max(seq) from op group by replica)"
    rows = store.read(lambda db: db.execute(sql).fetchall()).result()
    return max((unpack(raw).hlc for (raw,) in rows), default=0)


# --- running one
@contextmanager
def _no_collector() -> Iterator[None]:
    """What is left over ends where its last user drops it, not whenever the collector comes: that no seed decides."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


_proved: dict[tuple[bytes, bytes, bytes], bool] = {}


def _verify(real: Callable[[bytes, bytes, bytes], bool]) -> Callable[[bytes, bytes, bytes], bool]:
    """Whether a signature fits never changes; here each is looked at by seven machines, again and again."""

    def verify(*what: bytes) -> bool:
        if what not in _proved:
            if len(_proved) > 50_000:
                _proved.clear()
            _proved[what] = real(*what)
        return _proved[what]

    return verify


class Simulator:
    """Runs seeds, one after the other, in this process."""

    def __init__(self, folder: Path) -> None:
        self.lasted_s, self.digests = 0.0, list[str]()
        """How long the last world lasted, in its own time, and how each record was in the end."""
        self._folder = folder
        self._template = folder / "site"
        self._template.mkdir()
        with _quiet(), by_turns():
            site.found(self._template, KEY, SITE)

    def run(self, seed: int) -> Outcome:
        """One seed, from its first power-on to its checks; the same every time."""
        folder = self._folder / "seed"
        folder.mkdir()
        rng = Random(seed + 2)
        loop = Loop(rng)
        loop.set_exception_handler(lambda _loop, _context: None)
        disks: dict[Path, Disk] = {}
        verify = mock.patch.object(store_module, "verify", _verify(store_module.verify))
        try:
            with _no_collector(), _quiet(), by_turns(), powered(disks), verify:
                world = World(seed, folder, self._template, loop)
                world.disks = disks
                disks.update({machine.disk.path: machine.disk for machine in world.machines})
                WireLink.net = world.net
                with mock.patch("sync.replica.link.Link.meet", _meet):
                    outcome = self._played(world, loop)
                self.lasted_s, self.digests = loop.time(), world.digests
                return outcome
        finally:
            loop.close()
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            folder.rmdir()

    @staticmethod
    def _played(world: World, loop: Loop) -> Outcome:
        try:
            return loop.run_until_complete(world.play())
        except Stalled:
            world.outcome.wrong.append("nothing was left that could ever happen")
        except Exception as error:
            world.outcome.wrong.append(f"the run ended with {error!r}")
        finally:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            if pending:
                loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        return world.outcome


async def _meet(url: str, *, answer_s: float = 15.0) -> WireLink:
    return WireLink(url, answer_s)
