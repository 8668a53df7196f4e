"""The courier: desks and hub that no wire joins are brought into step by files on a stick (promise S8)."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.courier.bundle import Damaged, NotCarried
from sync.courier.giving import Order, give
from sync.courier.giving import sentence_of as given_words
from sync.courier.taking import sentence_of as taken_words
from sync.courier.taking import take
from sync.log import CARRIED_AS
from tests.store.sites import BY_SITE, SITE_KEY
from tests.sync.carried import CLOCK, IDS, apart, bring, carry, enrol
from tests.sync.desks import KEY, Desk, until_in_step
from tests.sync.hubs import HubThread
from tests.waiting import wait_until
from workstation.domain.roster import NO_LIMIT
from workstation.store import Store

pytestmark = pytest.mark.promise("S8")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Store, Desk, Desk]]:
    """A hub and two desks that know all about each other, by two bundles of the hub's."""
    with apart(tmp_path) as (hub, [one, two]):
        for desk in (one, two):
            assert bring(hub, desk.store, tmp_path / f"first-{desk.name}.kurir").fresh > 0
        yield hub, one, two


def key_of(error: pytest.ExceptionInfo[NotCarried]) -> str:
    return error.value.sentence.key.removeprefix("courier.")


def test_two_desks_without_a_wire_converge_by_two_bundles_in_any_order_and_twice(
    site: tuple[Store, Desk, Desk], stick: Path
) -> None:
    _, one, two = site
    incident = one.open_incident("AMB-1-0001")
    one.edit(incident, landmark="dekat masjid")
    other = two.open_incident("AMB-2-0001")
    there = carry(one.store, stick / "there.kurir", "Meja 2")
    back = carry(two.store, stick / "back.kurir", "meja 1")
    assert there.readers == ("Meja 2",)
    assert take(two.store, there.path).fresh > 0
    assert take(one.store, back.path).fresh > 0
    digest = one.store.digest()
    assert two.store.digest() == digest and one.store.vector() == two.store.vector()
    for _ in range(2):
        assert take(two.store, there.path).fresh == 0 and take(one.store, back.path).fresh == 0
    assert one.store.digest() == two.store.digest() == digest
    # Each now knows what the other had when it wrote: the next bundle begins there.
    two.edit(incident, landmark="belakang masjid")
    one.note(other, "asap tebal")
    assert carry(two.store, stick / "new.kurir", "Meja 1").ops == 2
    assert take(one.store, stick / "new.kurir").fresh == 1
    more = carry(one.store, stick / "more.kurir", "Meja 2")
    assert more.ops == 1 and take(two.store, more.path).fresh == 1
    assert one.store.digest() == two.store.digest() != digest


def test_what_comes_by_hand_and_by_wire_is_had_once(site: tuple[Store, Desk, Desk], stick: Path) -> None:
    hub, one, two = site
    incident = one.open_incident("AMB-1-0001")
    carried = carry(one.store, stick, everything=True)
    assert set(carried.readers) == {"Hub", "Meja 2"}
    assert take(two.store, carried.path).fresh == 1
    two.note(incident, "lewat kurir")
    back = carry(two.store, stick / "back.kurir")
    with HubThread(hub) as served:
        for desk in (one, two):
            desk.connect(served.url, joining=False)
        until_in_step([one, two])
        vector, digest = hub.vector(), hub.digest()
        # By hand once more, while the wire is there: nothing comes twice.
        assert take(hub, carried.path).fresh == take(hub, back.path).fresh == take(one.store, back.path).fresh == 0
        one.edit(incident, landmark="lewat kabel")
        until_in_step([one, two])
    assert hub.vector() == vector | {one.store.replica: vector[one.store.replica] + 1} and hub.digest() != digest
    assert one.store.digest() == two.store.digest() == hub.digest()


