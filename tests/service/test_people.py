from __future__ import annotations

from threading import Event

import pytest

from tests.service.desks import NOW, exchange, hand, opened, ring
from tests.store.sites import BY_SITE
from workstation.domain.kinds import OpInvalid
from workstation.service import intake, people, views
from workstation.service.desk import BadValue, Desk, NotAllowed
from workstation.service.people import SignInRefused
from workstation.signing import Key
from workstation.site import Signatory
from workstation.store import reads

PIN = "112112"


def enrol_lead(desk: Desk) -> None:
    people.enrol(desk, "kepala1", "Kepala 1", "lead", PIN, BY_SITE).result()


@pytest.mark.usefixtures("quick_secrets")
@pytest.mark.promise("S10")
def test_the_sites_key_signs_the_first_lead_and_then_leads_and_it_enrol(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="sign in first"):
        people.enrol(desk, "kepala1", "Kepala 1", "lead", PIN).result()
    thief = Signatory(Key(b"stolen".ljust(32)))
    with pytest.raises(OpInvalid, match="not signed"):
        people.enrol(desk, "kepala1", "Kepala 1", "lead", PIN, thief).result()
    enrol_lead(desk)
    with pytest.raises(NotAllowed, match="sign in first"):
        people.enrol(desk, "op1", "Operator 1", "operator", PIN).result()
    people.sign_in(desk, "kepala1", PIN).result()
    people.enrol(desk, "Op1 ", "Operator 1", "operator", PIN).result()
    with pytest.raises(BadValue, match="already"):
        people.enrol(desk, "op1", "Operator 1", "operator", PIN).result()
    people.sign_in(desk, "op1", PIN).result()
    with pytest.raises(NotAllowed, match="operator"):
        people.enrol(desk, "op2", "Operator 2", "operator", PIN).result()
    roster = desk.ask(views.roster).result()
    assert [(p.login, p.role, p.desk) for p in roster] == [("kepala1", "lead", ""), ("op1", "operator", "Meja 3")]


@pytest.mark.usefixtures("quick_secrets")
@pytest.mark.promise("P2")
def test_acts_name_the_person_from_the_sign_in_on(desk: Desk) -> None:
    enrol_lead(desk)
    incident = opened(desk, ring(desk))
    person = people.sign_in(desk, "kepala1", PIN).result()
    assert (person.name, person.role, person.desk, person.since_at) == ("Kepala 1", "lead", "Meja 3", NOW)
    intake.note(desk, incident, "api dari dapur").result()
    people.sign_out(desk).result()
    intake.note(desk, incident, "asap saja").result()
    ops = desk.ask(lambda db: reads.ops_of(db, incident)).result()
    assert [op.person for op in ops] == [b"", person.uid, b""]


@pytest.mark.usefixtures("quick_secrets")
def test_the_roster_of_one_desk_signs_in_at_another_without_a_hub(two: tuple[Desk, Desk]) -> None:
    one, other = two
    enrol_lead(one)
    exchange(one, other)
    assert people.sign_in(other, "kepala1", PIN).result().desk == "Meja 2"


def test_the_secret_is_nowhere_and_what_it_seals_costs_what_rfc_9106_says(desk: Desk) -> None:
    enrol_lead(desk)
    listed = desk.ask(lambda db: people.find(db, "kepala1")).result()
    assert listed is not None
    passes, lanes, memory_kib = listed.sealed[0], listed.sealed[1], int.from_bytes(listed.sealed[2:6], "big")
    assert (passes, lanes, memory_kib) == (3, 2, 65536)
    ops = desk.ask(lambda db: reads.ops_of(db, listed.person.uid)).result()
    assert PIN not in repr(ops)


@pytest.mark.usefixtures("quick_secrets")
def test_wrong_secrets_cost_a_growing_wait_and_never_lock_for_good(desk: Desk) -> None:
    enrol_lead(desk)
    waits = []
    for _ in range(4):
        with pytest.raises(SignInRefused) as refused:
            people.sign_in(desk, "kepala1", "000000").result()
        waits.append(refused.value.wait_s)
        hand(desk).advance(int(refused.value.wait_s * 1000))
    assert waits == [0.0, 0.0, 2.0, 4.0]
    with pytest.raises(SignInRefused):
        people.sign_in(desk, "kepala1", "000000").result()
    with pytest.raises(SignInRefused, match="wait 8 s"):
        people.sign_in(desk, "kepala1", PIN).result()  # right, but not heard yet
    for _ in range(8):
        hand(desk).advance(60_000)
        with pytest.raises(SignInRefused, match="wrong") as refused:
            people.sign_in(desk, "kepala1", "000000").result()
    assert refused.value.wait_s == 60.0
    hand(desk).advance(60_000)
    assert people.sign_in(desk, "kepala1", PIN).result().login == "kepala1"


def test_a_name_not_on_the_roster_is_refused_in_the_same_words(desk: Desk) -> None:
    enrol_lead(desk)
    sentences = set()
    for login in ("kepala1", "nobody"):
        with pytest.raises(SignInRefused) as refused:
            people.sign_in(desk, login, "000000").result()
        sentences.add(str(refused.value))
    assert sentences == {"the name or the secret is wrong: type it once more"}
    assert desk.person is None


@pytest.mark.parametrize(
    ("login", "name", "role", "secret"),
    [("", "N", "lead", PIN), ("a b", "N", "lead", PIN), ("a", " ", "lead", PIN), ("a", "N", "boss", PIN),
     ("a", "N", "lead", "12345"), ("a", "N", "lead", "x" * 201)],
)  # fmt: skip
def test_what_cannot_be_enrolled_is_refused(desk: Desk, login: str, name: str, role: str, secret: str) -> None:
    with pytest.raises(BadValue):
        people.enrol(desk, login, name, role, secret, BY_SITE).result()


@pytest.mark.usefixtures("quick_secrets")
def test_one_person_leaves_when_another_sits_down(desk: Desk) -> None:
    enrol_lead(desk)
    people.sign_in(desk, "kepala1", PIN).result()
    people.enrol(desk, "op1", "Operator 1", "operator", PIN).result()
    people.sign_in(desk, "op1", PIN).result()
    rows = desk.ask(lambda db: views.desks(db, NOW)).result()
    assert [(row.name, row.person, row.state) for row in rows] == [("Meja 3", "Operator 1", "ready")]


@pytest.mark.usefixtures("quick_secrets")
def test_what_was_written_right_before_signing_out_names_who_wrote_it(desk: Desk) -> None:
    enrol_lead(desk)
    person = people.sign_in(desk, "kepala1", PIN).result()
    incident = desk.ids.uid()
    held = Event()
    busy = desk.store.write(lambda _tx: held.wait(5))
    written = desk.together(lambda inside: intake.open_incident(inside, incident).result())
    desk.person = None
    held.set()
    busy.result()
    written.result()
    opened = desk.ask(lambda db: reads.ops_of(db, incident)).result()
    assert [op.person for op in opened] == [person.uid]
