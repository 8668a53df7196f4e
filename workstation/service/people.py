"""People: the roster, signing in offline with Argon2id, and who the desk's acts name from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.ops import ROLES
from workstation.domain.rows import Person
from workstation.domain.sentence import Sentence, say
from workstation.service.desk import BadValue, Desk, Pending, Refused, not_one_of
from workstation.store import Connection, Tx

if TYPE_CHECKING:
    from argon2 import PasswordHasher

HASHER: PasswordHasher | None = None
"""Made with the first secret; a cheaper one may stand here where time is not the point."""
# A name that is not on the roster costs the same work as one that is, so that the wait tells nothing.
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=2$K7Xajt2dHhqmeue/dwUWuw$oJOEmaBbn7MqzuXXYa2H5+Sg85anMi3aZ01q5bK+kn8"
SECRET_LEAST, SECRET_MOST = 6, 200
LOGIN_MOST, NAME_MOST = 40, 80


class SignInRefused(Refused):
    """The name or the secret is wrong, or too many were; `wait_s` is how long to wait before the next try."""

    def __init__(self, sentence: Sentence, wait_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


def enrol(desk: Desk, login: str, name: str, role: str, secret: str) -> Pending[Changes]:
    """Put a person on the roster of all desks; a lead or IT may, and anyone while the roster is empty (the first lead).

    Raises `NotAllowed`, `BadValue`. The secret is never stored, only its Argon2id verifier.
    """
    login = login.strip().lower()
    try:
        _fits(login, name, role, secret)
    except Refused as error:
        return desk.refuse(error)
    person = desk.person_uid

    def act(tx: Tx, verifier: str) -> None:
        if _somebody(tx.db):
            desk.require("lead", "it")
        elif role == "operator":
            raise BadValue(say("refused.first_person"))
        if find(tx.db, login) is not None:
            raise BadValue(say("refused.on_roster", login=login))
        body = {"login": login, "name": name.strip(), "role": role, "verifier": verifier}
        tx.append("person.enrolled", tx.uid(), body, person)

    def stored() -> Changes:
        verifier = _hasher().hash(secret)
        return desk.write(lambda tx: act(tx, verifier)).result()

    return desk.later(stored)


def sign_in(desk: Desk, login: str, secret: str) -> Pending[Person]:
    """Let a person of the local roster sit down at this desk, no hub needed; acts name them from then on.

    Raises `SignInRefused` with the wait before the next try. Runs on the desk's slow thread.
    """
    login = login.strip().lower()[:LOGIN_MOST]

    def enter() -> Person:
        wait_s = desk.tries.wait_s(login)
        if wait_s > 0:
            raise SignInRefused(say("refused.tries", n=round(wait_s)), wait_s)
        listed = desk.ask(lambda db: find(db, login)).result()
        if not _verified(listed.verifier if listed else NOBODYS, secret[:SECRET_MOST]) or listed is None:
            desk.tries.failed(login)
            raise SignInRefused(say("refused.wrong_secret"), desk.tries.wait_s(login))
        desk.tries.passed(login)
        if desk.person is not None and desk.person.uid != listed.person.uid:
            sign_out(desk).result()
        return _seated(desk, listed.person)

    return desk.later(enter)


def _seated(desk: Desk, person: Person) -> Person:
    at = desk.clock.now_ms()
    seated = Person(person.uid, person.login, person.name, person.role, desk.name, at)

    def act(tx: Tx) -> None:
        tx.append("person.signed_in", person.uid, {"desk": desk.name, "at": at}, person.uid)

    desk.write(act).result()
    desk.person = seated
    return seated


def sign_out(desk: Desk) -> Pending[Changes]:
    """Let the person leave; the desk goes on ringing, and its acts name nobody."""
    person, desk.person = desk.person, None

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


def _hasher() -> PasswordHasher:
    """Argon2id, RFC 9106's second recommended choice (64 MiB, 3 passes); about 0.1 s on a desk's PC."""
    global HASHER
    if HASHER is None:
        # Loaded on the slow thread when it is needed: the first frame does not wait for it.
        from argon2 import PasswordHasher

        HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=2)
    return HASHER


def _verified(verifier: str, secret: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(verifier, secret)
    except (VerificationError, InvalidHashError):
        return False


class Listed(Struct, frozen=True):
    """Someone on the roster with the verifier of their secret."""

    person: Person
    verifier: str


def find(db: Connection, login: str) -> Listed | None:
    """Look a login up on the roster; where two desks enrolled it apart, the first enrolment stands."""
    sql = "select uid, login, name, role, desk, since_at, verifier from person where login = ? order by uid limit 1"
    row = db.execute(sql, [login]).fetchone()
    return Listed(Person(*row[:6]), row[6]) if row else None


def _somebody(db: Connection) -> bool:
    return db.execute("select 1 from person limit 1").fetchone() is not None