def test_what_is_carried_is_unsent_until_the_hub_has_acknowledged_it(
    site: tuple[Store, Desk, Desk], stick: Path
) -> None:
    hub, one, _ = site
    one.open_incident("AMB-1-0001")
    unsent = one.store.unsent()
    carried = carry(one.store, stick, "Hub")
    assert one.store.unsent() == unsent and unsent[0] > 0
    assert one.store.kept(CARRIED_AS) is not None
    take(hub, carried.path)
    assert one.store.unsent() == unsent, "the hub has it, and has not said so yet"
    # The hub's answer comes by hand as well: what it says it holds is its acknowledgement.
    bring(hub, one.store, stick / "answer.kurir", "Meja 1")
    assert one.store.unsent() == (0, None)


def test_a_gap_is_refused_and_says_what_is_missing(site: tuple[Store, Desk, Desk], stick: Path) -> None:
    _, one, two = site
    incident = one.open_incident("AMB-1-0001")
    first = carry(one.store, stick / "1.kurir", "Meja 2")
    take(two.store, first.path)
    bring(two.store, one.store, stick / "back.kurir", "Meja 1")
    one.note(incident, "a")
    # Meja 2's disk is lost; a bundle made for what it had is of no use to what it has now.
    later = carry(one.store, stick / "2.kurir", "Meja 2")
    assert later.ops == 1
    one.note(incident, "b")
    before = one.store.vector()[one.store.replica]
    with Desk(stick, "desk-2") as empty:
        copy_identity(two, empty)
        with pytest.raises(NotCarried) as refused:
            take(empty.store, later.path)
        assert key_of(refused) == "gap" and f"Meja 1 1-{before - 2}" in str(refused.value)
        assert empty.store.vector() == {}
        # The remedy the sentence names.
        assert take(empty.store, carry(one.store, stick / "3.kurir", "Meja 2", everything=True).path).fresh > 0
        assert empty.store.digest() == one.store.digest()


def copy_identity(source: Desk, target: Desk) -> None:
    """Make an empty record that of the same device: as one that was lost, and whose key was not."""
    seed = source.store.read(lambda db: db.execute("select v from meta where k = 'device'").fetchone()[0]).result(10)
    number = source.store.replica
    target.store.write(lambda tx: tx.set_meta("device", seed)).result(10)
    target.store.write(lambda tx: tx.set_meta("replica", number)).result(10)
    target.store.close()
    target.store = Store.open(target.path, KEY, clock=CLOCK, ids=IDS, site="AMB")
    target.store.believe("AMB", SITE_KEY.public)


def test_who_it_is_not_for_reads_nothing_of_it(site: tuple[Store, Desk, Desk], stick: Path, tmp_path: Path) -> None:
    hub, one, two = site
    words = [f"rahasia-{n}-{'x' * 40}" for n in range(40)]
    incident = one.open_incident("AMB-1-0001")
    for word in words:
        one.note(incident, word)
    file = carry(one.store, stick, "Hub").path
    data = file.read_bytes()
    assert b"rahasia" not in data and b"AMB-1-0001" not in data and b"Meja" not in data and b"x" * 12 not in data
    raws = [stored.raw for stored in one.store.page({}, 1000)]
    assert raws and not any(raw in data for raw in raws)
    with pytest.raises(NotCarried) as refused:
        take(two.store, file)
    assert key_of(refused) == "not_for_us" and "Hub" in str(refused.value)
    with Desk(tmp_path, "desk-9") as stranger:
        with pytest.raises(NotCarried) as refused:
            take(stranger.store, file)
        assert key_of(refused) == "no_site"
    # Even under the reader's own number, without its key.
    with Desk(stick, "desk-3") as thief:
        thief.store.write(lambda tx: tx.set_meta("replica", hub.replica)).result(10)
        thief.store.close()
        thief.store = Store.open(thief.path, KEY, clock=CLOCK, ids=IDS, site="AMB")
        thief.store.believe("AMB", SITE_KEY.public)
        with pytest.raises(Damaged):
            take(thief.store, file)
    assert take(hub, file).fresh == 41


