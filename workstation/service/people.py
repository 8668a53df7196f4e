"""People: the roster, signing in offline with Argon2id, and who the desk's acts name and sign from then on."""

from __future__ import annotations

import copy

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.kinds import ROLES
from workstation.domain.rights import DOES
from workstation.domain.rows import Person
from workstation.domain.sentence import Sentence, say
from workstation.sealing import unseal
from workstation.service.desk import BadValue, Desk, Pending, Refused, may, not_one_of
from workstation.signing import Key
from workstation.site import Signatory, person_body
from workstation.store import Connection, Tx

# A name that is not on the roster costs the same work as one that is, so that the wait tells nothing.
_NOBODYS = bytes([3, 2]) + (64 * 1024).to_bytes(4, "big") + bytes(76)
SECRET_LEAST, SECRET_MOST = 6, 200
LOGIN_MOST, NAME_MOST = 40, 80


class SignInRefused(Refused):
    """The name or the secret is wrong, or too many were; `wait_s` is how long to wait before the next try."""

    def __init__(self, sentence: Sentence, wait_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


def enrol(desk: Desk, login: str, name: str, role: str, secret: str, by: Signatory | None = None) -> Pending[Changes]:
    """Put a person on the roster of all desks, with a key of their own sealed by their secret; a lead or IT may.

    `by` is who signs it, None = who sits here; the first lead of a site is signed by the site's own key. Raises
    `NotAllowed`, `BadValue`. The secret is never stored.
    """
    login = login.strip().lower()
    try:
        signatory = by or desk.signatory("people.enrol")
        _fits(login, name, role, secret)
    except Refused as error:
        return desk.refuse(error)

    def act(tx: Tx, body: dict[str, object]) -> None:
        if find(tx.db, login) is not None:
            raise BadValue(say("refused.on_roster", login=login))
        tx.append("person.enrolled", tx.uid(), body, signatory.person, signer=signatory.signer)

    def stored() -> Changes:
        body = person_body(login, name.strip(), role, secret, desk.ids)
        return desk.write(lambda tx: act(tx, body)).result()

    return desk.later(stored)


def sign_in(desk: Desk, login: str, secret: str) -> Pending[Person]:
    """Let a person of the local roster sit down at this desk, no hub needed; acts name them from then on.

    Raises `SignInRefused` with the wait before the next try. Runs on the desk's slow thread.
    """
    login = login.strip().lower()[:LOGIN_MOST]

    def enter() -> Person:
        listed, key = _unsealed(desk, login, secret)
        if desk.person is not None and desk.person.uid != listed.person.uid:
            sign_out(desk).result()
        return _seated(desk, listed.person, key)

    return desk.later(enter)


def signatory(desk: Desk, login: str, secret: str, act: str) -> Pending[Signatory]:
    """Let a person of the roster sign an act from here without sitting down: what IT does by a command.

    Raises `SignInRefused`, and `NotAllowed` where the table of rights does not let their role (`rights.DOES`).
    """
    login = login.strip().lower()[:LOGIN_MOST]

    def unsealed() -> Signatory:
        listed, key = _unsealed(desk, login, secret)
        may(listed.person, DOES[act])
        return Signatory(key, listed.person.uid)

    return desk.later(unsealed)


def visitor(desk: Desk, login: str, secret: str) -> Pending[Desk]:
    """Give the desk as a person of the roster who does not sit down at it: what they do and see by a command.

    Raises `SignInRefused`.
    """
    login = login.strip().lower()[:LOGIN_MOST]

    def unsealed() -> Desk:
        listed, key = _unsealed(desk, login, secret)
        given = copy.copy(desk)
        given.person, given.key = listed.person, key
        return given

    return desk.later(unsealed)


def _unsealed(desk: Desk, login: str, secret: str) -> tuple[Listed, Key]:
    """Who it is, and their key; tries are counted. Raises `SignInRefused`."""
    wait_s = desk.tries.wait_s(login)
    if wait_s > 0:
        raise SignInRefused(say("refused.tries", n=round(wait_s)), wait_s)
    listed = desk.ask(lambda db: find(db, login)).result()
    seed = unseal(listed.sealed if listed else _NOBODYS, secret[:SECRET_MOST])
    if seed is None or listed is None:
        desk.tries.failed(login)
        raise SignInRefused(say("refused.wrong_secret"), desk.tries.wait_s(login))
    desk.tries.passed(login)
    if not listed.person.role:
        raise SignInRefused(say("refused.retired"))
    return listed, Key(seed)


def _seated(desk: Desk, person: Person, key: Key) -> Person:
    at = desk.clock.now_ms()
    seated = Person(person.uid, person.login, person.name, person.role, desk.name, at)

    def act(tx: Tx) -> None:
        tx.append("person.signed_in", person.uid, {"desk": desk.name, "at": at}, person.uid)

    desk.write(act).result()
    desk.person, desk.key = seated, key
    return seated


def sign_out(desk: Desk) -> Pending[Changes]:
    """Let the person leave; the desk goes on ringing, and its acts name nobody."""
    person, desk.person, desk.key = desk.person, None, None

    def act(tx: Tx) -> None:
        if person is not None:
            tx.append("person.signed_out", person.uid, {"desk": desk.name, "at": tx.now()}, person.uid)

    return desk.write(act)


def _fits(login: str, name: str, role: str, secret: str) -> None:
    if not 1 <= len(login) <= LOGIN_MOST or not login.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise BadValue(say("refused.login", most=LOGIN_MOST))
    if not 1 <= len(name.strip()) <= NAME_MOST:
        raise BadValue(say("refused.name", most=NAME_MOST))
    if role not in ROLES:
        raise BadValue(not_one_of("role", role, ROLES))
    if not SECRET_LEAST <= len(secret) <= SECRET_MOST:
        raise BadValue(say("refused.secret", least=SECRET_LEAST, most=SECRET_MOST))


class Listed(Struct, frozen=True):
    """Someone on the roster with their sealed key."""

    person: Person
    sealed: bytes


def find(db: Connection, login: str) -> Listed | None:
    """Look a login up on the roster; where two desks enrolled it apart, the first enrolment stands."""
    sql = "select uid, login, name, role, desk, since_at, sealed from person where login = ? order by uid limit 1"
    row = db.execute(sql, [login]).fetchone()
    return Listed(Person(*row[:6]), row[6]) if row else None
