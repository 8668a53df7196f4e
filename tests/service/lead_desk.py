"""A desk with a lead, an operator and one for IT, and closed incidents, for tests of what is kept and shown."""

from __future__ import annotations

from pathlib import Path

from tests.service.desks import exchange, hand, opened, ring
from tests.store.sites import BY_SITE
from workstation.domain.ids import Uid
from workstation.service import calls, dispatch, intake, people
from workstation.service.desk import Desk, Edit
from workstation.service.dispatch import Plan

PIN = "24681357"
DAY = 86_400_000
PEOPLE = {"kepala1": "lead", "op1": "operator", "teknisi1": "it"}


def staffed(desk: Desk) -> Desk:
    """The desk with its people on the roster; the lead sits there."""
    for login, role in PEOPLE.items():
        people.enrol(desk, login, login.title(), role, PIN, BY_SITE).result(30)
    return as_(desk, "kepala1")


def as_(desk: Desk, login: str) -> Desk:
    people.sign_in(desk, login, PIN).result(30)
    return desk


def closed_case(desk: Desk, number: str = "081200004417", name: str = "Rahasia Betul") -> tuple[Uid, Uid]:
    """A call and its incident, told to an agency and closed; gives (incident, offer)."""
    offer = ring(desk, number)
    calls.answered(desk, offer, desk.clock.now_ms()).result(10)
    incident = opened(desk, offer)
    fields = {"caller_name": Edit(name), "callback": Edit(number), "landmark": Edit("Gereja Silo"),
              "village": Edit("8171041003"), "street": Edit("Jalan Rahasia 7")}  # fmt: skip
    intake.edit(desk, incident, fields).result(10)
    intake.note(desk, incident, f"korban di rumah, telepon anak {number}").result(10)
    dispatch.plan(desk, incident, [Plan("damkar", "radio", "Unit 7")]).result(10)
    sql = "select uid from assignment where incident = ?"
    for (assignment,) in desk.ask(lambda db: db.execute(sql, [incident]).fetchall()).result(10):
        dispatch.notified(desk, assignment, "call").result(10)
        dispatch.done(desk, assignment).result(10)
    calls.ended(desk, offer, "caller_hung_up", desk.clock.now_ms()).result(10)
    intake.close(desk, incident, disposition(desk)).result(10)
    hand(desk).advance(60_000)
    return incident, offer


def disposition(desk: Desk) -> str:
    return next(iter(desk.catalogue.dispositions))


def everything(folder: Path) -> bytes:
    """All that lies in a folder, as one text."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


__all__ = ["DAY", "PIN", "as_", "closed_case", "disposition", "everything", "exchange", "staffed"]