def test_a_bundle_changed_anywhere_or_cut_is_refused_whole(site: tuple[Store, Desk, Desk], stick: Path) -> None:
    hub, one, _ = site
    incident = one.open_incident("AMB-1-0001")
    one.note(incident, "asap tebal")
    file = carry(one.store, stick, "Hub").path
    good = file.read_bytes()
    vector, digest = hub.vector(), hub.digest()
    said = set()
    for place in [*range(0, len(good), 10), len(good) - 1]:
        changed = bytearray(good)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        with pytest.raises(NotCarried) as refused:
            take(hub, file)
        said.add(key_of(refused))
    for length in range(0, len(good), 10):
        file.write_bytes(good[:length])
        with pytest.raises(Damaged):
            take(hub, file)
    file.write_bytes(good + b"\0")
    with pytest.raises(Damaged, match="added behind"):
        take(hub, file)
    assert hub.vector() == vector and hub.digest() == digest
    assert said <= {"damaged", "no_bundle", "other_site", "not_for_us"} and "damaged" in said
    file.write_bytes(good)
    assert take(hub, file).fresh > 0


def test_a_stick_pulled_out_while_it_is_taken_in_leaves_what_came_and_goes_on_later(
    site: tuple[Store, Desk, Desk], stick: Path
) -> None:
    hub, one, _ = site
    one.notes(one.open_incident("AMB-1-0001"), 4000)
    file = carry(one.store, stick, "Hub").path
    good = file.read_bytes()
    came: list[int] = []

    def pulled(step: str, percent: int) -> None:
        if step == "courier_take" and not came and hub.vector().get(one.store.replica, 0) > 1:
            came.append(hub.vector()[one.store.replica])
            os.truncate(file, 0)

    with pytest.raises(NotCarried) as refused:
        take(hub, file, pulled)
    assert key_of(refused) == "interrupted" and came and 1 < hub.vector()[one.store.replica] < 4001
    file.write_bytes(good)
    missing = 4001 - hub.vector()[one.store.replica]
    assert take(hub, file).fresh == missing
    assert hub.digest() == one.store.digest() and hub.vector()[one.store.replica] == 4001


def test_nobody_but_a_device_of_the_site_makes_one(site: tuple[Store, Desk, Desk], stick: Path, tmp_path: Path) -> None:
    hub, _, two = site
    with Desk(tmp_path, "desk-7") as outsider:
        outsider.store.believe("AMB", SITE_KEY.public)
        with pytest.raises(NotCarried) as refused:
            carry(outsider.store, stick, "Hub")
        assert key_of(refused) in ("alone", "nobody")
        # It enrols later, and the hub has never heard of it but by the bundle's own roster.
        enrol(hub, outsider)
        bring(hub, outsider.store, stick / "hello.kurir", "Meja 7")
        outsider.open_incident("AMB-7-0001")
        assert bring(outsider.store, two.store, stick / "new.kurir", "Meja 2").maker == "Meja 7"
        # Retired, it carries no more.
        device = hub.trust().rosters["AMB"].by_replica[outsider.store.replica]
        assert device.upto == NO_LIMIT
        body = {"replica": device.replica, "upto": outsider.store.vector()[device.replica], "at": CLOCK.now_ms(),
                "reason": "hilang"}  # fmt: skip
        hub.append("device.retired", device.entity, body, signer=BY_SITE.signer).result(10)
        outsider.open_incident("AMB-7-0002")
        late = carry(outsider.store, stick / "late.kurir", "Hub")
        vector = hub.vector()
        with pytest.raises(NotCarried) as refused:
            take(hub, late.path)
        assert key_of(refused) == "retired" and hub.vector() == vector


