"""What a log says about attachments, on either database: what is named, for whom, and what goes when it is erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.attachments.sealed import sealed_size
from sync.attachments.shelf import Shelf
from tests.store.desks import admitted, desk, desks
from tests.store.sites import enrol_person, found
from tests.store.test_erasure import erase
from tests.sync.attached import attach, named, some_bytes
from tests.sync.logs.places import HubLog, Place
from tests.waiting import wait_until
from workstation.store import Store


def take(log: HubLog, source: Store) -> None:
    log.merge(admitted(log, source.page(log.vector(), 1_000))).result(20)


@pytest.mark.promise("S12", "S7")
def test_a_digest_is_named_by_its_op_and_only_for_who_may_see_that(tmp_path: Path, place: Place) -> None:
    with desks(tmp_path, 2) as (one, two), place.open() as log:
        digests = [bytes([n]) * 32 for n in range(4)]
        named(one, digests[0], 5)
        named(two, digests[1], 3_000_000)
        named(one, digests[2], -1 % (1 << 63))  # as large as an op can say
        for source in (one, two):
            take(log, source)
        sizes = {digests[0]: sealed_size(5), digests[1]: sealed_size(3_000_000)}
        assert {**log.attachments(digests[:2])} == sizes == {**log.attachments(digests[:2], {1, 2})}
        assert {**log.attachments(digests, {2})} == {digests[1]: sizes[digests[1]]}
        assert set(log.attachments(digests)) == set(digests[:3]) and log.attachments([]) == {}
        assert log.attachments(digests, frozenset()) == {}


@pytest.mark.promise("S12", "M2")
def test_the_file_goes_with_its_op_unless_another_op_names_it(tmp_path: Path, place: Place) -> None:
    with desk(tmp_path) as source, place.open() as log:
        log.shelf = Shelf(tmp_path / "hub.attachments")
        found(source)
        log.believe(source.site, source.trust().rosters[source.site].key)
        enrol_person(source, "lead", "lead")
        made, other = (attach(source, some_bytes(2_000, seed=n)) for n in (1, 2))
        again = named(source, other.digest, 2_000)
        take(log, source)
        for one in (made, other):
            log.shelf.add(one.digest, 1, 0, source.shelf.path(one.digest).read_bytes(), one.whole)
            assert log.shelf.has(one.digest)
        erase(source, made.uid, other.uid)
        take(log, source)
        for shelf in (source.shelf, log.shelf):
            wait_until(lambda shelf=shelf: not shelf.has(made.digest), 10, what="the file gone")  # type: ignore[misc]
            assert shelf.has(other.digest)
        erase(source, again)
        take(log, source)
        wait_until(lambda: not log.shelf.has(other.digest) and not source.shelf.has(other.digest), 10, what="both gone")
        assert log.attachments([made.digest, other.digest]) == {}
