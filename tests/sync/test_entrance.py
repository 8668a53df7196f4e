"""Who is told what at the entrance of a log that serves (S9): a roster names people, and is not for strangers."""

from __future__ import annotations

import asyncio

import pytest

from sync.admission import events_of
from sync.handshake import SitePage
from sync.replica.link import Link
from tests.store.sites import code_key, enrol_person, found, invite
from tests.sync.hubs import HubThread
from workstation.domain.ids import SystemIds
from workstation.signing import Key
from workstation.store import Store

CODE = b"one-time code of a desk"


def asked(url: str, by: Key) -> SitePage:
    """The roster as the hub shows it to who signs with that key, and is enrolled nowhere."""

    async def ask() -> SitePage:
        async with await Link.meet(url) as link:
            _, meeting = await link.knock("AMB", 4711, SystemIds().secret)
            return await link.site(meeting, by)

    return asyncio.run(ask())


@pytest.mark.promise("S9")
def test_a_stranger_is_told_of_the_server_alone(log: Store) -> None:
    found(log)
    enrol_person(log, "lead-1", "lead")
    invite(log, CODE, "Meja 1")
    with HubThread(log) as hub:
        stranger, invited = (asked(hub.url, by) for by in (Key(SystemIds().secret(32)), code_key(CODE)))
    assert any(b"lead-1" in op for op, _ in invited.roster)
    assert {event.op.kind for event in events_of(stranger.roster)} <= {"device.invited", "device.enrolled"}
    assert not any(b"lead-1" in op or b"Meja 1" in op for op, _ in stranger.roster)
