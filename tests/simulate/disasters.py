"""What befalls machines: cut wires, lost power, backups put back, disks copied, clocks put right, thieves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sync.admission import device_of
from sync.frame import sealing
from tests.simulate.machines import KEY, Machine
from tests.simulate.power import PowerCut
from tests.store import sites
from workstation.domain.kinds import OpInvalid
from workstation.domain.ops import Dot
from workstation.signing import Key
from workstation.store import Tx
from workstation.store.cipher import connect
from workstation.store.errors import StoreClosed

if TYPE_CHECKING:
    from tests.simulate.world import World


def partition(world: World) -> None:
    """Cut a wire between two machines, or mend all."""
    if world.net.apart and world.rng.random() < 0.4:
        world.net.apart.clear()
    else:
        pair = world.rng.sample(sorted(world.net.machines), 2)
        if world.rng.random() < 0.6 and "hub" not in pair:
            pair[0] = "hub"
        world.net.apart.add(frozenset(pair))


def power_cut(world: World) -> None:
    """A machine goes off now, or at some statement of what it writes next, and comes back later."""
    machine = world.rng.choice([m for m in world.staying if m.serves] or world.staying)
    if not machine.serves:
        return
    _comes_back(world, machine)
    how = world.rng.random()
    if how < 0.25:
        machine.disk.go_off()
    elif how < 0.6:
        machine.disk.cut_after(0, at_commit=True)
    else:
        machine.disk.cut_after(world.rng.randrange(1, 25))


def _comes_back(world: World, machine: Machine) -> None:
    def off() -> None:
        machine.when_on = lambda: None
        world.loop.call_later(world.rng.random() * 20, on)

    def on() -> None:
        if machine.store is None and not machine.gone:
            machine.start()

    machine.when_on = off


def visit(world: World) -> None:
    """A desk finds a neighbour on the LAN; of two that write one replica each may be found by others (S5)."""
    desks = [machine for machine in world.desks if machine.serves]
    if len(desks) > 1:
        guest, host = world.rng.sample(desks, 2)
        if guest.twin is host:  # nobody looks for a neighbour of its own number
            return
        guest.spawn(guest.visit(host, 3 + world.rng.random() * 30))


def clock(world: World) -> None:
    """A machine's clock is set while it is off."""
    machine = world.rng.choice(world.staying)
    if machine.serves:
        machine.stop()
        steps = (0, 0, 40_000, 5_000) if world.mild else (0, 0, 30_000, -30_000, 7_200_000, -7_200_000)
        machine.clock.set_skew(world.rng.choice(steps))
        machine.start()


def backup(world: World) -> None:
    """A copy is made of a machine's record."""
    machine = world.rng.choice(world.staying)
    if _whole(machine):
        folder = world._folder / f"backup-{machine.name}"
        held = machine.raws()
        machine.disk.save(folder)
        world.backups[machine.name] = (folder, held)


def _twins(world: World) -> bool:
    return any(machine.twin is not None for machine in world.machines)


def restore(world: World) -> None:
    """A machine's disk is lost, and the copy is put in its place: a record that went back (S5).

    Not a hub's while a desk holds another history than it: which of the two it would have then is anybody's guess.
    """
    if _twins(world):
        return
    names = [name for name in sorted(world.backups) if _whole(world.net.machines[name])]
    if not names:
        return
    machine = world.net.machines[world.rng.choice(names)]
    if machine.hub and world.parted():
        return
    folder, held = world.backups.pop(machine.name)
    if not _may_lose(world, machine, held):
        return
    machine.stop()
    machine.disk.load(folder)
    as_another(machine)
    enrol_anew(world)


def _whole(machine: Machine) -> bool:
    """Whether it is on, itself, and nobody's twin."""
    return machine.serves and machine.twin is None


def wipe(world: World) -> None:
    """A machine's disk is lost, and there is no copy."""
    machine = world.rng.choice(world.staying)
    if _twins(world) or not _whole(machine) or (machine.hub and world.parted()):
        return
    if not _may_lose(world, machine, {}):
        return
    machine.stop()
    machine.disk.wipe()
    as_another(machine)
    enrol_anew(world)


