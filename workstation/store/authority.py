"""Whom this record believes: the rosters made of its ops, asked for every op that needs a person's signature (S10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sync.admission import Trust
from sync.opwire import parse, signed_message
from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.rights import ROSTER
from workstation.domain.roster import NO_LIMIT, Event, Roster, Verify, rosters
from workstation.store.cipher import Connection
from workstation.store.states import unpack_state

_KEPT: Final = "site."
"""`meta` keeps the public key of each site under its name."""


class Authority:
    """The rosters of the sites whose keys this record was given; changed by the one thread that writes."""

    def __init__(self, verify: Verify) -> None:
        self.verify = verify
        self._keys: dict[str, bytes] = {}
        self._events: list[Event] = []
        self.rosters: Mapping[str, Roster] = {}

    def load(self, db: Connection) -> None:
        """As the file says."""
        kept = db.execute("select k, v from meta where k >= ? and k < 'site/'", [_KEPT]).fetchall()
        self._keys = {name.removeprefix(_KEPT): key for name, key in kept}
        sql = """select op.raw, entity.state from signed join op on op.n = signed.n
                 join entity on entity.id = signed.entity where signed.kind in ({}) order by signed.n"""
        kinds = sorted(ROSTER)
        self._events = []
        for raw, state in db.execute(sql.format(",".join("?" * len(kinds))), kinds):
            self._events.append(event_of(raw, unpack_state(state)))
        self.rosters = self.with_events([])

    def believe(self, db: Connection, site: str, key: bytes) -> None:
        """Take a site's public key as the root of all rights in it."""
        sql = "insert into meta (k, v) values (?, ?) on conflict (k) do update set v = excluded.v"
        db.execute(sql, [_KEPT + site, key])
        self._keys[site] = key
        self.rosters = self.with_events([])

    def learn(self, event: Event) -> None:
        """One more op of the roster is in the record."""
        self._events.append(event)
        self.rosters = self.with_events([])

    def with_events(self, more: Iterable[Event]) -> Mapping[str, Roster]:
        """The rosters as they would be with these ops, too."""
        return rosters(self._keys, [*self._events, *more], self.verify)

    def snapshot(self) -> Trust:
        """Whom the record believes now, for other threads; what is learnt later does not change it."""
        keys, events = dict(self._keys), tuple(self._events)
        return Trust(self.rosters, lambda more: rosters(keys, [*events, *more], self.verify), self.verify)

    def retired(self) -> dict[int, int]:
        """Devices out of service, by replica: the newest op that was known of each then."""
        devices = (device for roster in self.rosters.values() for device in roster.by_replica.values())
        return {device.replica: device.upto for device in devices if device.upto != NO_LIMIT}

    def judge(self, event: Event) -> bool:
        """Whether an op that needs a signature has it, from somebody who had the right."""
        roster = self.rosters.get(event.op.site)
        return roster is not None and roster.grants(event, self.verify)

    def role(self, uid: Uid) -> str:
        """A person's role as the record stands, "" where they have none."""
        member = next((member for roster in self.rosters.values() if (member := roster.people.get(uid))), None)
        return member.spans[-1][1] if member else ""


def event_of(raw: bytes, state: State) -> Event:
    """An op of the record with what its signature covers; `state` is its entity's."""
    parsed = parse(raw)
    return Event(parsed.op, signed_message(parsed, state.salt(parsed.op.replica)))
