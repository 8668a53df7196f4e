"""What people do at a desk: the kinds of ops services write, by persons of each role, now and then by one of none.

Each act runs in one transaction of the real store; what it appended the world hears once the store says it is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from msgspec import Struct, field

from sync.opwire import SALT_BYTES, next_head, seal
from sync.protocol import Admitted
from tests.store.sites import key_of, uid_of
from workstation.domain.hlc import stamp
from workstation.domain.ids import NOBODY, Uid
from workstation.domain.kinds import CASUALTIES, LINKS
from workstation.domain.merge import LIFE
from workstation.domain.ops import Dot, Op
from workstation.domain.rights import WRITES
from workstation.signing import Signer
from workstation.store import Tx

ROSTER: Final = {"rosa": "lead", "budi": "operator", "wati": "operator", "tono": "it"}
"""Who is on the site's roster from the beginning, and as what."""
_STEPS: Final = ("notified", "acknowledged", "departed", "arrived", "done", "cancelled", "refused")
_TEXTS: Final = ("place", "landmark", "street", "type", "caller_name", "callback", "village")


class Known(Struct):
    """What there is in this world, by type: names that desks can speak of once their op has come to them."""

    offers: list[Uid] = field(default_factory=list)
    incidents: list[Uid] = field(default_factory=list)
    assignments: list[Uid] = field(default_factory=list)
    links: list[Uid] = field(default_factory=list)
    lines: list[Dot] = field(default_factory=list)
    void: dict[Dot, bytes] = field(default_factory=dict)
    """Ops that nobody with the right signed, with the chain's hash there: without effect, anywhere, ever."""


def raw_append(
    tx: Tx, kind: str, entity: Uid, body: dict[str, Any], person: Uid = NOBODY, signer: Signer | None = None,
    version: int = 1,
) -> Dot:  # fmt: skip
    """Append as another program would, a newer or a dishonest one: without the checks of this one's own door."""
    author, ledger, batch = tx._author, tx._ledger, tx._batch
    state = batch.state(entity)
    salt = state.salt(author.replica) if state else b""
    fresh = b"" if salt else author.ids.secret(SALT_BYTES)
    seq = ledger.seq(author.replica) + 1
    op = Op(author.replica, seq, author.hlc.tick(), entity, kind, version, person, author.site, author.clock.now_ms(),
            body, fresh)  # fmt: skip
    raw, parsed = seal(op, signer.sign if signer else None, salt)
    before = ledger.head(author.replica)
    head = next_head(before, parsed, salt)
    batch.add(Admitted(parsed.op, raw, before, head, salt=salt or fresh), skewed=False)
    return op.dot