def _may_lose(world: World, machine: Machine, held: dict[Dot, bytes]) -> bool:
    """Whether everything others rely on is somewhere else, too; ops that were here alone are given up."""
    others = set(held.items())
    for other in world.staying:
        if other is machine:
            continue
        if other.store is None:
            return False
        others |= other.raws().items()
    alone = machine.raws().items() - others
    written = set().union(*(m.written.items() for m in world.machines))
    if any(op in written and op not in machine.written.items() for op in alone):
        return False
    if any(op not in written for op in alone):  # of the roster: not ours to lose
        return False
    for dot, _ in alone:
        machine.written.pop(dot, None)
    return True


def as_another(machine: Machine) -> None:
    """What a restore does before the first write: a new replica and epoch, old ops signed by the old device (S5)."""
    fresh = machine.ids.replica()
    machine.others.clear()
    if machine.disk.path.exists():
        db = connect(machine.disk.path, KEY)
        kept = dict(db.execute("select k, v from meta where k in ('replica', 'device')").fetchall())
        sql = "select seq, head from op where replica = ? order by seq desc limit 1"
        row = db.execute(sql, [kept["replica"]]).fetchone()
        if row is not None:
            seal = Key(kept["device"]).sign(sealing(kept["replica"], *row))
            db.execute("update op set seal = ? where replica = ? and seq = ?", [seal, kept["replica"], row[0]])
        db.execute("delete from meta where k = 'epoch'")
        db.close()
    machine.start(fresh)
    assert machine.store is not None
    sites.found(machine.store)
    machine.anew = True


def enrol_anew(world: World) -> None:
    """Devices that were made anew are invited and enrolled, by whichever hub is there; tried again until it is done."""
    for machine in world.staying:
        if not machine.anew or machine.store is None:
            continue
        by = machine if machine.hub else world.net.machines["hub"]
        if by.store is None or by.disk.off:
            continue
        try:
            name = f"{machine.name} {machine.store.replica}"
            sites.enrol_device(by.store, machine.store, name, "hub" if machine.hub else "desk")
            machine.anew = False
        except (PowerCut, StoreClosed):
            continue


def retire(world: World) -> None:
    """A desk leaves the site: the lead retires it at another one, up to the op that it wrote last."""
    desks = [machine for machine in world.desks if _whole(machine) and not machine.anew]
    if len(desks) < 3 or any(machine.gone for machine in world.machines):
        return
    leaving, leads = world.rng.sample(desks, 2)
    assert leaving.store is not None and leads.store is not None
    replica = leaving.store.replica
    upto, device = leaving.store.vector().get(replica, 0), device_of(leads.store.trust().rosters, replica)
    if device is None:
        return
    for machine in world.machines:
        for dot, head in list(machine.written.items()):
            if dot[0] == replica and not _had_elsewhere(world, leaving, dot, head):
                del machine.written[dot]
    leaving.gone = True
    leaving.clear()
    entity = device.entity

    def act(tx: Tx) -> Dot:
        body = {"replica": replica, "upto": upto, "at": tx.now(), "reason": "dicuri"}
        return tx.append("device.retired", entity, body, sites.uid_of("rosa"), signer=sites.key_of("rosa"))

    try:
        dot = leads.store.write(act).result().value
        leads.written[dot] = leads.raws()[dot]
    except (PowerCut, OpInvalid):  # OpInvalid: that desk's clock is behind the lead's own enrolment
        return


def _had_elsewhere(world: World, machine: Machine, dot: Dot, head: bytes) -> bool:
    others = (other for other in world.staying if other is not machine and other.store is not None)
    return any(other.raws().get(dot) == head for other in others)


