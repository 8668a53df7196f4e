"""A copied disk writes one replica twice, a neighbour passes the other history on: all else goes on (promise S5)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from sync.frame import sealing
from sync.protocol import PARTED_AS, Ack
from sync.replica.link import Link
from sync.replica.peer import Peer
from sync.serve import Limits
from tests.simulate.wire import altered
from tests.store.sites import enrol_device
from tests.sync.desks import KEY, Desk
from tests.sync.hubs import HubThread
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.signing import Key
from workstation.store import Store, reads
from workstation.store.cipher import connect
from workstation.words import said

pytestmark = pytest.mark.promise("S5")
PARTED = "has another history of replica"


class Site:
    """A hub, a desk whose disk is copied, its copy, and a desk that has the copy's history from a neighbour."""

    def __init__(self, folder: Path, log: Store, hub: HubThread, stack: ExitStack) -> None:
        self.log, self.hub = log, hub
        self.copied = stack.enter_context(Desk(folder, "AMB-1"))
        self.other = stack.enter_context(Desk(folder, "AMB-2"))
        self.late = stack.enter_context(Desk(folder, "AMB-3"))
        self.incident = self.copied.open_incident("AMB-1-0001")
        for desk in (self.copied, self.other, self.late):
            desk.connect(hub.url)
        wait_until(lambda: all(desk.store.vector() == log.vector() for desk in self.desks), 20, what="all in step")
        for desk in self.desks:
            desk.disconnect()
        (folder / "copy").mkdir()
        self.copied.store.close()
        shutil.copy(self.copied.path, folder / "copy" / "AMB-1.db")
        self.copied.store = Store.open(self.copied.path, KEY, clock=SystemClock(), ids=SystemIds(), site="AMB")
        self.copy = stack.enter_context(Desk(folder / "copy", "AMB-1"))
        self.replica = self.copy.store.replica
        self.shared = self.copy.store.vector()[self.replica]

    @property
    def desks(self) -> list[Desk]:
        return [self.copied, self.other, self.late]

    def by_lan(self, giver: Desk, taker: Desk) -> None:
        """What `giver` has comes to `taker` without the hub."""
        with HubThread(giver.store, Limits(heartbeat_s=0.3)) as lan:
            taker.connect(lan.url, joining=False)
            wait_until(lambda: _holds(taker.store, giver.store.vector()), what="what the neighbour has")
            taker.disconnect()

    def apart(self, copied: int, copy: int) -> None:
        """Both write on, the hub hears of the one, and `other` of the copy's."""
        self.copied.notes(self.incident, copied)
        self.copy.notes(self.incident, copy)
        self.by_lan(self.copy, self.other)
        self.copied.connect(self.hub.url)
        wait_until(lambda: _holds(self.log, self.copied.store.vector()), what="the one history at the hub")


def _holds(store: Store, vector: dict[int, int]) -> bool:
    return all(store.vector().get(replica, 0) >= seq for replica, seq in vector.items())


def _chain(store: Store, replica: int) -> dict[int, bytes]:
    return store.heads_at({replica: range(1, 1000)})[replica]


def _numbers(store: Store) -> set[str]:
    sql = "select number from incident"
    return {row[0] for row in store.read(lambda db: db.execute(sql).fetchall()).result()}


@pytest.fixture
def site(tmp_path: Path, log: Store) -> Iterator[Site]:
    with HubThread(log, Limits(heartbeat_s=0.3)) as hub, ExitStack() as stack:
        yield Site(tmp_path, log, hub, stack)


@pytest.mark.expected_log(PARTED)
@pytest.mark.parametrize(
    ("copied", "copy"),
    [pytest.param(3, 9, marks=pytest.mark.expected_log("a push was refused")), (9, 3), (5, 5)],
    ids=["ours-longer", "theirs-longer", "equal"],
)
def test_with_another_history_from_a_neighbour_all_else_is_exchanged(site: Site, copied: int, copy: int) -> None:
    site.apart(copied, copy)
    ours, theirs = _chain(site.other.store, site.replica), _chain(site.log, site.replica)
    number = site.other.open_incident("AMB-2-0001")
    site.other.statuses.clear()
    site.other.connect(site.hub.url)
    status = site.other.told(state="up", unsent=0, parted=("Meja 1",))
    assert "dua riwayat Meja 1" in said(status.sentence, "id")
    site.late.connect(site.hub.url)
    site.late.open_incident("AMB-3-0001")
    wait_until(lambda: "AMB-3-0001" in _numbers(site.other.store), what="what another desk wrote")
    site.other.note(number, "masih jalan")
    wait_until(lambda: site.other.store.unsent() == (0, None), what="what this desk writes on")
    assert {"AMB-2-0001", "AMB-3-0001"} <= _numbers(site.log)
    assert site.copied.open_incident("AMB-1-0777")
    wait_until(lambda: "AMB-1-0777" in _numbers(site.late.store), what="what the copied desk writes on")
    # Both histories are kept, each where it came first, and nothing of one is among the other.
    assert _chain(site.other.store, site.replica) == ours
    assert _chain(site.log, site.replica).items() >= theirs.items()
    assert ours != theirs and {s for s in ours if theirs.get(s) == ours[s]} == set(range(1, site.shared + 1))
    for store in (site.other.store, site.log):
        assert store.read(reads.broken_chains).result() == {}


