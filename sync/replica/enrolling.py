"""Joining a site: a new device checks whom it would join, proves its one-time code, and from then on is a peer (S9)."""

from __future__ import annotations

from typing import Protocol

from sync import handshake
from sync.admission import device_of, events_of
from sync.handshake import joining
from sync.opwire import ProtocolError
from sync.replica.faults import LinkFault, Refused
from sync.replica.link import Link
from workstation.domain.ids import Ids
from workstation.domain.roster import Roster, rosters
from workstation.domain.sentence import say
from workstation.signing import verify
from workstation.site import Code, Founding, fingerprint, proof
from workstation.words import Spoken


class Joining(Founding, Protocol):
    """What joining asks of a log: what founding does."""


class NotJoined(Spoken):
    """Why this device is not part of the site; its sentence says what to do."""


async def join(url: str, code: Code, log: Joining, ids: Ids, site: str = "") -> str:
    """Make this device part of the site the code leads into, by whoever of it answers at `url`; gives its name there.

    `site` is what the site has to be called, "" = as the log's own; a central hub is a device of several.
    Raises NotJoined, and nothing is changed.
    """
    try:
        async with await Link.meet(url) as link:
            _, meeting = await link.knock(site or log.site, log.replica, ids.secret)
            page = await link.site(meeting, code.key)
            roster = believable(page, meeting.asker_nonce, link.channel, code, site or log.site)
            public = code.key.public
            invitation = next((uid for uid, device in roster.devices.items() if device.invitation == public), None)
            if invitation is None:
                raise NotJoined(say("join.not_invited"))
            shown = proof(log, invitation, code, page.site)
            enrolled = await link.enrol(
                handshake.Enrol(invitation, log.replica, shown["key"], shown["proof"])
            )  # fmt: skip
    except Refused as refusal:
        raise NotJoined(say("join.refused", said=refusal.said.sentence)) from refusal
    except LinkFault as fault:
        raise NotJoined(say("join.no_answer", url=url, error=str(fault))) from fault
    log.believe(page.site, page.key)
    return enrolled.name


def believable(page: handshake.SitePage, nonce: bytes, channel: bytes, code: Code, site: str) -> Roster:
    """The roster of the site behind the page, once everything in it hangs on the key the code knows.

    Raises NotJoined.
    """
    if fingerprint(page.key) != code.site:
        raise NotJoined(say("join.other_site"))
    if page.site != site:
        raise NotJoined(say("join.site_name", here=site, there=page.site))
    try:
        found = rosters({page.site: page.key}, events_of(page.roster), verify)
    except ProtocolError as error:
        raise NotJoined(say("join.no_answer", url=page.site, error=str(error))) from error
    device = device_of(found, page.replica)
    if device is None or not verify(device.key, page.signature, joining(nonce, page.key, page.replica, channel)):
        raise NotJoined(say("join.other_site"))
    return found[page.site]
