"""A desk as pictures and screen tests use it: real encrypted store, real services, a clock moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import resources
from tests.store.desks import admitted
from tests.store.sites import BY_SITE, found
from workstation import sealing
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds, Uid
from workstation.domain.rows import LinkStatus, Person
from workstation.domain.sentence import say
from workstation.geo import gazetteer
from workstation.service import catalogue, people
from workstation.service.desk import Desk, Pending
from workstation.service.status import LinkWord
from workstation.settings import DeskSettings, Settings
from workstation.store import Store

T = TypeVar("T")
KEY = bytes(range(32))
NOW = 1_795_284_767_000  # 22 Nov 2026, 03:12:47 at the centre (UTC+9)
PIN = "24681357"
PAGE = 200


class QuietLine:
    """A phone line without an engine: notes what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def answer(self, offer: Uid) -> None:
        self.asked.append(("answer", offer))

    def hang_up(self) -> None:
        self.asked.append(("hang_up",))

    def hold(self) -> None:
        self.asked.append(("hold",))

    def resume(self) -> None:
        self.asked.append(("resume",))

    def mute(self, on: bool) -> None:
        self.asked.append(("mute", on))


def link_up(at: int = NOW - 3_600_000, seat: Seat | None = None) -> LinkStatus:
    """The server answers; what waits is what the desk's store says."""
    unsent, oldest = seat.store.unsent() if seat is not None else (0, None)
    return LinkStatus("up", at, NOW - 2000, "hub:8112", unsent, oldest, 12)


def link_down(since: int, seat: Seat | None = None, beside: tuple[str, ...] = ()) -> LinkStatus:
    """The server has not answered since; what waits is what the desk's store says."""
    unsent, oldest = seat.store.unsent() if seat is not None else (0, None)
    return LinkStatus("down", since, since - 1000, "hub:8112", unsent, oldest, 12, say("hub.down"), beside)


class Seat:
    """One desk with its own store file in `folder`; `desk` is what services and screens are given."""

    def __init__(self, folder: Path, number: int, clock: HandClock, seed: int = 0) -> None:
        self.clock = clock
        self.ids = SeededIds(seed or number, clock)
        self.store = Store.open(folder / f"meja-{number}.db", KEY, clock=clock, ids=self.ids, site="ambon")
        found(self.store)
        self.line = QuietLine()
        self.link = LinkWord(self.store, clock)
        self.link.take(link_up())
        settings = Settings(desk=DeskSettings(name=f"Meja {number}", prefix=f"AMB-{number}"))
        root = resources.path("")
        self.desk = Desk(
            self.store,
            clock=clock,
            ids=self.ids,
            catalogue=catalogue.load(root),
            gazetteer=gazetteer.load(root / "geo"),
            settings=settings,
            phone=self.line,
            status=self.link,
        )

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.desk.close()
        self.store.close()

    def village(self, name: str) -> str:
        """The code of a village of the city by its name."""
        return next(v.code for v in self.desk.gazetteer.villages if v.name == name)

    def staff(self, operators: int = 8) -> None:
        """Enrols the pictures' people, none of them real: a lead, operators, one for IT."""
        done(people.enrol(self.desk, "kepala1", "Kepala 1", "lead", PIN, BY_SITE))
        self.sign_in("kepala1")
        for n in range(1, operators + 1):
            done(people.enrol(self.desk, f"op{n}", f"Operator {n}", "operator", PIN))
        done(people.enrol(self.desk, "teknisi1", "Teknisi 1", "it", PIN))

    def sit(self, role: str = "operator") -> None:
        """Somebody of a role sits here, without the ops of enrolling and signing in."""
        self.desk.person = Person(b"p" * 16, "op1", "Operator 1", role, self.desk.name, NOW)

    def sign_in(self, login: str) -> None:
        done(people.sign_in(self.desk, login, PIN))


def done(pending: Pending[T]) -> T:
    """The result of a write or read, waited for; raises what went wrong."""
    return pending.result(timeout=30)


def exchange(one: Seat, other: Seat) -> None:
    """Both desks have what either had, through the store's own pages and merge."""
    for giver, taker in ((one, other), (other, one)):
        while page := giver.store.page(taker.store.vector(), PAGE):
            done(taker.store.merge(admitted(taker.store, page)))


def cheap_secrets(monkeypatch: Any = None) -> None:
    """Argon2id with the least cost for tests that enrol a roomful; the product's own cost is tested by its service."""
    quick = sealing.Cost(1, 64, 1)
    if monkeypatch is not None:
        monkeypatch.setattr(sealing, "COST", quick)
    else:
        sealing.COST = quick