@pytest.mark.expected_log(PARTED, "a push was refused")
def test_a_desk_that_starts_anew_finds_the_other_history_again_and_says_so(site: Site) -> None:
    site.apart(3, 9)
    kept = {str(site.replica): site.shared}
    for _ in range(2):
        site.other.statuses.clear()
        site.other.connect(site.hub.url)
        site.other.told(state="up", unsent=0, parted=("Meja 1",))
        wait_until(lambda: json.loads(site.other.store.kept(PARTED_AS) or b"{}") == kept, what="what recover asks for")
        site.other.disconnect()


def test_what_is_parted_is_neither_lacking_nor_ahead_nor_counted_as_sent_until_the_peer_goes_back() -> None:
    peer = Peer(vector={1: 9, 2: 5}, authored=[2, 1], parted={1: 4})
    assert (peer.lacks({1: 30, 2: 5}), peer.ahead({1: 3, 2: 5}), peer.left_out) == (0, False, {1})
    assert peer.of_ours({1: 9, 2: 5}) == {1: 4, 2: 5} and peer.told_of({1: 9, 2: 5}) == 9
    peer.learn({1: 5, 2: 5})
    assert peer.parted == {1: 4}
    peer.learn({1: 4, 2: 5})
    assert peer.parted == {} and peer.lacks({1: 30, 2: 5}) == 26


@pytest.mark.expected_log("a push was refused", "session ended")
def test_ops_altered_on_the_way_are_no_other_history(site: Site, log: Store) -> None:
    site.copied.notes(site.incident, 3)
    site.by_lan(site.copied, site.other)
    good, rng = Link.push, Random(5)

    async def changed(link: Link, frame: bytes) -> Ack:
        monkey.setattr(Link, "push", good)
        assert altered(frame, rng) != frame
        return await good(link, altered(frame, rng))

    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(Link, "push", changed)
        site.other.statuses.clear()
        site.other.connect(site.hub.url)
        wait_until(lambda: _holds(log, site.other.store.vector()), what="what was altered, once more")
        assert not any(status.parted for status in site.other.statuses)
        site.other.disconnect()


@pytest.mark.expected_log(PARTED)
def test_what_the_copy_wrote_before_it_was_made_anew_is_never_counted_as_sent_by_the_other_pcs_ops(site: Site) -> None:
    site.copied.notes(site.incident, 5)
    site.copy.notes(site.incident, 3)
    site.copied.connect(site.hub.url)
    wait_until(lambda: _holds(site.log, site.copied.store.vector()), what="the one history at the hub")
    site.copied.disconnect()
    site.copy.store.close()
    db = connect(site.copy.path, KEY)
    (device,) = db.execute("select v from meta where k = 'device'").fetchone()
    seq, head = db.execute("select seq, head from op where replica = ? order by seq desc", [site.replica]).fetchone()
    seal = Key(device).sign(sealing(site.replica, seq, head))
    db.execute("update op set seal = ? where replica = ? and seq = ?", [seal, site.replica, seq])
    db.execute("insert or replace into meta values ('former', ?)", [json.dumps([site.replica])])
    db.close()
    site.copy.store = Store.open(site.copy.path, KEY, replica=4242, clock=SystemClock(), ids=SystemIds(), site="AMB")
    enrol_device(site.log, site.copy.store, "Meja 9")
    site.copy.open_incident("AMB-9-0001")
    site.copy.connect(site.hub.url, joining=False)
    site.copy.told(state="up", unsent=3, parted=("Meja 1",))
    assert "AMB-9-0001" in _numbers(site.log) and site.copy.store.unsent()[0] == 3
