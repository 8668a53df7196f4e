"""The desk a service function works on: store, phone, catalogue, the person at it, one way in for writes and reads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from msgspec import Struct

from workstation.domain.changes import Changes
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids
from workstation.domain.kinds import CALL_REGISTERS, INCIDENT_REGISTERS
from workstation.domain.rights import DOES, SEES
from workstation.domain.rows import Dot, LinkStatus, Person, Uid
from workstation.domain.sentence import Sentence, say
from workstation.geo.gazetteer import Gazetteer
from workstation.service import access, clocks
from workstation.service.catalogue import Catalogue
from workstation.service.tries import Tries
from workstation.settings import Settings
from workstation.signing import Key
from workstation.site import Signatory
from workstation.store import Connection, Store, Tx, reads
from workstation.words import Spoken

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

Pending = Future
"""What every write and read of a desk returns; `result()` raises what went wrong."""

TEXT_MOST = 4000
"""Characters of one text value; longer input is refused, never cut."""


NAMED = frozenset(
    {*CALL_REGISTERS, *INCIDENT_REGISTERS, "agency", "unit", "channel", "proof", "reason", "note", "correction",
     "disposition", "role", "number"}
)  # fmt: skip
"""Fields that have a name people know."""


class Refused(Spoken):
    """A thing the desk will not do; its sentence says why and what to do, in words for the person at it."""


class NotAllowed(Refused):
    """The signed-in role does not carry this right (or nobody is signed in where someone must be)."""


class BadValue(Refused):
    """A value that does not fit its field: unknown field, wrong type, too long."""


class TooLate(Refused):
    """The moment for this has passed, such as taking a type back after 30 s."""


class NotFound(Refused):
    """The call, incident or person named is not in this desk's record."""


class Edit(Struct, frozen=True):
    """A value for one field and the dots of the values the form showed when it was typed (promise M3)."""

    value: object
    seen: tuple[Dot, ...] = ()


class Phone(Protocol):
    """What the services ask of the softphone; each returns at once and the outcome comes as an event."""

    def answer(self, offer: Uid) -> None: ...
    def hang_up(self) -> None: ...
    def hold(self) -> None: ...
    def resume(self) -> None: ...
    def mute(self, on: bool) -> None: ...


class Link(Protocol):
    """What the services ask of synchronisation: the honest word on the wire."""

    def status(self) -> LinkStatus: ...