def clone(world: World) -> None:
    """A desk's disk is copied into a second PC: two machines that write one replica (S5)."""
    desks = [machine for machine in world.desks if machine.serves and not machine.anew]
    if not desks or _twins(world):
        return
    machine = world.rng.choice(desks)
    assert machine.store is not None
    world.forked.add(machine.store.replica)
    folder = world._folder / "clone"
    machine.disk.save(folder)
    copy = Machine(f"copy-{len(world.machines)}", world._folder, world.loop, world.net, world.seed, hub=False, up="hub")
    copy.disk.load(folder)
    copy.twin, machine.twin = machine, copy
    world.backups.pop(machine.name, None)  # whoever of the two is made anew has no older one to go back to
    world.machines.append(copy)
    world.net.machines[copy.name] = copy
    world.disks[copy.disk.path] = copy.disk
    copy.start()
    if world.rng.random() < 0.6:  # nothing parts them at once, and others hear of the one that the hub does not
        world.net.apart.add(frozenset((copy.name, "hub")))
        for _ in range(3):
            world.loop.call_later(world.rng.random() * 60, _heard_of, world, copy)


def _heard_of(world: World, copy: Machine) -> None:
    """A desk finds the copy on the LAN."""
    desks = [machine for machine in world.desks if machine.serves and machine not in (copy, copy.twin)]
    if desks and copy.serves:
        guest = world.rng.choice(desks)
        guest.spawn(guest.visit(copy, 3 + world.rng.random() * 30))


def part_twins(world: World) -> None:
    """Who is told that the hub knows another history of this desk is made anew; the other one goes on as it was."""
    for machine in world.staying:
        other = machine.twin
        if other is None or machine.store is None or not other.serves or machine.status is None:
            continue
        told = machine.status.sentence.key in ("hub.other_history", "hub.strange")
        if told and world.rng.random() < 0.3 and apart(machine, world.net.machines["hub"]):
            for holder in world.staying:
                if holder is not machine and holder.store is not None:
                    had = holder.raws()
                    holder.others |= {dot: head for dot, head in machine.contested.items() if had.get(dot) == head}
            machine.stop()
            machine.disk.wipe()
            as_another(machine)
            enrol_anew(world)
            _united(machine, other)
            world.outcome.forks += 1


def take_the_hubs_history(world: World) -> None:
    """A desk that says it has another history than the hub is made anew by IT, once all else of it is on the hub."""
    hub = world.net.machines["hub"]
    for machine in world.desks:
        if not _whole(machine) or machine.status is None or not machine.status.parted or not world.it_comes:
            continue
        out = apart(machine, hub)
        if out and in_step_but(machine, hub, out) and world.rng.random() < 0.1:
            machine.stop()
            machine.disk.wipe()
            as_another(machine)
            enrol_anew(world)
            world.outcome.parted += 1


def in_step_but(machine: Machine, hub: Machine, out: set[int]) -> bool:
    """Whether the hub has all that this machine has and the other way round, these replicas left out."""
    if machine.store is None or hub.store is None or (not machine.hub and machine.store.unsent() != (0, None)):
        return False
    one, other = machine.store.vector(), hub.store.vector()
    return all(one.get(replica) == other.get(replica) for replica in (one.keys() | other.keys()) - out)


def apart(machine: Machine, hub: Machine) -> set[int]:
    """What IT finds when it looks: of which replicas the two have other histories, if nothing on the way lied."""
    if hub.store is None or hub.disk.off or machine.store is None:
        return set()
    known = hub.raws()
    return {dot[0] for dot, head in machine.raws().items() if known.get(dot, head) != head}


def _united(machine: Machine, other: Machine) -> None:
    """The two are two from now on: what the other wrote meanwhile is the replica's history."""
    machine.contested.clear()
    other.written |= other.contested
    other.contested.clear()
    machine.twin = other.twin = None


MIXTURE: Final[list[tuple[tuple[int, ...], Callable[[World], None]]]] = [
    ((4, 10), power_cut), ((4, 10), visit), ((1, 3), clock), ((2, 6), backup), ((2, 6), restore), ((1,), wipe),
    ((0, 1, 2), retire), ((0, 2, 4), clone),
]  # fmt: skip
"""How often each happens, in a seed that has it at all."""