class Person:
    """Somebody at a desk: picks what to do by `rng`, and does it in the transaction given."""

    def __init__(self, rng: Random, known: Known, desk: str, *, newer: bool = False) -> None:
        self._rng, self._known, self._desk, self._newer = rng, known, desk, newer
        self.dots: list[Dot] = []
        self.void: list[Dot] = []
        self.then: list[Callable[[], None]] = []
        """What the world knows once the act is kept."""

    def __call__(self, tx: Tx) -> None:
        self.dots, self.void, self.then = [], [], []
        for _ in range(self._rng.choice((1, 1, 1, 2, 3))):
            self._act(tx)

    def one_fire(self, tx: Tx) -> None:
        """Two callers tell of one fire: merged, and closed as one."""
        one, other = tx.uid(), tx.uid()
        for uid in (one, other):
            number = f"{self._desk}-{uid.hex()[-4:]}"
            self._add(tx, "incident.opened", uid, {"number": number, "call": b"", "desk": self._desk, "at": tx.now()})
        self._add(tx, "link.made", tx.uid(), {"kind": "duplicate", "from": other, "to": one, "at": tx.now()})
        self._add(tx, "incident.closed", one, {"at": tx.now(), "disposition": "handled"})

    def _act(self, tx: Tx) -> None:
        acts: list[tuple[int, Callable[[Tx], None]]] = [
            (6, self._ring), (6, self._open), (16, self._edit), (4, self._note), (3, self._correct), (6, self._life),
            (6, self._plan), (6, self._stamp), (5, self._tie), (4, self._untie), (4, self._settle), (4, self._roster),
            (1, self._sign_in), (2, self._cheat), (2, self._erase), (4, self._paper), (1, self._many),
            (3 if self._newer else 0, self._from_the_future),
        ]  # fmt: skip
        self._rng.choices([act for _, act in acts], [weight for weight, _ in acts])[0](tx)

    # --- parts
    def _add(self, tx: Tx, kind: str, entity: Uid, body: dict[str, Any], login: str = "", **more: Any) -> Dot:
        person = uid_of(login) if login else NOBODY
        dot = tx.append(kind, entity, body, person, **more)
        self.dots.append(dot)
        return dot

    def _signed(self, tx: Tx, kind: str, entity: Uid, body: dict[str, Any], login: str) -> None:
        """With the person's own signature, if they have the right here and now; else the desk would say no."""
        author = tx._author
        order = (max(author.hlc.last, stamp(tx.now())) + 1, author.replica, 0)
        members = (roster.people.get(uid_of(login)) for roster in tx._batch._authority.rosters.values())
        if any(member and member.role_at(order) in WRITES[kind].roles for member in members):
            self._add(tx, kind, entity, body, login, signer=key_of(login))

    def _one(self, tx: Tx, uids: list[Uid]) -> Uid | None:
        """One of the newest few that have come to this desk."""
        near = [uid for uid in uids[-6:] if (state := tx.state(uid)) is not None and state.created is not None]
        return self._rng.choice(near) if near else None

    def _who(self) -> str:
        return self._rng.choice(("", "budi", "wati", "rosa"))

    # --- acts
    def _ring(self, tx: Tx) -> None:
        offer, rng = tx.uid(), self._rng
        number = rng.choice(("", "+628111", "+628222"))
        body = {"number": number, "e164": number, "identity": "mobile" if number else "withheld", "display": "",
                "dialled": "112", "key": rng.choice(("", "", "k1")), "sip_call_id": "x", "desk": self._desk,
                "at": tx.now()}  # fmt: skip
        self._add(tx, "offer.rang", offer, body)
        if rng.random() < 0.7:
            self._add(tx, "offer.answered", offer, {"at": tx.now()})
        if rng.random() < 0.5:
            self._add(tx, "offer.ended", offer, {"at": tx.now(), "reason": "caller_hung_up"})
        self.then.append(lambda: self._known.offers.append(offer))

    def _open(self, tx: Tx) -> None:
        incident, call = tx.uid(), self._one(tx, self._known.offers)
        body = {"number": f"{self._desk}-{self._rng.randrange(9999)}", "call": call or b"", "desk": self._desk,
                "at": tx.now()}  # fmt: skip
        self._add(tx, "incident.opened", incident, body, self._who())
        self.then.append(lambda: self._known.incidents.append(incident))

    def _edit(self, tx: Tx) -> None:
        offers = self._rng.random() < 0.2
        entity = self._one(tx, self._known.offers if offers else self._known.incidents)
        if entity is None:
            return
        state, writes = tx.state(entity), {}
        assert state is not None
        for _ in range(self._rng.choice((1, 1, 2))):
            if offers:
                name, value = self._rng.choice(("type", "relation")), self._word()
            elif self._rng.random() < 0.25:
                name, value = self._rng.choice((*CASUALTIES, "priority")), self._rng.randrange(4)
            else:
                name, value = self._rng.choice(_TEXTS), self._word()
            writes[name] = [value, [list(dot) for dot in state.seen_dots(name)]]
        self._add(tx, "call.described" if offers else "incident.edited", entity, {"set": writes}, self._who())

    def _word(self) -> str:
        return self._rng.choice(("tumbang", "banjir", "api", "jalan", "pasar")) + str(self._rng.randrange(5))

    def _note(self, tx: Tx) -> None:
        if incident := self._one(tx, self._known.incidents):
            dot = self._add(tx, "incident.noted", incident, {"text": self._word() * 3, "at": tx.now()}, self._who())
            self.then.append(lambda: self._known.lines.append(dot))

    def _many(self, tx: Tx) -> None:
        """What an import or a long outage leaves behind at once."""
        if incident := self._one(tx, self._known.incidents):
            for n in range(40):
                self._add(tx, "incident.noted", incident, {"text": f"catatan {n}", "at": tx.now()})

    def _correct(self, tx: Tx) -> None:
        incident = self._one(tx, self._known.incidents)
        if incident is None:
            return
        state = tx.state(incident)
        assert state is not None
        here = [dot for dot in self._known.lines[-3:] if dot[1] <= tx._ledger.seq(dot[0])]
        entries = [entry.dot for entry in state.entries] + here
        if entries:
            body = {"entry": list(self._rng.choice(entries)), "reason": "salah"}
            body |= {"at": tx.now() - 5000} if self._rng.random() < 0.5 else {"text": self._word()}
            self._add(tx, "entry.corrected", incident, body, self._who())

    def _life(self, tx: Tx) -> None:
        if incident := self._one(tx, self._known.incidents):
            if self._rng.random() < 0.6:
                self._add(tx, "incident.closed", incident, {"at": tx.now(), "disposition": "handled"}, self._who())
            else:
                self._add(tx, "incident.reopened", incident, {"at": tx.now(), "reason": "lagi"}, self._who())

    def _plan(self, tx: Tx) -> None:
        if incident := self._one(tx, self._known.incidents):
            uid = tx.uid()
            body = {"incident": incident, "agency": self._rng.choice(("damkar", "pln")), "channel": "phone",
                    "unit": "", "at": tx.now()}  # fmt: skip
            self._add(tx, "assignment.planned", uid, body, self._who())
            self.then.append(lambda: self._known.assignments.append(uid))

    def _stamp(self, tx: Tx) -> None:
        if uid := self._one(tx, self._known.assignments):
            step = self._rng.choice(_STEPS)
            body: dict[str, Any] = {"at": tx.now()}
            body |= {"proof": "call"} if step == "notified" else {}
            body |= {"reason": "penuh"} if step in ("cancelled", "refused") else {}
            self._add(tx, f"assignment.{step}", uid, body, self._who())

    def _tie(self, tx: Tx) -> None:
        source = self._one(tx, self._known.incidents)
        kind = self._rng.choice(("duplicate", "duplicate", "duplicate", *LINKS))
        target = self._one(tx, self._known.offers if kind == "call" else self._known.incidents)
        if source and target and source != target:
            uid = tx.uid()
            body = {"kind": kind, "from": source, "to": target, "at": tx.now()}
            self._add(tx, "link.made", uid, body, self._who())
            self.then.append(lambda: self._known.links.append(uid))

    def _untie(self, tx: Tx) -> None:
        if uid := self._one(tx, self._known.links):
            kind = self._rng.choice(("link.undone", "link.undone", "link.restored"))
            self._add(tx, kind, uid, {"at": tx.now(), "reason": ""}, self._who())

    def _settle(self, tx: Tx) -> None:
        """The lead decides a conflict, where one is to be seen here."""
        for incident in self._known.incidents[-8:]:
            state = tx.state(incident)
            if state is not None and state.rivals:
                name = state.rivals[0]
                writes = {name: [state.face(name), [list(dot) for dot in state.seen_dots(name)]]}
                login = self._rng.choice(("rosa", "budi", "wati"))
                self._signed(tx, "incident.settled", incident, {"set": writes}, login)
                return

    def _roster(self, tx: Tx) -> None:
        login = self._rng.choice(("budi", "wati"))
        if self._rng.random() < 0.7:
            body = {"role": self._rng.choice(("operator", "lead")), "at": tx.now()}
            self._signed(tx, "person.granted", uid_of(login), body, "rosa")
        else:
            self._signed(tx, "person.retired", uid_of(login), {"at": tx.now(), "reason": ""}, "tono")

    def _sign_in(self, tx: Tx) -> None:
        kind = self._rng.choice(("person.signed_in", "person.signed_out"))
        self._add(tx, kind, uid_of("wati"), {"desk": self._desk, "at": tx.now()}, "wati")

    def _cheat(self, tx: Tx) -> None:
        """A desk whose program was tampered with writes what nobody with the right has signed."""
        rng, wrong = self._rng, key_of("maling")
        incident = self._one(tx, self._known.incidents)
        if incident is None:
            return
        if rng.random() < 0.5:
            body: dict[str, Any] = {"set": {"place": ["palsu", []]}}
            dot = raw_append(tx, "incident.settled", incident, body, uid_of("rosa"), wrong)
        else:
            body = {"role": "lead", "at": tx.now()}
            dot = raw_append(tx, "person.granted", uid_of("wati"), body, uid_of("tono"), wrong)
        self.dots.append(dot)
        self.void.append(dot)

    def _erase(self, tx: Tx) -> None:
        incident = self._one(tx, self._known.incidents)
        if incident is not None:
            also = [uid for uids in (self._known.links, self._known.assignments) if (uid := self._one(tx, uids))]
            gone = [incident, *also] if self._rng.random() < 0.5 else [incident]
            self._signed(tx, "record.erased", tx.uid(), {"entities": gone, "at": tx.now()}, "tono")

    def _paper(self, tx: Tx) -> None:
        digest = hashlib.sha256(self._word().encode()).digest()
        body = {"what": "shift", "digest": digest, "at": tx.now(), "reason": "laporan"}
        self._signed(tx, "record.exported", tx.uid(), body, self._rng.choice(("rosa", "budi", "wati")))

    def _from_the_future(self, tx: Tx) -> None:
        """A newer program's kind, and a newer version of a kind we know: kept and passed on as they are."""
        incident = self._one(tx, self._known.incidents)
        if incident is None:
            return
        if self._rng.random() < 0.5:
            body: dict[str, Any] = {"colour": self._word(), "set": {"place": ["masa depan", []]}}
            self.dots.append(raw_append(tx, "incident.beamed", incident, body, version=2))
        else:
            state = tx.state(incident)
            assert state is not None
            seen = [list(dot) for dot in state.seen_dots("altitude")]
            body = {"set": {"altitude": [self._rng.randrange(900), seen]}, "why": "x",
                    "after": [list(dot) for dot in state.seen_dots(LIFE)]}  # fmt: skip
            self.dots.append(raw_append(tx, "incident.edited", incident, body, version=2))