def test_each_trouble_with_the_stick_is_a_sentence(
    site: tuple[Store, Desk, Desk], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, one, two = site
    one.open_incident("AMB-1-0001")
    for place, to, key in (
        (stick / "gone" / "x.kurir", "Hub", "no_stick"),
        (stick, "Meja 99", "nobody"),
    ):
        with pytest.raises(NotCarried) as refused:
            carry(one.store, place, to)
        assert key_of(refused) == key
    made = carry(one.store, stick, "Meja 2")
    with pytest.raises(NotCarried) as refused:
        carry(one.store, made.path, "Meja 2")
    assert key_of(refused) == "there"
    take(two.store, made.path)
    receipt = carry(two.store, stick / "back.kurir", "Meja 1")
    assert receipt.ops == 0 and given_words(receipt).key == "courier.receipt"
    taken = take(one.store, receipt.path)
    assert taken.fresh == 0 and taken_words(taken).key == "courier.nothing_new"
    for path, key in ((stick, "a_folder"), (stick / "gone.kurir", "not_read")):
        with pytest.raises(NotCarried) as refused:
            take(two.store, path)
        assert key_of(refused) == key
    usage = shutil.disk_usage(stick)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1 << 19))
    with pytest.raises(NotCarried) as refused:
        carry(one.store, stick / "more.kurir", "Hub")
    assert key_of(refused) == "no_room"
    assert not list(stick.glob(".*")) and not (stick / "more.kurir").exists()


def test_a_stick_that_fills_up_in_the_middle_keeps_nothing(site: tuple[Store, Desk, Desk], stick: Path) -> None:
    """The look beforehand is a guess, the disk has the last word. A bound on files' sizes stands for a full one."""
    _, one, _ = site
    incident = one.open_incident("AMB-1-0001")
    for n in range(30):
        one.note(incident, os.urandom(4000).hex() + str(n))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    seen = []

    def bounded(step: str, percent: int) -> None:
        seen.append((step, percent))

    try:
        writing = one.store.page({}, 1)  # whatever the record itself has to write is written
        assert writing
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
        with pytest.raises(NotCarried) as refused:
            give(one.store, Order(stick, ("Hub",)), CLOCK.now_ms(), IDS.secret, bounded)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert key_of(refused) == "full"
    assert list(stick.iterdir()) == []
    assert carry(one.store, stick, "Hub").path.exists()


EXPORTER = """
import sys, threading
from pathlib import Path
from sync.courier.giving import Order, give
from tests.sync.carried import CLOCK, IDS
from tests.sync.desks import KEY
from workstation.store import Store

store = Store.open(Path(sys.argv[1]), KEY, clock=CLOCK, ids=IDS, site="AMB")
stop = int(sys.argv[3])
def heard(step, percent):
    if percent >= stop:
        print(percent, flush=True)
        threading.Event().wait()
give(store, Order(Path(sys.argv[2]), ("Hub",)), CLOCK.now_ms(), IDS.secret, heard)
"""


def test_a_killed_export_leaves_no_half_file(tmp_path: Path, stick: Path) -> None:
    with apart(tmp_path) as (hub, [one, _]):
        bring(hub, one.store, tmp_path / "first.kurir", "Meja 1")
        incident = one.open_incident("AMB-1-0001")
        one.notes(incident, 4000)
        one.store.close()
        for stop in (1, 50, 99):
            child = subprocess.Popen(
                [sys.executable, "-c", EXPORTER, str(one.path), str(stick), str(stop)],
                stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert child.stdout is not None
            with child, child.stdout:
                assert child.stdout.readline()
                os.kill(child.pid, signal.SIGKILL)
            assert list(stick.glob("*.kurir")) == [], "nothing that looks like a bundle"
            left = list(stick.iterdir())
            assert len(left) == 1
            with pytest.raises(NotCarried):
                take(hub, left[0])
        one.store = Store.open(one.path, KEY, clock=CLOCK, ids=IDS, site="AMB")
        made = carry(one.store, stick, "Hub")
        assert list(stick.iterdir()) == [made.path], "what was left is gone"
        assert take(hub, made.path).fresh == 4001
        wait_until(lambda: hub.digest() == one.store.digest(), what="the hub has it all")


def test_the_name_of_a_file_says_nothing_but_site_device_and_time(site: tuple[Store, Desk, Desk], stick: Path) -> None:
    _, one, _ = site
    one.open_incident("AMB-1-0001")
    made = carry(one.store, stick, "Hub")
    assert re.fullmatch(rf"tahuri-AMB-{one.store.replica}-\d{{8}}-\d{{6}}\.kurir", made.path.name)