class Desk:
    """One workstation as the services see it.

    `person` is None while nobody is signed in; ops then carry an empty person and the desk's name (promise P2). `key`
    is that of who is signed in, for what needs their signature (promise S10).
    `why` is the reason said for what is looked at, "" = none. `typed` remembers the type each call had before this
    desk's last key, and when that was, monotonic seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        ids: Ids,
        catalogue: Catalogue,
        gazetteer: Gazetteer,
        settings: Settings,
        phone: Phone | None = None,
        status: Link | None = None,
    ) -> None:
        self.store = store
        self.phone = phone
        self.clock = clock
        self.ids = ids
        self.catalogue = catalogue
        self.gazetteer = gazetteer
        self.settings = settings
        self.status = status
        self.tries = Tries(clock)
        self.person: Person | None = None
        self.key: Key | None = None
        self.typed: dict[Uid, tuple[object, float]] = {}
        self.why = ""
        self._looks = access.Looks()
        self._slow: ThreadPoolExecutor | None = None
        self._tx: Tx | None = None
        self._apart = False
        self._keep_clocks()

    @property
    def name(self) -> str:
        """The desk's name as people say it, such as "Meja 3"."""
        return self.settings.desk.name

    @property
    def person_uid(self) -> Uid:
        """Who the next op names; empty while nobody is signed in."""
        return self.person.uid if self.person else b""

    def require(self, *roles: str) -> Person:
        """Give the person signed in when their role is one of `roles`; raises `NotAllowed`."""
        if self.person is None or self.person.role not in roles:
            raise self._not_allowed(roles)
        return self.person

    def _not_allowed(self, roles: Collection[str]) -> NotAllowed:
        """Why whoever sits here may not."""
        if self.person is None:
            return NotAllowed(say("refused.sign_in_first", role=_named(roles)))
        return NotAllowed(_other_role(self.person, roles))

    def signatory(self, act: str) -> Signatory:
        """Give who signs what the table of rights lets some roles do (`rights.DOES`); raises `NotAllowed`."""
        person = self.require(*DOES[act])
        assert self.key is not None, "whoever is signed in has unsealed their key"
        return Signatory(self.key, person.uid)

    def write(self, act: Callable[[Tx], object]) -> Pending[Changes]:
        """Run `act` in one transaction of the writer thread; inside `together`, in the transaction that is open."""
        if self._tx is not None:
            return _done(_nothing, act, self._tx)
        return then(self.store.write(act), lambda written: written.changes)

    def ask(self, fn: Callable[[Connection], T]) -> Pending[T]:
        """Run a read on the reader thread; inside `together`, on the open transaction so that it sees its writes."""
        if self._tx is not None:
            return _done(fn, self._tx.db)
        return self.store.read_aside(fn) if self._apart else self.store.read(fn)

    def may_see(self, view: Callable[..., object]) -> bool:
        """Say whether whoever sits here may see a view."""
        return (self.person.role if self.person else "") in SEES[view.__name__].roles

    def see(self, view: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        """Ask a view of the record for whoever sits here: what `rights.SEES` lets their role see, and the look is in
        the access log before the answer is given where the table says so (promise D6). Raises `NotAllowed`.
        """
        sight = SEES[view.__name__]
        if not self.may_see(view):
            return self.refuse(self._not_allowed(sight.roles))
        asked = self.ask(lambda db: view(db, *args, **kwargs))
        if not sight.logged:
            return asked
        about = access.about(args)
        return self._looks.logged(self, view.__name__, about, asked)

    def because(self, why: str) -> Desk:
        """The same desk for looks that have a reason: it stands in the access log with each."""
        given = copy.copy(self)
        given.why = why
        return given

    def aside(self) -> Desk:
        """The same desk for reads that may take long: the form and the board do not wait for them."""
        given = copy.copy(self)
        given._apart = True
        return given

    def together(self, fn: Callable[[Desk], T]) -> Pending[T]:
        """Run `fn` with a desk whose writes all fall into one transaction: all of them stand, or none."""
        if self._tx is not None:
            return _done(fn, self)
        # The person of this moment: who signs out right after has still written this.
        seat = copy.copy(self)
        return then(self.store.write(lambda tx: fn(seat._inside(tx))), lambda written: written.value)

    def knows(self, entity: Uid) -> Pending[bool]:
        """Say whether any op of the record speaks of an entity."""
        if self._tx is not None:
            return _done(lambda tx: tx.state(entity) is not None, self._tx)
        return self.ask(lambda db: reads.state(db, entity) is not None)

    def keep(self, name: str, value: str | int) -> Pending[Changes]:
        """Keep a value beside the record on this machine alone, in the same transaction as what is written with it."""
        return self.write(lambda tx: tx.set_meta(name, value))

    def kept(self, name: str, default: T) -> Pending[T]:
        """Give a value kept beside the record, `default` where there is none."""
        sql = "select v from meta where k = ?"
        return self.ask(lambda db: (db.execute(sql, [name]).fetchone() or (default,))[0])

    def refuse(self, error: Refused) -> Pending[Any]:
        """Give a refusal as every refusal comes: in the result; inside `together` at once, so that all goes back."""
        if self._tx is not None:
            raise error
        return failed(error)

    def later(self, fn: Callable[[], T]) -> Pending[T]:
        """Run something slow (a password check) on the desk's own slow thread, never on the screen's."""
        if self._slow is None:
            self._slow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk-slow")
        return self._slow.submit(fn)

    def close(self) -> None:
        """End the slow thread; the store is closed by whoever opened it."""
        if self._slow is not None:
            self._slow.shutdown(wait=True, cancel_futures=True)
            self._slow = None

    def _keep_clocks(self) -> None:
        """Lay the targets beside the record, where the reads find them; waits for the disk once, when they changed."""
        wanted = clocks.of(self.catalogue).packed()

        def act(tx: Tx) -> None:
            if tx.meta(clocks.KEPT_AS) != wanted:
                tx.set_meta(clocks.KEPT_AS, wanted)

        self.store.write(act).result()

    def _inside(self, tx: Tx) -> Desk:
        inside = copy.copy(self)
        inside._tx = tx
        return inside


def may(person: Person, roles: Collection[str]) -> None:
    """See that a person has one of these roles; raises `NotAllowed`."""
    if person.role not in roles:
        raise NotAllowed(_other_role(person, roles))


def _other_role(person: Person, roles: Collection[str]) -> Sentence:
    return say("refused.other_role", role=_named(roles), own=Sentence(f"role.{person.role}"))


def _named(roles: Collection[str]) -> Sentence:
    return Sentence(f"role.{'_or_'.join(sorted((role for role in roles if role), reverse=True))}")


def then(pending: Pending[T], fn: Callable[[T], U]) -> Pending[U]:
    """Give the pending result of `fn` over another's; a failure passes through, a cancel too."""
    out: Pending[U] = Future()

    def pass_on(done: Pending[T]) -> None:
        if done.cancelled():
            out.cancel()
            return
        try:
            out.set_result(fn(done.result()))
        except BaseException as error:
            out.set_exception(error)

    pending.add_done_callback(pass_on)
    return out


def failed(error: BaseException) -> Pending[Any]:
    """Give a result that is already refused, so that every refusal reaches the caller the same way."""
    out: Pending[Any] = Future()
    out.set_exception(error)
    return out


def _done(fn: Callable[..., T], *given: object) -> Pending[T]:
    out: Pending[T] = Future()
    try:
        out.set_result(fn(*given))
    except Exception as error:
        # Raised as well, so that the transaction that is open goes back as a whole.
        out.set_exception(error)
        raise
    return out


def _nothing(act: Callable[[Tx], object], tx: Tx) -> Changes:
    """Inside `together` the changes are told once, by the commit; a single write has none of its own."""
    act(tx)
    return Changes(local=True)


def named(field: str) -> str | Sentence:
    """A field's name for the person at the desk; one nobody knows as it came."""
    return Sentence(f"field.{field}") if field in NAMED else field


def not_one_of(field: str, value: str, known: Iterable[str]) -> Sentence:
    """Says which values a field takes."""
    return say("refused.not_one_of", field=named(field), value=value, known=", ".join(known))


def text(value: object, field: str, most: int = TEXT_MOST) -> str:
    """Give a text value that may go into an op; raises `BadValue`."""
    if not isinstance(value, str):
        raise BadValue(say("refused.text", field=named(field)))
    if len(value) > most:
        raise BadValue(say("refused.too_long", field=named(field), length=len(value), most=most))
    return value
